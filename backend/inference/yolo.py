"""One ultralytics model in memory. Owns batching by shape; not safe for several threads at once."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch
from ultralytics import YOLO
from ultralytics.data.augment import LetterBox
from ultralytics.engine.predictor import BasePredictor

from backend.entities import Box, Detection, Image, ImageSize
from backend.errors import ModelError
from backend.geometry import letterbox_shape
from backend.inference.checkpoint import Checkpoint, read_checkpoint


class YoloEngine:
    """Run one checkpoint on images.

    Every image is letterboxed to the smallest shape that holds it, just as ultralytics does for a single
    image, and only images of one such shape share a batch: a result never depends on its neighbours.
    """

    def __init__(self, checkpoint: Checkpoint, *, device: str) -> None:
        """Load the weights.

        Args:
            checkpoint: A file that `read_checkpoint` accepted.
            device: auto, cpu, cuda:0, mps.

        Raises:
            ModelError: ultralytics or the device refuses the file.
        """
        self.device = resolve_device(device)
        try:
            self._model = YOLO(str(checkpoint.path), task=checkpoint.task)
            self._model.to(self.device)
            self._stride = int(max(self._model.model.stride))
            self._target = _longer_side(self._model.overrides.get("imgsz", 640))
            self._predictor = _rect_predictor(self._model)
        except (RuntimeError, AttributeError, ImportError, KeyError, TypeError, ValueError, OSError) as error:
            raise ModelError(f"ultralytics cannot load {checkpoint.path.name}: {error}") from error
        if read_checkpoint(checkpoint.path).digest != checkpoint.digest:
            raise ModelError(f"{checkpoint.path.name} was replaced while it was loaded; it is read again.")

    def batch_key(self, image: Image) -> tuple[int, int]:
        """Return what images must have in common to share a batch: (height, width) of their input."""
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
        groups: dict[tuple[int, int], list[int]] = defaultdict(list)
        for index, image in enumerate(images):
            groups[self.batch_key(image)].append(index)
        found: list[list[Detection]] = [[] for _ in images]
        for indices in groups.values():
            results = self._model.predict(
                [images[i] for i in indices],
                conf=threshold,
                verbose=False,
                device=self.device,
                quantize=16 if self.device.startswith("cuda") else None,
                predictor=self._predictor,
            )
            for index, result in zip(indices, results, strict=True):
                found[index] = _detections(result)
        return found


def resolve_device(device: str) -> str:
    """Return the torch device that a DEVICE setting means.

    Raises:
        ModelError: no such device here.
    """
    if device == "auto":
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(f'DEVICE is "{device}", which cannot be used: {error}. Try DEVICE=auto.') from None
    return device


def _longer_side(size: object) -> int:
    """Return the network input's longer side in pixels; a checkpoint holds it as one number or as two."""
    return max(map(int, size)) if isinstance(size, list | tuple) else int(str(size))


def _rect_predictor(model: YOLO) -> type[BasePredictor]:
    base: type[BasePredictor] = model._smart_load("predictor")

    class RectPredictor(base):  # type: ignore[misc]
        # ultralytics pads a batch of unlike images to a square; ours all share one smallest shape.
        def pre_transform(self, im: list[Image]) -> list[Image]:
            letterbox = LetterBox(self.imgsz, auto=True, stride=self.model.stride)
            return [letterbox(image=image) for image in im]

    return RectPredictor


def _detections(result: Any) -> list[Detection]:
    boxes = result.boxes.cpu().numpy()
    return [
        Detection(result.names[int(label)], float(score), Box(*map(float, xyxy)))
        for xyxy, score, label in zip(boxes.xyxy, boxes.conf, boxes.cls, strict=True)
    ]
