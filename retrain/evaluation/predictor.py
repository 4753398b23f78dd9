"""A model looks at the examples of a snapshot. Owns reading the images and the model; compares nothing."""

from collections.abc import Sequence
from time import perf_counter

from backend.entities import ControlTag, Detection, Image, ImageSize, Region
from backend.errors import LabelConfigError
from backend.inference.checkpoint import Checkpoint
from backend.labelstudio.label_config import parse_label_config
from backend.media.decode import decode_image
from backend.store.artifacts import ArtifactStore
from backend.store.database import Database
from backend.store.projects import label_config_of
from backend.training.entities import Example, TrainingTarget
from backend.training.names import image_artifact
from retrain.evaluation.findings import found_regions, label_classes

# As in ultralytics' validation: average precision takes in what nobody is shown.
LEAST_SCORE = 0.001


class Predictor:
    """One checkpoint in memory.

    Args:
        checkpoint: Of the model.
        target: What it is to find.
        controls: Of the project's labeling config; none for a model whose classes are the labels.
        device: auto, cpu, cuda:0, mps.

    Raises:
        ModelError: the weights cannot be loaded, or there is no such device.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        target: TrainingTarget,
        controls: Sequence[ControlTag],
        *,
        device: str,
    ) -> None:
        # ultralytics reads its environment when it is imported, and torch takes seconds.
        from backend.inference.yolo import YoloEngine

        self.checkpoint = checkpoint
        self._target = target
        self._labels = label_classes(checkpoint.class_names, target, controls)
        self._engine = YoloEngine(checkpoint, device=device)

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        """Return what is found in each image, in its pixels, from `LEAST_SCORE` on."""
        return self._engine.detect(images, threshold=LEAST_SCORE)

    def regions(self, image: Image, detections: Sequence[Detection]) -> tuple[Region, ...]:
        """Return the regions that the detections in an image stand for."""
        size = ImageSize(image.shape[1], image.shape[0])
        return found_regions(detections, size, labels=self._labels, target=self._target)

    def time_one(self, image: Image, *, threshold: float) -> float:
        """Return the seconds that one image takes, from pixels to detections of at least this score."""
        begin = perf_counter()
        self._engine.detect([image], threshold=threshold)
        return perf_counter() - begin


def load_image(artifacts: ArtifactStore, example: Example, *, max_pixels: int) -> Image:
    """Return an example's image, upright.

    Raises:
        ArtifactError: it is missing, out of reach or damaged.
        MediaError: it cannot be decoded.
    """
    path = artifacts.fetch(image_artifact(example.image, example.suffix), digest=example.image)
    return decode_image(path.read_bytes(), max_pixels=max_pixels)


def project_controls(database: Database, project_id: int) -> tuple[ControlTag, ...]:
    """Return the control tags of the project's labeling config as last seen; none if it is of no use."""
    try:
        return parse_label_config(label_config_of(database, project_id) or "<View/>")
    except LabelConfigError:
        return ()  # was changed since the snapshot; equal names do without it
