"""What a new model finds in the images that were held out of its training, as it will when it serves. Pure.

Drift compares it with what the model finds later on, so that both sides are of one kind.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from backend.entities import ControlTag, Detection, Image, ImageSize
from backend.inference.hygiene import HygieneLimits, filter_detections
from backend.inference.regions import TagFindings, shown_choices
from backend.labelstudio.label_config import label_map
from backend.media.brightness import mean_brightness
from backend.settings import Settings
from backend.stats.drift import ImageFacts
from backend.training.entities import TrainingTarget
from retrain.evaluation.shown import lowest_score

_POINTS, _CHOICES = "KeyPointLabels", "Choices"


@dataclass(frozen=True, slots=True)
class _Tag:
    """A control tag that the model will fill: labels by class, and the lowest score that is shown."""

    control: ControlTag
    labels: Mapping[str, str]
    threshold: float


class HeldOut:
    """Takes in images with what a model finds in them, and keeps what drift compares.

    Args:
        target: What the model learnt to find.
        class_names: The model's own.
        controls: Of the project's labeling config; none where it is not known: then one tag is taken to hold
            all labels.
        settings: Lowest shown score, and the limits of hygiene.
    """

    def __init__(
        self,
        target: TrainingTarget,
        class_names: Sequence[str],
        controls: Sequence[ControlTag],
        settings: Settings,
    ) -> None:
        self._tags = _tags(target, class_names, controls, default=settings.score_threshold)
        self._limits = HygieneLimits(
            nested=settings.filter_nested,
            duplicates=settings.filter_duplicates,
            slivers=settings.filter_slivers,
            outside=settings.filter_outside,
        )
        self._facts: list[ImageFacts] = []

    @property
    def facts(self) -> tuple[ImageFacts, ...]:
        """What is known of each image so far, in the order in which they came."""
        return tuple(self._facts)

    def add(self, images: Sequence[Image], found: Sequence[Sequence[Detection]]) -> None:
        """Take in images, each with its detections in pixels, of low scores as well."""
        self._facts += map(self._facts_of, images, found)

    def _facts_of(self, image: Image, detections: Sequence[Detection]) -> ImageFacts:
        size = ImageSize(image.shape[1], image.shape[0])
        shown = [thing for tag in self._tags for thing in self._shown(tag, detections, size)]
        return ImageFacts(
            labels=dict(Counter(label for label, _ in shown)),
            scores=[score for _, score in shown],
            brightness=mean_brightness(image),
            size=size,
        )

    def _shown(self, tag: _Tag, detections: Sequence[Detection], size: ImageSize) -> list[tuple[str, float]]:
        """Return label and score of what the tag shows."""
        asked = [d for d in detections if d.class_name in tag.labels and d.score >= tag.threshold]
        labels = [tag.labels[detection.class_name] for detection in asked]
        kept, _ = filter_detections(asked, labels, size=size, limits=self._limits)
        if tag.control.type == _CHOICES:
            kept = shown_choices(TagFindings(tag.control, tag.labels, {}, tuple(kept), size))
        return [(tag.labels[detection.class_name], detection.score) for detection in kept]


def _tags(
    target: TrainingTarget, class_names: Sequence[str], controls: Sequence[ControlTag], *, default: float
) -> list[_Tag]:
    """Return the tags whose regions are counted; key points belong to boxes, which count already."""
    counted = [each for each in controls if each.name in target.controls and each.type != _POINTS]
    # The classes are the labels: what other weights call them means nothing to the project's own.
    maps = [(each, label_map(replace(each, predicted_values={}), class_names)) for each in counted]
    tags = [_Tag(each, labels, lowest_score(each, default)) for each, labels in maps if labels]
    return tags or [_only_tag(target, class_names, default)]


def _only_tag(target: TrainingTarget, class_names: Sequence[str], threshold: float) -> _Tag:
    control = ControlTag(
        type=_CHOICES if target.task == "classify" else "RectangleLabels",
        name=target.controls[0],
        to_name="image",
        image_value=target.image_value,
        labels=target.labels,
    )
    return _Tag(control, {name: name for name in class_names}, threshold)
