"""Reports, versions and runs to draw: none, some, and as many as a project has after years."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from backend.registry.entities import ListedVersion
from backend.report.entities import ProjectReport
from backend.stats.agreement import assess_agreement
from backend.stats.change import Measure, unknown
from backend.stats.drift_report import DriftReport
from backend.stats.label_errors import LabelErrorReport
from backend.stats.learning_curve import Outlook
from backend.stats.next_tasks import NextTasksReport
from backend.stats.outlook import OutlookReport
from backend.stats.quality import Part, QualityReport
from backend.training.entities import (
    ClassScore,
    Comparison,
    Difference,
    EpochMetrics,
    ModelScore,
    Phase,
    RunState,
    TrainedVersion,
    TrainingRun,
    Verdict,
    VersionState,
)
from backend.training_settings import TrainingSettings
from tests.backend.report.makers import NOW, make_report


def empty_report(project_id: int = 1) -> ProjectReport:
    """Return the report of a project of which nothing is known."""
    nothing = unknown(Measure.PREDICTION_BIAS, 0, 0, sides="with corrected and with predicted objects")
    advice = "No version has been trained yet."
    return ProjectReport(
        project_id=project_id,
        title="",
        names={},
        made_at=NOW,
        serving=None,
        quality=QualityReport(project_id, ()),
        annotators=(),
        agreement=assess_agreement(project_id, [], iou=0.5, seed=1),
        label_errors=LabelErrorReport(0, 0, 0, {}, (), NOW),
        drift=DriftReport(None, NOW - timedelta(days=30), NOW, 0, 0, (), nothing, ("No version serves.",)),
        outlook=OutlookReport(
            Outlook.TOO_FEW, "F1", 0.85, None, None, None, advice, (), (), (), (), (), 0, 0
        ),
        next_tasks=NextTasksReport((), 0, (), ()),
        advice=(),
    )  # fmt: skip


def long_report() -> ProjectReport:
    """Return a report of 50 versions and 100 weeks."""
    report = make_report()
    first = report.quality.versions[0]
    versions = tuple(replace(first, version=version_name(number)) for number in range(50, 0, -1))
    week = report.quality.weeks[-1]
    weeks = tuple(
        Part(date(2024, 1, 1) + timedelta(weeks=number), week.corrected, week.blind) for number in range(100)
    )
    return replace(report, quality=QualityReport(report.project_id, versions, weeks))


def version_name(number: int) -> str:
    return f"project-1-v{number}-c{number:07x}"


def model_score(version: str, *, f1: float, classes: tuple[str, ...] = ("car", "person")) -> ModelScore:
    """Return scores that differ from each other in each figure and class."""
    per_class = tuple(
        ClassScore(label, 40 - place, f1 - 0.2 - place / 50, f1 - place / 50, f1, f1 - 0.1, f1 - 0.05)
        for place, label in enumerate(classes)
    )
    return ModelScore(version, f1 - 0.25, f1 + 0.05, f1 + 0.02, f1 - 0.02, f1, 0.3, 12.5, per_class)


def listed_version(number: int, **changes: Any) -> ListedVersion:
    """Return a version that beat the one before it; the first had none to beat."""
    before = version_name(number - 1) if number > 1 else None
    comparison = Comparison(
        images=60,
        objects=400,
        challenger=model_score(version_name(number), f1=0.6 + number / 200),
        champion=model_score(before, f1=0.58 + number / 200) if before else None,
        difference=Difference(0.02, -0.01, 0.05) if before else None,
        class_differences={"car": Difference(0.03, 0.01, 0.05), "person": Difference(-0.04, -0.09, 0.01)}
        if before
        else {},
    )
    trained = TrainedVersion(
        version=version_name(number),
        project_id=1,
        number=number,
        parent=before,
        run_id=f"run{number}",
        snapshot="5" * 64,
        controls=("label",),
        artifact=None,
        state=VersionState.ARCHIVED,
        comparison=comparison,
        created_at=NOW + timedelta(days=number),
    )
    listed = ListedVersion(trained, 100 * number, Verdict.PROMOTE, ("Not worse.", "No class fell."))
    return replace(listed, **changes)


def training_run(number: int = 1, **changes: Any) -> TrainingRun:
    """Return a run that has ended well."""
    given: dict[str, Any] = {
        "id": f"run{number}",
        "project_id": 1,
        "state": RunState.DONE,
        "phase": Phase.PROMOTE,
        "reason": "50 tasks were reviewed.",
        "settings": TrainingSettings(),
        "base": None,
        "base_weights": None,
        "snapshot": None,
        "epoch": 12,
        "epochs": 50,
        "batch": 16,
        "seconds": 930.0,
        "checkpoint": None,
        "attempts": 1,
        "retry_at": None,
        "error": None,
        "warnings": (),
        "notes": (),
        "version": version_name(number),
        "verdict": Verdict.PROMOTE,
        "verdict_reasons": ("Not worse.",),
        "device": "cpu",
        "is_cancel_asked": False,
        "created_at": NOW,
        "started_at": NOW,
        "finished_at": NOW + timedelta(minutes=20),
    }
    return TrainingRun(**{**given, **changes})


def epoch_metrics(epoch: int) -> EpochMetrics:
    """Return what a detector reports of an epoch."""
    metrics = {
        "train/box_loss": 2.0 / epoch,
        "val/box_loss": 2.2 / epoch,
        "metrics/mAP50(B)": 1 - 1 / (epoch + 1),
        "metrics/mAP50-95(B)": 0.8 - 0.8 / (epoch + 1),
    }
    return EpochMetrics(epoch, 12.0, metrics)
