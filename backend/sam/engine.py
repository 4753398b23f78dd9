"""segment_anything and MobileSAM as a `SamEngine`: prompts on an image to masks on it, whatever the device.

An image's embedding is handed out and passed back in; between two calls the engine knows of no image. Where
a device's memory does not suffice, the call is computed on the CPU: a click is late then, never lost.
"""

import pickle
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import structlog
from numpy.typing import NDArray

from backend.entities import Image, ImageSize
from backend.errors import ModelError
from backend.inference.weights import version_name
from backend.inference.yolo import resolve_device
from backend.sam.architectures import load_sam
from backend.sam.entities import Embedding, FoundMask, Logits, Prompts
from backend.sam.input_frame import InputFrame, cut_out, stability
from backend.sam.names import embedding_key
from backend.sam.network import DecoderInput, Network, empty_device_cache, is_memory_short

log = structlog.get_logger(__name__)

_Answer = TypeVar("_Answer")
_EXPECTED = (
    "Expected segment_anything's sam_vit_b_01ec64.pth, sam_vit_l_0b3195.pth or sam_vit_h_4b8939.pth, "
    "mobile_sam.pt, or weights that this project's `save_sam` wrote. Name one in SAM_MODEL."
)


class TorchSam:
    """One SAM in memory. Safe for any number of threads.

    Args:
        path: Its weights file.
        digest: SHA-256 of that file, hexadecimal.
        device: auto, cpu, cuda:0, mps.

    Raises:
        ModelError: the file holds no SAM, or the device cannot be used.
    """

    def __init__(self, path: Path, digest: str, *, device: str) -> None:
        self.version = version_name(path, digest)
        self.key = embedding_key(digest)
        self.device = resolve_device(device, setting="SAM_DEVICE")
        self._network = self._load(path)
        self.memory_bytes = self._network.memory_bytes
        # The same on the CPU, made when the device first fails for want of memory.
        self._spare: Network | None = None
        self._spare_lock = threading.Lock()

    def embed(self, image: Image) -> Embedding:
        """Encode one image, (H, W, 3) uint8 BGR, upright.

        Raises:
            ModelError: the machine itself has too little memory.
        """
        height, width = image.shape[:2]
        features = self._compute(lambda network: network.encode(image))
        return Embedding(features, ImageSize(width, height))

    def segment(self, embedding: Embedding, prompts: Sequence[Prompts]) -> list[FoundMask]:
        """Return the mask of each, in order. Prompts that are a box alone share passes of the decoder.

        Raises:
            ValueError: a prompt holds nothing, or logits or features of another size than the model's.
            ModelError: the machine itself has too little memory.
        """
        self._refuse_foreign(embedding, prompts)
        boxes = [index for index, prompt in enumerate(prompts) if _is_box_alone(prompt)]
        most = self._network.boxes_at_once
        passes = [boxes[start : start + most] for start in range(0, len(boxes), most)]
        passes += [[index] for index, prompt in enumerate(prompts) if not _is_box_alone(prompt)]
        found: dict[int, FoundMask] = {}
        for indices in passes:
            answers = self._decode(embedding, [prompts[index] for index in indices])
            found.update(zip(indices, answers, strict=True))
        return [found[index] for index in range(len(prompts))]

    def _decode(self, embedding: Embedding, prompts: Sequence[Prompts]) -> list[FoundMask]:
        """Run the decoder once, on prompts of one kind."""
        frame = InputFrame(embedding.size, self._network.architecture.image_size)
        given = _decoder_input(prompts, frame)
        multimask = _is_single_click(prompts[0])
        logits, scores = self._compute(
            lambda network: network.decode(embedding.features, given, multimask=multimask)
        )
        return [_best(*answer, frame) for answer in zip(logits, scores, strict=True)]

    def _compute(self, call: Callable[[Network], _Answer]) -> _Answer:
        try:
            return call(self._network)
        except RuntimeError as error:
            if not is_memory_short(error):
                raise
            self._report_short(error)
        # Past the handler: the error's traceback holds the tensors of the call that failed.
        empty_device_cache()
        return call(self._on_cpu())

    def _report_short(self, error: RuntimeError) -> None:
        if self.device == "cpu":
            raise ModelError(
                f"The machine has too little memory for {self.version}. Free some, or name a smaller model "
                "in SAM_MODEL."
            ) from error
        hint = "Computed on the CPU. Free memory of the device, or set SAM_DEVICE or a smaller SAM_MODEL."
        log.warning("sam_memory_short", device=self.device, detail=_first_line(error), hint=hint)

    def _on_cpu(self) -> Network:
        with self._spare_lock:
            if self._spare is None:
                self._spare = self._network.copy_to_cpu()
            return self._spare

    def _load(self, path: Path) -> Network:
        try:
            sam, architecture = load_sam(path)
        except FileNotFoundError:
            raise ModelError(f"The weights file {path.name} does not exist in {path.parent}.") from None
        except pickle.UnpicklingError as error:
            # torch's own words advise to run what the file names.
            raise ModelError(f"{path.name} holds more than tensors, or none. {_EXPECTED}") from error
        # The boundary of third-party code that takes apart a file of unknown origin: what that holds may make
        # it fail in any way.
        except Exception as error:
            log.warning("sam_unreadable", path=str(path), error=repr(error)[:200])
            raise ModelError(
                f"{path.name} cannot be read as a SAM: {_first_line(error)} {_EXPECTED}"
            ) from error
        try:
            return Network(sam, architecture, device=self.device)
        except RuntimeError as error:
            if not is_memory_short(error):
                raise ModelError(f"{path.name} cannot run on {self.device}: {_first_line(error)}") from error
            self._report_short(error)
        empty_device_cache()
        self.device = "cpu"
        return Network(sam, architecture, device="cpu")

    def _refuse_foreign(self, embedding: Embedding, prompts: Sequence[Prompts]) -> None:
        sizes = self._network.architecture
        expected = (sizes.prompt_width, sizes.grid, sizes.grid)
        if embedding.features.shape != expected:
            raise ValueError(f"the embedding is {embedding.features.shape}; this model makes {expected}")
        side = 4 * sizes.grid
        for prompt in prompts:
            if not prompt.points and prompt.box is None and prompt.logits is None:
                raise ValueError("a prompt holds neither points nor a box nor logits; expected one of them")
            if prompt.logits is not None and prompt.logits.shape != (side, side):
                raise ValueError(f"logits are {prompt.logits.shape}; this model takes {(side, side)}")


