"""A report as a project has after three versions, with something to say in each part."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from backend.entities import Box, ImageSize, Region
from backend.report.advice import Advice, Topic, Urgency
from backend.report.entities import ProjectReport
from backend.stats.agreement import AgreementReport, assess_agreement
from backend.stats.annotator_figures import AnnotatorFigures, AnnotatorWeek
from backend.stats.change import Measure, unknown
from backend.stats.curve_fit import CurvePoint
from backend.stats.drift import ImageFacts, assess_drift
from backend.stats.drift_report import DriftReport
from backend.stats.intervals import Estimate
from backend.stats.label_errors import ErrorKind, LabelError, LabelErrorReport
from backend.stats.learning_curve import BandPoint, Outlook
from backend.stats.next_tasks import NextTask, NextTasksReport
from backend.stats.outlook import ClassBalance, MoreImages, OutlookReport
from backend.stats.quality import (
    Cell,
    Confusion,
    QualityReport,
    Sums,
    VersionSums,
    assess,
    assess_weeks,
    figures_of,
)
from backend.stats.task_agreement import LabelledTask, LabelSet, Rater, RaterKind, compare_task

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
NAMES = {5: "Ada Byron", 6: "grace@example.org", 7: "Edsger Wybe"}
VERSIONS = ("project-1-v3-c3c3c3c3", "project-1-v2-b2b2b2b2", "yolo11n-0a0a0a0a")


def make_report(project_id: int = 1, *, title: str = "Street scenes") -> ProjectReport:
    """Return a full report."""
    known = [_version_sums(version, place) for place, version in enumerate(reversed(VERSIONS))]
    versions = tuple(assess(each) for each in reversed(known))
    return ProjectReport(
        project_id=project_id,
        title=title,
        names=NAMES,
        made_at=NOW,
        serving=VERSIONS[0],
        quality=QualityReport(project_id, versions, assess_weeks(known)),
        annotators=tuple(_annotator(person, place) for place, person in enumerate(NAMES)),
        agreement=_agreement(project_id),
        label_errors=_label_errors(),
        drift=_drift(),
        outlook=_outlook(),
        next_tasks=_next_tasks(),
        advice=(
            Advice(Topic.DRIFT, Urgency.NOW, "Look at the new images", "PSI 0.31", "They are darker."),
            Advice(
                Topic.IMAGES,
                Urgency.SOON,
                "Review about 320 more images",
                "F1 0.76 (0.72 to 0.80)",
                "The learning curve reaches F1 0.85 there.",
                "python -m backend next --project 1",
            ),
            Advice(
                Topic.TRAINING, Urgency.FINE, "Nothing to do", "30 of 50 tasks", "A run begins by itself."
            ),
        ),
    )


def _version_sums(version: str, place: int) -> VersionSums:
    """The later the version, the better."""
    cells = [
        Cell(is_blind, person, date(2026, 1, 5) + timedelta(weeks=4 * place + week), _sums(place, is_blind))
        for is_blind in (False, True)
        for person in NAMES
        for week in range(4)
    ]
    labels = {(label, blind): _sums(place, blind) for label in ("car", "person") for blind in (False, True)}
    confusions = (Confusion("car", "person", 4),)
    return VersionSums(version, cells, labels, {(None, False): 120, (None, True): 12}, {}, {}, {}, confusions)


def _sums(place: int, is_blind: bool) -> Sums:
    images = 2 if is_blind else 20
    found, wrong = (8 + place) * images, (3 - place) * images
    return Sums(
        annotations=images,
        kept=found - images,
        adjusted=images,
        deleted=wrong,
        added=wrong + (images if is_blind else 0),
        relabelled_from=images // 2,
        relabelled_to=images // 2,
        tp_tp=float(found * found / images + images),
        tp_fp=float(found * wrong / images),
        tp_fn=float(found * wrong / images),
        fp_fp=float(wrong * wrong / images + images),
        fp_fn=float(wrong * wrong / images),
        fn_fn=float(wrong * wrong / images + images),
        with_shown=images,
        with_annotated=images,
        with_either=images,
    )


def _annotator(person: int, place: int) -> AnnotatorFigures:
    untouched = (0.2, 0.35, 0.98)[place]
    return AnnotatorFigures(
        annotator=person,
        annotations=200,
        tasks=190,
        skipped=3 * place,
        seconds=Estimate(40.0 - 15 * place, 36.0 - 15 * place, 45.0 - 15 * place),
        shown=180,
        untouched=Estimate(untouched, untouched - 0.05, min(1.0, untouched + 0.05)),
        corrected=figures_of(_sums(place, False), tasks=20),
        blind=figures_of(_sums(0, True), tasks=2),
        warning="Leaves 98 % of what is shown as it is." if place == 2 else None,
        has_evidence=False,
        weeks=tuple(
            AnnotatorWeek(date(2026, 1, 5) + timedelta(weeks=week), 16, 40.0 - week, untouched)
            for week in range(12)
        ),
    )


def _region(identity: str, *, label: str, box: Box) -> Region:
    return Region(identity, "label", label, 1.0, box, ImageSize(640, 480))


def _agreement(project_id: int) -> AgreementReport:
    raters = [Rater(RaterKind.ANNOTATOR, person) for person in NAMES]
    tasks = []
    for task in range(12):
        sets = [
            LabelSet(
                rater,
                tuple(
                    _region(
                        f"t{task}r{place}o{number}",
                        label="car" if number % 2 else "person",
                        box=Box(60.0 * number, 20, 60.0 * number + 40 + place, 60 + place * 2),
                    )
                    for number in range(4 - (place == 2 and task % 3 == 0))
                ),
            )
            for place, rater in enumerate(raters)
        ]
        tasks.append(LabelledTask(100 + task, tuple(sets), {"label": "image"}))
    compared = [compare_task(task, iou=0.5) for task in tasks]
    return assess_agreement(project_id, compared, iou=0.5, seed=1, draws=200)


def _label_errors() -> LabelErrorReport:
    size, box, other = ImageSize(640, 480), Box(100, 100, 200, 220), Box(110, 90, 240, 260)

    def error(number: int, kind: ErrorKind, score: float, reason: str, **other_fields: Any) -> LabelError:
        fields: dict[str, Any] = {
            "label": "car",
            "box": box,
            "predicted_label": "car",
            "predicted_box": box,
            "predicted_score": 0.95,
        }
        return LabelError(
            100 + number,
            900 + number,
            annotator=7,
            kind=kind,
            score=score,
            size=size,
            version=VERSIONS[0],
            image="/data/upload/1/a.jpg",
            reason=reason,
            **{**fields, **other_fields},
        )

    nothing = {"predicted_label": None, "predicted_box": None, "predicted_score": None}
    errors = (
        error(0, ErrorKind.MISSING, 0.03, "A car with 95 % is not labelled.", label=None, box=None),
        error(1, ErrorKind.WRONG_CLASS, 0.07, "The model says person with 95 %.", predicted_label="person"),
        error(2, ErrorKind.EXTRA, 0.11, "The model sees nothing there.", **nothing),
        error(3, ErrorKind.LOOSE, 0.2, "The box overlaps by 0.55 alone.", predicted_box=other),
    )
    return LabelErrorReport(180, 700, 12, dict.fromkeys(ErrorKind, 1), errors, NOW)


def _drift() -> DriftReport:
    before = [ImageFacts({"car": 2, "person": i % 3}, (0.8, 0.7), 0.5 + i % 7 / 50, ImageSize(640, 480))
              for i in range(60)]  # fmt: skip
    after = [ImageFacts({"car": 1, "person": i % 5}, (0.6, 0.5), 0.2 + i % 9 / 50, ImageSize(640, 480))
             for i in range(80)]  # fmt: skip
    bias = unknown(Measure.PREDICTION_BIAS, 3, 3, sides="with corrected and with predicted objects")
    since = NOW - timedelta(days=30)
    return DriftReport(VERSIONS[0], since, NOW, 60, 80, assess_drift(before, after), bias, ())


def _outlook() -> OutlookReport:
    points = tuple(CurvePoint(f"v{n}", 60 * n, 0.6 + 0.05 * n, 0.02) for n in range(1, 4))
    band = tuple(
        BandPoint(n, Estimate(0.5 + n / 1000, 0.46 + n / 1000, 0.54 + n / 1000)) for n in (60, 180, 400)
    )
    classes = (ClassBalance("car", 500, 170, 0.8, 60, 0.8), ClassBalance("person", 125, 80, 0.2, 14, 0.6))
    return OutlookReport(
        Outlook.REACHABLE, "F1", 0.85, Estimate(0.76, 0.72, 0.8), Estimate(0.92, 0.86, 1.0),
        MoreImages(320, 210, None), "F1 0.85 takes about 320 more reviewed images.", ("A note.",),
        points, (), band, classes, 22, 22,
    )  # fmt: skip


def _next_tasks() -> NextTasksReport:
    tasks = tuple(
        NextTask(
            500 + n, 0.9 - n / 100, 0.8, 0.4, 0.3, 0.7, "The model is unsure, and the image is unlike others."
        )
        for n in range(40)
    )
    return NextTasksReport(VERSIONS[:2], 640, tasks, ())
