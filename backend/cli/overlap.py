"""`overlap`: let a share of tasks be labelled by several people, so that their agreement can be measured."""

import typer

from backend.cli.console import open_services, out
from backend.errors import BadRequest
from backend.labelstudio.overlap import NO_OVERLAP, Overlap, OverlapChange, set_overlap
from backend.labelstudio.tasks import MAX_ID

_MOST_ANNOTATORS = 100


def overlap(
    project: int = typer.Option(..., min=1, max=MAX_ID, help="Id of the Label Studio project."),
    share: float = typer.Option(0.1, help="Share of tasks for several people: from 0.01 to 1."),
    annotators: int = typer.Option(
        2, min=2, max=_MOST_ANNOTATORS, help="How many people label each of them."
    ),
    first: bool = typer.Option(True, help="Serve these tasks before the others."),
    off: bool = typer.Option(False, "--off", help="One annotator for every task again."),
) -> None:
    """Let several people label a share of a project's tasks."""
    wanted = NO_OVERLAP if off else Overlap(annotators, _percent(share), first)
    with open_services() as services:
        change = set_overlap(services.label_studio, project, wanted)
    out.print(_words(project, change))


def _percent(share: float) -> int:
    """Return the share in whole percent, which is all that Label Studio keeps.

    Raises:
        BadRequest: it is not one.
    """
    # Rounding in decimals: 0.29 times 100 is not quite 29.
    percent = round(100 * share, 6)
    if not (1 <= percent <= 100 and percent.is_integer()):
        raise BadRequest(
            f"--share is {share:g}; expected a share of tasks from 0.01 to 1 in whole percent, such as 0.1."
        )
    return int(percent)


def _words(project: int, change: OverlapChange) -> str:
    verb = "already has" if change.before == change.now else "now has"
    if change.now.annotators == 1:
        return f"Project {project} {verb} one annotator for every task. What several people labelled stays."
    order = "before the others" if change.now.is_first else "among the others"
    return (
        f"Project {project} {verb} {change.now.percent} % of its tasks ({change.shared_tasks} of "
        f"{change.tasks}) labelled by {change.now.annotators} people each, served {order}. When they are: "
        f"python -m backend agreement --project {project}"
    )