def _is_box_alone(prompt: Prompts) -> bool:
    return prompt.box is not None and not prompt.points and prompt.logits is None


def _is_single_click(prompt: Prompts) -> bool:
    """Tell whether a prompt is one click on a thing, which may mean the thing or a part of it."""
    is_alone = len(prompt.points) == 1 and prompt.box is None and prompt.logits is None
    return is_alone and prompt.points[0].is_positive


def _decoder_input(prompts: Sequence[Prompts], frame: InputFrame) -> DecoderInput:
    """Return prompts that hold the same, in pixels of the input."""
    first = prompts[0]
    points = np.array([[(point.x, point.y) for point in prompt.points] for prompt in prompts], np.float64)
    labels = np.array([[point.is_positive for point in prompt.points] for prompt in prompts], np.float32)
    boxes = [(box.x1, box.y1, box.x2, box.y2) for prompt in prompts if (box := prompt.box)]
    return DecoderInput(
        points=(points * frame.gains).astype(np.float32) if first.points else None,
        labels=labels if first.points else None,
        boxes=(np.array(boxes) * (frame.gains * 2)).astype(np.float32) if boxes else None,
        logits=None if first.logits is None else np.array(first.logits, np.float32)[None, None],
    )


def _best(logits: NDArray[np.float32], scores: NDArray[np.float32], frame: InputFrame) -> FoundMask:
    """Return the best of K masks, (K, 4g, 4g), by the sum of predicted IoU and stability."""
    chosen = 0
    if len(logits) > 1:
        ranks = [score + stability(plane, frame) for plane, score in zip(logits, scores, strict=True)]
        chosen = int(np.argmax(ranks))
    # A copy: a view would keep the planes of the whole pass in memory.
    plane: Logits = logits[chosen].copy()
    return FoundMask(cut_out(plane, frame), float(np.clip(scores[chosen], 0, 1)), plane)


def _first_line(error: Exception) -> str:
    """Return the start of an error that torch explains at length, as a sentence."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return f"{lines[0][:200].rstrip('.:')}."
