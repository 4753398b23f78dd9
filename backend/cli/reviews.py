"""`reviews`: the review table in the terminal, and as a file for a spreadsheet."""

import os
from collections.abc import Iterable
from pathlib import Path

import typer
from rich.box import SIMPLE
from rich.table import Table

from backend.cli.console import open_services, out, print_table
from backend.errors import BadRequest
from backend.labelstudio.tasks import MAX_ID
from backend.review.entities import ReviewState
from backend.review.table import BYTE_ORDER_MARK, Review, ReviewFilter, read_since, reviews_to_csv
from backend.services import Services
from backend.store.reviews import MOST_ROWS, check_project, count_states, list_reviews, read_pages

_STATES = {
    ReviewState.NOT_VIEWED: "not viewed",
    ReviewState.VIEWED: "viewed",
    ReviewState.TAKEN_IN_TRAINING: "in training",
}
_COUNTS = {
    "predicted": "pred",
    "kept": "kept",
    "adjusted": "adj",
    "relabelled": "relab",
    "deleted": "del",
    "added": "add",
}


def reviews(
    project: int = typer.Option(
        ..., min=1, max=MAX_ID, help="Id of the project: the number in its address in Label Studio."
    ),
    state: ReviewState | None = typer.Option(None, help="Only tasks in this state."),
    annotator: int | None = typer.Option(
        None, min=0, max=MAX_ID, help="Only tasks decided by this user of Label Studio, by id."
    ),
    version: str | None = typer.Option(None, help="Only tasks compared with this model version."),
    corrected: bool | None = typer.Option(
        None, help="Only tasks with a region adjusted, relabelled, deleted or added; or only those without."
    ),
    blind: bool | None = typer.Option(None, help="Only blind tasks, or none of them."),
    since: str = typer.Option("", help="Only tasks reviewed since this date or time (UTC), as 2025-03-01."),
    limit: int = typer.Option(50, min=1, max=MOST_ROWS, help="How many tasks to show."),
    csv: str = typer.Option("", help='Write all tasks that match to this CSV file; "-" is the output.'),
) -> None:
    """Show what annotators changed in a project's tasks, and how far each task is."""
    moment = read_since(since) if since else None
    wanted = ReviewFilter(state, annotator, version, corrected, blind, moment)
    with open_services() as services:
        check_project(services.database, project)
        if csv:
            _write_csv(services, project, wanted, csv)
            return
        _print_table(services, project, wanted, limit)


def _print_table(services: Services, project: int, wanted: ReviewFilter, limit: int) -> None:
    totals = count_states(services.database, project)
    if not any(totals.values()):
        out.print(f"No task is known yet. Read them: python -m backend sync --project {project}")
        return
    found = list_reviews(services.database, project, wanted, limit=limit + 1)
    if found:
        print_table(_table(found[:limit]))
    else:
        out.print("No task matches.")
    if len(found) > limit:
        out.print(f"These are the first {limit}; --limit shows more, --csv FILE writes all.")
    counts = ", ".join(f"{totals[state]} {words}" for state, words in _STATES.items())
    out.print(f"Project {project}: {counts}.")


def _table(found: Iterable[Review]) -> Table:
    # Without lines and with one blank between columns all fit beside each other in 80 columns.
    table = Table(box=SIMPLE, pad_edge=False, padding=0)
    for heading in ("task", "state", *_COUNTS.values(), "by", "reviewed", "image"):
        is_text = heading in ("state", "reviewed", "image")
        width = 1 if heading == "image" else len(heading)
        table.add_column(heading, justify="left" if is_text else "right", no_wrap=True, min_width=width)
    for review in found:
        counts = (getattr(review, name) for name in _COUNTS)
        table.add_row(
            str(review.task),
            _STATES[review.state] + (" (blind)" if review.is_blind else ""),
            *("" if count is None else str(count) for count in counts),
            "" if review.annotator is None else str(review.annotator),
            f"{review.reviewed_at:%Y-%m-%d}" if review.reviewed_at else "",
            (review.image or "").rsplit("/", 1)[-1],
        )
    return table


def _write_csv(services: Services, project: int, wanted: ReviewFilter, target: str) -> None:
    pages = read_pages(services.database, project, wanted)
    lines = reviews_to_csv(pages, label_studio_url=services.settings.label_studio_link)
    if target == "-":
        # Bytes, since the terminal's own encoding may not have all letters; no mark, since programs read it.
        for text in lines:
            typer.echo(text.encode(), nl=False)
        return
    _replace_file(Path(target), lines)
    out.print(f"Wrote {Path(target).resolve()}.")


def _replace_file(path: Path, lines: Iterable[str]) -> None:
    """Write the file as a whole: one that stops half-way leaves the old one as it was."""
    unfinished = Path(f"{path}.{os.getpid()}.part")
    try:
        with unfinished.open("w", encoding="utf-8", newline="") as file:
            file.write(BYTE_ORDER_MARK)
            file.writelines(lines)
        unfinished.replace(path)
    except OSError as error:
        raise BadRequest(f"{path} cannot be written: {error.strerror or error}. Name another file.") from None
    finally:
        unfinished.unlink(missing_ok=True)
