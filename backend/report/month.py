"""What is written of a project when a month is over. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from backend.report.advice import Topic
from backend.report.advice_words import write_count, write_estimate
from backend.report.entities import ProjectReport

_MOST_ADVICE = 3


@dataclass(frozen=True, slots=True)
class MonthCounts:
    """What happened in a month, and how many tasks wait now.

    `runs` counts training runs that ended, `promoted` how often another model was put in service, by a run or
    by hand, one from before included.
    """

    reviewed: int
    waiting: int
    alerts: int
    runs: int
    promoted: int


def describe_month(report: ProjectReport, counts: MonthCounts, *, month: datetime, address: str) -> str:
    """Return the month in words, a line for each thing; no advice on single annotators.

    The text may go to a channel that a whole team reads; whoever may see the page finds it there.

    Args:
        report: The project's, of now.
        counts: Of the month.
        month: Any moment of it.
        address: Of the project's page.
    """
    return "\n".join(_lines(report, counts, month, address))


def _lines(report: ProjectReport, counts: MonthCounts, month: datetime, address: str) -> Iterable[str]:
    name = f"{report.title} (project {report.project_id})" if report.title else f"Project {report.project_id}"
    yield f"{name} in {month:%B %Y}"
    happened = (
        f"{write_count(counts.reviewed, 'task')} reviewed",
        write_count(counts.runs, "training run"),
        f"{write_count(counts.promoted, 'change')} of the model in service",
        write_count(counts.alerts, "alert"),
    )
    yield f"In the month: {', '.join(happened)}."
    yield f"Waiting now: {write_count(counts.waiting, 'task')}."
    yield from _figures_of_now(report)
    team = [line for line in report.advice if line.topic is not Topic.ANNOTATORS]
    for line in team[:_MOST_ADVICE]:
        yield f"To do now: {line.todo} ({line.figure}). {line.reason}"
    yield f"All figures: {address}"


def _figures_of_now(report: ProjectReport) -> Iterable[str]:
    for version in report.quality.versions[:1]:
        corrected = version.corrected
        f1 = write_estimate(corrected.f1) if corrected.f1 is not None else "not known"
        yield f"Newest model that was corrected: {version.version}, F1 {f1} since it was put in service."
        shown = corrected.tally.tp + corrected.tally.fp
        if shown:
            kept = 100 * corrected.tally.kept / shown
            yield f"Of 100 regions that it has shown since then {kept:.0f} stayed as they were."
    if report.agreement.overall.f1 is not None:
        yield f"Annotators agree now with F1 {write_estimate(report.agreement.overall.f1)}."
