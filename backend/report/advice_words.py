"""How numbers and people are written in advice. Pure."""

from backend.report.entities import ProjectReport
from backend.stats.intervals import Estimate


def write_estimate(estimate: Estimate) -> str:
    """Write a figure with its interval, as in "0.71 (0.66 to 0.75)"."""
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


def write_percent(estimate: Estimate) -> str:
    """Write a share with its interval in percent, as in "71 % (66 to 75)"."""
    value, low, high = (f"{100 * each:.0f}" for each in (estimate.value, estimate.low, estimate.high))
    return f"{value} % ({low} to {high})"


def write_count(number: int, word: str) -> str:
    """Write how many there are, as in "1 task" or "1,200 tasks"."""
    return f"{number:,} {word}" + ("" if number == 1 else "s")


def write_about(number: int) -> str:
    """Write a number that is only roughly known, with two digits that count; rounded up."""
    unit = 10 ** max(0, len(str(number)) - 2)
    return f"{-(-number // unit) * unit:,}"


def name_of(report: ProjectReport, annotator: int | None) -> str:
    """Return the annotator's name, or the id where Label Studio did not tell it."""
    if annotator is None:
        return "the annotator without a name"
    return report.names.get(annotator) or f"annotator {annotator}"


def command(report: ProjectReport, words: str) -> str:
    """Return the line for the command line, such as of "quality"."""
    name, *options = words.split()
    return " ".join(("python -m backend", name, f"--project {report.project_id}", *options))
