"""One SAM on one device: images to features, prompts in its input's pixels to logits. It keeps neither.

The encoder computes in half floats on CUDA, where the library keeps whatever needs more range in single
ones. The decoder is small, and computes in single floats everywhere.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from backend.entities import Image, ImageSize
from backend.sam.architectures import SamArchitecture, build_sam
from backend.sam.input_frame import InputFrame, fit

# Measured with MobileSAM's decoder, which is also ViT-B's, on one core: 138 ms of processor time for a box
# alone, 119 in fours, 150 in eights, 205 in thirty-twos, whose planes no longer fit into the caches.
_CPU_BOXES, _DEVICE_BOXES = 4, 64


@dataclass(frozen=True, slots=True, eq=False)
class DecoderInput:
    """Prompts of B masks, float32, in pixels of the input; what is None is none of these prompts.

    `points` is (B, n, 2) with `labels` (B, n), 1 on the thing and 0 beside it; `boxes` is (B, 4), xyxy;
    `logits` is (B, 1, 4g, 4g) for embeddings of side g.
    """

    points: NDArray[np.float32] | None = None
    labels: NDArray[np.float32] | None = None
    boxes: NDArray[np.float32] | None = None
    logits: NDArray[np.float32] | None = None


class Network:
    """A SAM with its weights. Nothing in it changes after it is made, so any number of threads may call."""

    def __init__(self, sam: Any, architecture: SamArchitecture, *, device: str) -> None:
        """Take the SAM over and move it to a device."""
        # TinyViT gathers its attention biases in `eval`, so that comes after the move.
        self._sam = sam.to(device).eval()
        self._device = torch.device(device)
        if self._device.type == "cpu":
            # The image's tokens come with their channels last, so that nothing need be copied: measured with
            # MobileSAM's decoder on one core, 103 ms instead of 133, and the same logits to 2e-7.
            self._sam.mask_decoder.output_upscaling.to(memory_format=torch.channels_last)
        self.architecture = architecture
        # How many masks one pass of the decoder should make at most.
        self.boxes_at_once = _CPU_BOXES if self._device.type == "cpu" else _DEVICE_BOXES
        with torch.inference_mode():
            self._places = sam.prompt_encoder.get_dense_pe()

    @property
    def memory_bytes(self) -> int:
        """Memory that the weights take."""
        return sum(tensor.nbytes for tensor in (*self._sam.parameters(), *self._sam.buffers()))

    @torch.inference_mode()
    def encode(self, image: Image) -> NDArray[np.float16]:
        """Return the features (C, g, g) of an image, (H, W, 3) uint8 blue-green-red."""
        height, width = image.shape[:2]
        fitted = fit(image, InputFrame(ImageSize(width, height), self.architecture.image_size))
        colours = np.ascontiguousarray(fitted[..., ::-1].transpose(2, 0, 1))
        pixels = self._sam.preprocess(torch.from_numpy(colours).to(self._device))[None]
        # Each weight is used once an image: a cache of their half floats would only take memory.
        is_half = self._device.type == "cuda"
        with torch.autocast(self._device.type, torch.float16, enabled=is_half, cache_enabled=False):
            features = self._sam.image_encoder(pixels)[0]
        return np.asarray(features.half().cpu().numpy(), np.float16)

    @torch.inference_mode()
    def decode(
        self, features: NDArray[np.float16], prompts: DecoderInput, *, multimask: bool
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits (B, K, 4g, 4g) and predicted IoU (B, K) of B prompts on one image.

        K is 3 masks, of a part, a bigger part and the whole, with `multimask`, else 1.
        """
        points = self._tensor(prompts.points)
        sparse, dense = self._sam.prompt_encoder(
            points=None if points is None else (points, self._tensor(prompts.labels)),
            boxes=self._tensor(prompts.boxes),
            masks=self._tensor(prompts.logits),
        )
        logits, scores = self._sam.mask_decoder(
            image_embeddings=torch.from_numpy(features).to(self._device).float()[None],
            image_pe=self._places,
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=multimask,
        )
        return logits.cpu().numpy(), scores.cpu().numpy()

    def copy_to_cpu(self) -> "Network":
        """Return another one with the same weights, made without a byte of this device's memory."""
        sam = build_sam(self.architecture)
        sam.load_state_dict({name: tensor.cpu() for name, tensor in self._sam.state_dict().items()})
        return Network(sam, self.architecture, device="cpu")

    def _tensor(self, values: NDArray[np.float32] | None) -> torch.Tensor | None:
        return None if values is None else torch.from_numpy(values).to(self._device)


def is_memory_short(error: RuntimeError) -> bool:
    """Tell whether torch failed for want of memory, on whichever device."""
    words = ("out of memory", "not enough memory", "allocate memory", "ALLOC_FAILED")
    return isinstance(error, torch.OutOfMemoryError) or any(word in str(error) for word in words)


def empty_device_cache() -> None:
    """Give memory that torch holds and does not use back to the device, for other programs."""
    torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()
