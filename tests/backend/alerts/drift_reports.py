"""Reports of drift with what they say of each measure."""

from typing import Any

from backend.stats.change import Drift, Measure, Verdict
from backend.stats.drift_report import DriftReport
from tests.backend.alerts.project_facts import NOW, days_ago


def drift(measure: Measure, verdict: Verdict = Verdict.NONE, **changes: Any) -> Drift:
    """Return a measure of enough images; without changes nothing is seen in it."""
    value = {Verdict.SMALL: 0.04, Verdict.MODERATE: 0.15, Verdict.LARGE: 0.4}.get(verdict, 0.01)
    given = {
        "sentence": f"What there is to say of {measure} (PSI {value:.2f}).",
        "expected_images": 100,
        "actual_images": 200,
        "value": value,
        "limit": 0.03,
        "p_value": 0.5 if verdict == Verdict.NONE else 0.001,
        "low": value / 2,
        "high": value * 2,
        **changes,
    }
    return Drift(measure, verdict, **given)


def report(*measures: Drift, **changes: Any) -> DriftReport:
    """Return a report in which all is as it was but for these measures."""
    found = {measure: drift(measure) for measure in Measure} | {each.measure: each for each in measures}
    bias = found.pop(Measure.PREDICTION_BIAS)
    given = {
        "version": "v3",
        "since": days_ago(30),
        "until": NOW,
        "training_images": 100,
        "period_images": 200,
        "measures": tuple(found.values()),
        "bias": bias,
        "notes": (),
        **changes,
    }
    return DriftReport(**given)
