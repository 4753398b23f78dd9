"""What models find in one task's images: YOLO's detections, cleaned, and SAM's masks of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

from backend.entities import Image, ImageSize, Mask, Task
from backend.errors import MediaError, ModelError
from backend.inference.checkpoint import Checkpoint
from backend.inference.composition import Kept, TaskFindings, keep_findings
from backend.inference.hygiene import HygieneLimits
from backend.inference.manager import ModelManager
from backend.inference.plan import Plan
from backend.inference.seen import Seen
from backend.labelstudio.label_config import image_address, takes_masks_of_boxes
from backend.media.brightness import mean_brightness
from backend.media.loader import MediaLoader, digest_of
from backend.sam.box_masks import BoxMasks

_TOO_LATE = "The request's time was up before this task's turn (PREDICT_TIMEOUT). Ask again, for fewer tasks."


@dataclass(frozen=True, slots=True, eq=False)
class _Picture:
    """An image of a task. `digest` is that of its file, where SAM will want it."""

    image: Image
    digest: str | None

    @property
    def size(self) -> ImageSize:
        height, width = self.image.shape[:2]
        return ImageSize(width=width, height=height)


class Finder:
    """Looks at images; safe for any number of threads.

    Args:
        manager: Holds the models.
        media: Loads images.
        limits: When a detection is not worth showing.
        box_masks: Makes masks of boxes; None where no SAM serves.
    """

    def __init__(
        self,
        manager: ModelManager,
        media: MediaLoader,
        *,
        limits: HygieneLimits,
        box_masks: BoxMasks | None,
    ) -> None:
        self._manager = manager
        self._media = media
        self._limits = limits
        self._box_masks = box_masks

    def find(self, task: Task, plan: Plan, *, deadline: float) -> TaskFindings:
        """Return what is worth showing in a task's images, and what else is known of them.

        Args:
            task: The task.
            plan: What its labeling config asks for.
            deadline: Moment of `time.perf_counter` from which on it is given up.

        Raises:
            MediaError: an image cannot be had, or it is too late.
            ModelError: SAM is needed and cannot be had.
            Exception: a model fails.
        """
        if perf_counter() > deadline:
            raise MediaError("too_late", _TOO_LATE)
        pictures = self._load(task, plan)
        try:
            seen = self._look(plan, pictures, deadline)
            found = [
                (each.detections, pictures[tag.control.image_value].size)
                for tag, each in zip(plan.tags, seen, strict=True)
            ]
            kept = keep_findings(plan, found, limits=self._limits)
            masks = self._masks(kept, pictures, deadline)
            first = next(iter(pictures.values()), None)  # the first tag's
            return TaskFindings(
                kept,
                masks,
                brightness=None if first is None else mean_brightness(first.image),
                embedding=seen[0].embedding if seen else None,
            )
        except TimeoutError:
            raise MediaError("too_late", _TOO_LATE) from None

    def _load(self, task: Task, plan: Plan) -> dict[str, _Picture]:
        """Return the task's images by their value in the labeling config."""
        pictures = {}
        for_sam = {t.control.image_value for t in plan.tags if takes_masks_of_boxes(t.control)}
        for value, control in {tag.control.image_value: tag.control for tag in plan.tags}.items():
            data, image = self._media.load_file(image_address(control, task.data), task_id=task.id)
            pictures[value] = _Picture(image, digest_of(data) if value in for_sam else None)
        return pictures

    def _look(self, plan: Plan, pictures: Mapping[str, _Picture], deadline: float) -> list[Seen]:
        """Return what each tag's model sees; a model runs once over an image, however many tags ask it."""
        thresholds: dict[tuple[Checkpoint, str], float] = {}
        for tag in plan.tags:
            key = (tag.checkpoint, tag.control.image_value)
            thresholds[key] = min(tag.threshold, thresholds.get(key, 1.0))
        futures = {
            (checkpoint, value): self._manager.submit(checkpoint, pictures[value].image, threshold=threshold)
            for (checkpoint, value), threshold in thresholds.items()
        }
        seen = {key: future.result(timeout=_left(deadline)) for key, future in futures.items()}
        return [seen[tag.checkpoint, tag.control.image_value] for tag in plan.tags]

    def _masks(
        self, kept: Kept, pictures: Mapping[str, _Picture], deadline: float
    ) -> dict[str, Sequence[Mask]]:
        """Return the masks of those tags that take them of boxes: of each detection that is kept."""
        masks: dict[str, Sequence[Mask]] = {}
        for tag in kept.findings:
            picture = pictures[tag.control.image_value]
            if not takes_masks_of_boxes(tag.control) or picture.digest is None:
                continue
            if self._box_masks is None:
                raise ModelError(f'No SAM serves this process, and "{tag.control.name}" has sam_from_boxes.')
            masks[tag.control.name] = self._box_masks.masks(
                picture.image,
                picture.digest,
                [detection.box for detection in tag.detections if detection.box is not None],
                fill_holes=tag.control.type == "PolygonLabels",
                timeout=_left(deadline),
            )
        return masks


def _left(deadline: float) -> float | None:
    return None if math.isinf(deadline) else max(0.0, deadline - perf_counter())
