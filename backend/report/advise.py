"""Turn the figures of a report into what to do next. Pure."""

from collections.abc import Mapping

from backend.report.advice import Advice
from backend.report.entities import ProjectReport
from backend.review.entities import ReviewState


def advise(report: ProjectReport, states: Mapping[ReviewState, int]) -> tuple[Advice, ...]:
    """Return what to do next, the most urgent first.

    Args:
        report: All figures; its own advice is not looked at.
        states: How many tasks are in each state.
    """
    return ()
