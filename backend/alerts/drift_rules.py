"""Whether a change since training is worth an alert, one for each measure. A report in, findings out."""

from backend.alerts.entities import AlertKind, Finding
from backend.stats.change import (
    CLASS_FACTOR,
    CLASS_POINTS,
    LEAST_IMAGES,
    MODERATE,
    NEGLIGIBLE,
    Drift,
    Measure,
    Verdict,
    has_moved,
)
from backend.stats.drift_report import DriftReport

# An alert ends where the change is half of what raised it, or chance makes one like it this often: a figure
# close to a limit would raise and end it in turn.
_CALM = MODERATE / 2
_CALM_FACTOR = (CLASS_FACTOR + 1) / 2
_CALM_POINTS = CLASS_POINTS / 2
_OF_CLASSES = (Measure.CLASS_MIX, Measure.PREDICTION_BIAS)
_EASILY_CHANCE = 0.05

_LEARN = "Review some of the new tasks, so that the next training run learns from them."
_LOOK = (
    "Look at some of the new images: a camera, its settings or the way images are stored may be others now. "
    "If that is to stay, review some of them, so that the next training run learns from them."
)
_TODO = {
    Measure.CLASS_MIX: _LEARN,
    Measure.OBJECTS: _LEARN,
    Measure.SCORES: f"The model is not as sure of the new images as it was. {_LEARN}",
    Measure.BRIGHTNESS: _LOOK,
    Measure.SIZE: _LOOK,
    Measure.PREDICTION_BIAS: (
        "See which labels are corrected (python -m backend quality --project {project}), and let a training "
        "run learn from the corrected tasks (python -m backend train --project {project})."
    ),
}


def drift_keys() -> tuple[str, ...]:
    """Return the keys of alerts: each measure's opens and ends by itself."""
    return tuple(map(_key, Measure))


def judge_drift(project_id: int, report: DriftReport | None, *, is_watched: bool) -> list[Finding]:
    """Return what is found, at most one finding of each measure; without one its alert stays as it is.

    Args:
        project_id: Label Studio's.
        report: As last worked out. Without one nothing is known: it will be worked out again.
        is_watched: Whether people want to be told (ALERT_DRIFT).
    """
    if not is_watched:
        text = "whether images have changed since training is no longer watched (ALERT_DRIFT)."
        return [_in_order(measure, project_id, text) for measure in Measure]
    if report is None:
        return []
    found = [_judge(project_id, report, drift) for drift in (*report.measures, report.bias)]
    return [finding for finding in found if finding is not None]


def _judge(project_id: int, report: DriftReport, drift: Drift) -> Finding | None:
    if drift.verdict == Verdict.UNKNOWN:
        is_for_good = drift.measure != Measure.PREDICTION_BIAS and drift.expected_images < LEAST_IMAGES
        # Of the period more images come by themselves; of what the model was trained on, none.
        if not is_for_good:
            return None
        text = f"{drift.measure} cannot be compared with the training of {_name(report)}."
        return _in_order(drift.measure, project_id, text)
    if drift.verdict in (Verdict.MODERATE, Verdict.LARGE):
        todo = _TODO[drift.measure].format(project=project_id)
        details = f"All figures: python -m backend drift --project {project_id}"
        is_bias = drift.measure == Measure.PREDICTION_BIAS
        what = f"{drift.measure} {'of' if is_bias else 'since the training of'} {_name(report)}"
        text = f"Project {project_id}: {what}: {drift.sentence} {todo} {details}"
        return Finding(AlertKind.DRIFT, True, text, _key(drift.measure))
    return _in_order(drift.measure, project_id, drift.sentence) if _is_over(drift) else None


def _is_over(drift: Drift) -> bool:
    assert drift.value is not None and drift.p_value is not None  # known of each verdict but "unknown"
    if drift.p_value > _EASILY_CHANCE:
        return True
    is_moved = drift.measure in _OF_CLASSES and has_moved(
        drift.bins, factor=_CALM_FACTOR, points=_CALM_POINTS
    )
    return drift.value < NEGLIGIBLE or (drift.value < _CALM and not is_moved)


def _name(report: DriftReport) -> str:
    return report.version or "the weights of the settings"


def _in_order(measure: Measure, project_id: int, text: str) -> Finding:
    return Finding(AlertKind.DRIFT, False, f"Project {project_id}: {text}", _key(measure))


def _key(measure: Measure) -> str:
    return measure.replace(" ", "_")
