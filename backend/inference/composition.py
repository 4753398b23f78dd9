"""From what models found in one task's images to the prediction that is shown."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backend.entities import Detection, ImageSize, Prediction, Task
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


def compose_prediction(
    task: Task,
    plan: Plan,
    found: Sequence[tuple[Sequence[Detection], ImageSize]],
    *,
    project_id: int | None,
    presentation: Presentation,
    seconds: float,
) -> Prediction:
    """Return the prediction of one task.

    Args:
        task: The task.
        plan: What its labeling config asks for.
        found: For each tag of the plan what its model found, and the size of its image.
        project_id: Label Studio's project.
        presentation: How findings become what people see.
        seconds: Time that the task's image cost so far.
    """
    filtered: Counter[str] = Counter()
    findings = []
    for tag, (detections, size) in zip(plan.tags, found, strict=True):
        shown = [detection for detection in detections if _is_asked_for(tag, detection)]
        labels = [tag.label_map.get(detection.class_name, detection.class_name) for detection in shown]
        kept, counts = filter_detections(shown, labels, size=size, limits=presentation.limits)
        filtered.update(counts)
        findings.append(TagFindings(tag.control, tag.label_map, tag.points, tuple(kept), size))
    regions = build_regions(
        findings,
        polygon_points=presentation.polygon_points,
        identify=lambda index: region_id(project_id, task.id, plan.version, index),
    )
    return Prediction(
        task_id=task.id,
        version=plan.version,
        size=found[0][1] if found else None,
        regions=regions,
        # Without a model nothing is certain: 1 - threshold is 0 then.
        score=task_certainty(object_scores(findings, threshold=plan.threshold), threshold=plan.threshold),
        seconds=seconds,
        filtered=_without_zeros(filtered),
        blind=is_blind(project_id, task.id, fraction=presentation.blind_fraction),
    )


def _is_asked_for(tag: TagPlan, detection: Detection) -> bool:
    is_mapped = detection.class_name in tag.label_map or detection.class_name in tag.points
    return is_mapped and detection.score >= tag.threshold


def _without_zeros(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}
