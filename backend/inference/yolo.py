"""One ultralytics model in memory. Owns batching by shape; not safe for several threads at once."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch
from ultralytics import YOLO
from ultralytics.data.augment import LetterBox
from ultralytics.engine.predictor import BasePredictor
from ultralytics.models.yolo.detect import DetectionPredictor

from backend.entities import Detection, Image, ImageSize
from backend.errors import ModelError
from backend.geometry import letterbox_shape
from backend.inference.checkpoint import Checkpoint, read_checkpoint
from backend.inference.embedding import Embedder
from backend.inference.heads import detections
from backend.inference.seen import Seen

# ultralytics pads to multiples of 32 pixels at least, whatever the model's own stride.
_LEAST_STRIDE = 32


class YoloEngine:
    """Run one checkpoint on images.

    Every image is letterboxed to the smallest shape that holds it, just as ultralytics does for a single
    image, and only images of one such shape share a batch: a result never depends on its neighbours.
    A classifier cuts every image to one square, so there all images share.
    """

    def __init__(self, checkpoint: Checkpoint, *, device: str) -> None:
        """Load the weights.

        Args:
            checkpoint: A file that `read_checkpoint` accepted.
            device: auto, cpu, cuda:0, mps.

        Raises:
            ModelError: the file is another one by now, or ultralytics or the device refuses it.
        """
        self.device = resolve_device(device)
        self.task = checkpoint.task
        # Loading runs what the file names, so it must be the one that was looked at, before and after.
        _refuse_other_file(checkpoint)
        try:
            self._model = YOLO(str(checkpoint.path), task=checkpoint.task)
            self._model.ckpt = None  # holds the optimizer's state too, where a training was not finished
            self._model.to(self.device)
            self._stride = max(int(max(self._model.model.stride)), _LEAST_STRIDE)
            longer = _longer_side(self._model.overrides.get("imgsz", 640))
            self._target = -(-longer // self._stride) * self._stride
            self._predictor = _predictor(self._model)
            self._embedder = Embedder(self._model.model)
        except (RuntimeError, AttributeError, ImportError, KeyError, TypeError, ValueError, OSError) as error:
            raise ModelError(f"ultralytics cannot load {checkpoint.path.name}: {error}") from error
        _refuse_other_file(checkpoint)

    @property
    def memory_bytes(self) -> int:
        """Memory that the loaded weights take."""
        network = self._model.model
        return sum(tensor.nbytes for tensor in (*network.parameters(), *network.buffers()))

    def batch_key(self, image: Image) -> tuple[int, int]:
        """Return what images must have in common to share a batch: (height, width) of their input."""
        if self.task == "classify":
            return self._target, self._target
        height, width = image.shape[:2]
        return letterbox_shape(ImageSize(width, height), target=self._target, stride=self._stride)

    def detect(self, images: Sequence[Image], *, threshold: float) -> list[list[Detection]]:
        """Detect objects, images of one shape in one forward pass.

        Args:
            images: BGR images, (H, W, 3) uint8, upright, any sizes.
            threshold: Lowest score returned, in [0, 1].

        Returns:
            For each image its detections, highest score first, in pixels of that image.
        """
        return [list(seen.detections) for seen in self.see(images, threshold=threshold)]

    def see(self, images: Sequence[Image], *, threshold: float) -> list[Seen]:
        """Detect objects as `detect` does, and tell what the backbone makes of each image."""
        groups: dict[tuple[int, int], list[int]] = defaultdict(list)
        for index, image in enumerate(images):
            groups[self.batch_key(image)].append(index)
        seen: dict[int, Seen] = {}
        for indices in groups.values():
            results = self._model.predict(
                [images[i] for i in indices],
                conf=threshold,
                imgsz=self._target,
                verbose=False,
                device=self.device,
                quantize=16 if self.device.startswith("cuda") else None,
                predictor=self._predictor,
            )
            embeddings = self._embedder.take(len(indices))
            for index, result, embedding in zip(indices, results, embeddings, strict=True):
                found = detections(result, self.task, threshold=threshold)
                seen[index] = Seen(tuple(found), embedding)
        return [seen[index] for index in range(len(images))]


def resolve_device(device: str, *, setting: str = "DEVICE") -> str:
    """Return the torch device that a setting means; `setting` is the name that a refusal gives.

    Raises:
        ModelError: no such device here.
    """
    if device == "auto":
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(
            f'{setting} is "{device}", which cannot be used: {error}. Try {setting}=auto.'
        ) from None
    return device


def _longer_side(size: object) -> int:
    """Return the network input's longer side in pixels; a checkpoint holds it as one number or as two."""
    return max(map(int, size)) if isinstance(size, list | tuple) else int(str(size))


def _refuse_other_file(checkpoint: Checkpoint) -> None:
    if read_checkpoint(checkpoint.path).digest != checkpoint.digest:
        raise ModelError(f"{checkpoint.path.name} was replaced since it was looked at; it is read again.")


def _predictor(model: YOLO) -> type[BasePredictor]:
    base: type[BasePredictor] = model._smart_load("predictor")
    if model.task == "classify":
        return base

    class RectPredictor(base):  # type: ignore[misc]
        # ultralytics pads a batch of unlike images to a square; ours all share one smallest shape.
        def pre_transform(self, im: list[Image]) -> list[Image]:
            letterbox = LetterBox(self.imgsz, auto=True, stride=self.model.stride)
            return [letterbox(image=image) for image in im]

    if model.task != "segment":
        return RectPredictor

    class LogitsPredictor(RectPredictor):
        # ultralytics brings all masks of an image to the input's size, or the original's, at once, as floats.
        # The logits are smaller by far, and resizing them gives a truer outline than resizing a mask.
        def construct_result(
            self, pred: torch.Tensor, img: torch.Tensor, orig_img: Image, img_path: str, proto: torch.Tensor
        ) -> Any:
            logits = (pred[:, 6:] @ proto.float().flatten(1)).view(-1, *proto.shape[1:])
            result = DetectionPredictor.construct_result(self, pred, img, orig_img, img_path)
            result.update(masks=logits)
            return result

    return LogitsPredictor
