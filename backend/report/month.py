"""What is written of a project when a month is over. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from backend.report.entities import ProjectReport
from backend.stats.intervals import Estimate

_MOST_ADVICE = 3


@dataclass(frozen=True, slots=True)
class MonthCounts:
    """What happened in a month, and how many tasks wait at its end.

    `runs` counts training runs that ended, of which `promoted` put a new model in service.
    """

    reviewed: int
    waiting: int
    alerts: int
    runs: int
    promoted: int


def describe_month(report: ProjectReport, counts: MonthCounts, *, month: datetime, address: str) -> str:
    """Return the month in words, a line for each thing.

    Args:
        report: The project's.
        counts: Of the month.
        month: Any moment of it.
        address: Of the project's page.
    """
    return "\n".join(_lines(report, counts, month, address))


def _lines(report: ProjectReport, counts: MonthCounts, month: datetime, address: str) -> Iterable[str]:
    name = f"{report.title} (project {report.project_id})" if report.title else f"Project {report.project_id}"
    yield f"{name} in {month:%B %Y}"
    yield f"Reviewed: {_count(counts.reviewed, 'task')}; {_count(counts.waiting, 'task')} wait."
    for version in report.quality.versions[:1]:
        corrected = version.corrected
        yield f"Newest model that was corrected: {version.version}, F1 {_figure(corrected.f1)}."
        shown = corrected.tally.tp + corrected.tally.fp
        if shown:
            kept = 100 * corrected.tally.kept / shown
            yield f"Of 100 regions that it showed {kept:.0f} stayed as they were."
    if report.agreement.overall.f1 is not None:
        yield f"Annotators agree with F1 {_figure(report.agreement.overall.f1)}."
    yield f"Training runs: {counts.runs}, new models in service: {counts.promoted}. Alerts: {counts.alerts}."
    for line in report.advice[:_MOST_ADVICE]:
        yield f"To do: {line.todo} ({line.figure}). {line.reason}"
    yield f"All figures: {address}"


def _figure(estimate: Estimate | None) -> str:
    if estimate is None:
        return "not known"
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")
