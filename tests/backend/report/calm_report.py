"""A report in which nothing is wrong, and parts of one in which something is."""

from dataclasses import replace
from datetime import date

from backend.report.advice import Advice, Topic, Urgency
from backend.report.advise import advise
from backend.report.entities import ProjectReport
from backend.review.entities import ReviewState
from backend.stats.agreement import AgreementReport
from backend.stats.agreement_figures import Agreement
from backend.stats.change import Drift, Measure, Verdict, unknown
from backend.stats.intervals import Estimate
from backend.stats.learning_curve import Outlook
from backend.stats.quality import Cell, QualityReport, Sums, VersionSums, assess, assess_weeks
from tests.backend.report.makers import VERSIONS, make_report

REVIEWED = {ReviewState.NOT_VIEWED: 0, ReviewState.VIEWED: 20, ReviewState.TAKEN_IN_TRAINING: 180}
WAITING = {**REVIEWED, ReviewState.NOT_VIEWED: 640}
WEEK, NEXT_WEEK = date(2026, 1, 5), date(2026, 1, 12)
NO_AGREEMENT = AgreementReport(
    1, 0.5, Agreement(0, 0, 0, 0, None, None, None, None), (), (), (), (), ()
)  # fmt: skip


def sums(images: int, *, right: int) -> Sums:
    """Return sums of images with ten shown things each, of which so many were right."""
    wrong = 10 - right
    return Sums(
        annotations=images,
        kept=right * images,
        deleted=wrong * images,
        tp_tp=float(right * right * images),
        tp_fp=float(right * wrong * images),
        fp_fp=float(wrong * wrong * images),
        with_shown=images,
        with_annotated=images if right else 0,
        with_either=images,
    )


def version(name: str, *cells: Cell) -> VersionSums:
    return VersionSums(name, cells, {}, {}, {}, {}, {}, ())


def quality(*versions: VersionSums) -> QualityReport:
    """Return the figures of versions, the newest first."""
    return QualityReport(1, tuple(map(assess, versions)), assess_weeks(versions))


def cell(images: int, *, right: int, week: date = WEEK, is_blind: bool = False) -> Cell:
    return Cell(is_blind, 5, week, sums(images, right=right))


def drift(measure: Measure, verdict: Verdict, value: float) -> Drift:
    return Drift(measure, verdict, f"The {measure} has changed.", 60, 80, value=value, limit=0.05)


GOOD = quality(version(VERSIONS[0], cell(90, right=9), cell(10, right=9, is_blind=True)))


def calm_report() -> ProjectReport:
    """Return a report in which nothing is wrong: three people who agree, a target that is reached."""
    full = make_report()
    same = unknown(Measure.PREDICTION_BIAS, 0, 0, sides="here and there")
    agreement = replace(
        full.agreement,
        raters=(),
        labels=(),
        overall=replace(full.agreement.overall, f1=Estimate(0.95, 0.9, 0.98)),
    )
    return replace(
        full,
        quality=GOOD,
        annotators=tuple(replace(each, warning=None) for each in full.annotators),
        agreement=agreement,
        label_errors=replace(full.label_errors, counts={}, errors=()),
        drift=replace(full.drift, measures=(), bias=same),
        outlook=replace(full.outlook, outlook=Outlook.REACHED, classes=()),
    )


def lines_of(report: ProjectReport, topic: Topic, states: dict[ReviewState, int] = REVIEWED) -> list[Advice]:
    return [line for line in advise(report, states) if line.topic is topic]


def the_line(report: ProjectReport, topic: Topic, states: dict[ReviewState, int] = REVIEWED) -> Advice:
    (line,) = (line for line in lines_of(report, topic, states) if line.urgency is not Urgency.FINE)
    return line
