"""From what models found in one task's images to the prediction that is shown."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from backend.entities import Detection, ImageSize, Mask, Prediction, Task
from backend.inference.blind import is_blind
from backend.inference.certainty import object_scores, task_certainty
from backend.inference.hygiene import HygieneLimits, filter_detections
from backend.inference.plan import Plan, TagPlan
from backend.inference.regions import TagFindings, build_regions
from backend.labelstudio.results import region_id


@dataclass(frozen=True, slots=True)
class Presentation:
    """How findings become what people see.

    `polygon_points` is the most points of a polygon, `limits` are those of hygiene, and `blind_fraction` is
    the share of tasks, in [0, 1], whose prediction is not shown.
    """

    polygon_points: int
    limits: HygieneLimits
    blind_fraction: float


@dataclass(frozen=True, slots=True)
class Kept:
    """What is worth showing of what models found in one task's images.

    `findings` has an entry for each tag of the plan; `filtered` counts what hygiene took out, by filter.
    """

    findings: tuple[TagFindings, ...]
    filtered: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TaskFindings:
    """All that is known of one task's images.

    `masks` are, by the name of a control tag, those that are shown in place of what its model found, in
    order. `brightness` and `embedding` are as in `Prediction`.
    """

    kept: Kept
    masks: Mapping[str, Sequence[Mask]] = field(default_factory=dict)
    brightness: float | None = None
    embedding: bytes | None = None


def keep_findings(
    plan: Plan, found: Sequence[tuple[Sequence[Detection], ImageSize]], *, limits: HygieneLimits
) -> Kept:
    """Return what is worth showing.

    Args:
        plan: What the labeling config asks for.
        found: For each tag of the plan what its model found, and the size of its image.
        limits: When a detection is taken out.
    """
    filtered: Counter[str] = Counter()
    findings = []
    for tag, (detections, size) in zip(plan.tags, found, strict=True):
        shown = [detection for detection in detections if _is_asked_for(tag, detection)]
        labels = [tag.label_map.get(detection.class_name, detection.class_name) for detection in shown]
        kept, counts = filter_detections(shown, labels, size=size, limits=limits)
        filtered.update(counts)
        findings.append(TagFindings(tag.control, tag.label_map, tag.points, tuple(kept), size))
    return Kept(tuple(findings), {name: count for name, count in filtered.items() if count})


def compose_prediction(
    task: Task,
    plan: Plan,
    found: TaskFindings,
    *,
    project_id: int | None,
    presentation: Presentation,
    seconds: float,
) -> Prediction:
    """Return the prediction of one task.

    Args:
        task: The task.
        plan: What its labeling config asks for.
        found: What is known of its images.
        project_id: Label Studio's project.
        presentation: How findings become what people see.
        seconds: Time that the task's image cost so far.
    """
    kept = found.kept
    regions = build_regions(
        [_with_masks(tag, found.masks.get(tag.control.name)) for tag in kept.findings],
        polygon_points=presentation.polygon_points,
        identify=lambda index: region_id(project_id, task.id, plan.version, index),
    )
    return Prediction(
        task_id=task.id,
        version=plan.version,
        size=kept.findings[0].size if kept.findings else None,
        regions=regions,
        # Without a model nothing is certain: 1 - threshold is 0 then.
        score=task_certainty(
            object_scores(kept.findings, threshold=plan.threshold), threshold=plan.threshold
        ),
        seconds=seconds,
        filtered=kept.filtered,
        blind=is_blind(project_id, task.id, fraction=presentation.blind_fraction),
        brightness=found.brightness,
        embedding=found.embedding,
    )


def _is_asked_for(tag: TagPlan, detection: Detection) -> bool:
    is_mapped = detection.class_name in tag.label_map or detection.class_name in tag.points
    return is_mapped and detection.score >= tag.threshold


def _with_masks(tag: TagFindings, masks: Sequence[Mask] | None) -> TagFindings:
    if masks is None:
        return tag
    drawn = (replace(found, shape=mask) for found, mask in zip(tag.detections, masks, strict=True))
    return replace(tag, detections=tuple(drawn))
