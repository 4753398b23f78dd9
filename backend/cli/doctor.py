"""`doctor`: one line per check, and under it the fix for what is broken."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from textwrap import wrap

import typer
from rich.console import Console
from rich.text import Text

from backend.cli.connect import connector_of
from backend.doctor.case import open_case
from backend.doctor.check import Check, CheckState
from backend.doctor.examine import examine
from backend.logs import configure_logs
from backend.settings import read_settings

_MARKS = {
    CheckState.OK: ("ok", "green"),
    CheckState.FAILED: ("failed", "red"),
    CheckState.UNKNOWN: ("?", "yellow"),
}
_MARK_WIDTH, _NAME_WIDTH = 8, 20
_INDENT = _MARK_WIDTH + _NAME_WIDTH + 1
_LEAST_TEXT_WIDTH = 30


def doctor(
    project: int | None = typer.Option(None, help="Only this project; without it every one that is known."),
    as_json: bool = typer.Option(False, "--json", help="Print a list of objects, for programs."),
) -> None:
    """Check every link between Label Studio and this server, and print the fix for each that is broken.

    Ends with code 0 if nothing is wrong, else with 1. Changes nothing.
    """
    settings = read_settings()
    configure_logs("error", process="cli")
    with open_case(settings, connector_of(settings)) as case:
        checks = examine(case, project_id=project)
        found = list(checks) if as_json else list(_shown(checks))
    if as_json:
        json.dump([_as_object(check) for check in found], sys.stdout, indent=2)
        print()
    raise typer.Exit(1 if any(check.state == CheckState.FAILED for check in found) else 0)


def _shown(checks: Iterator[Check]) -> Iterator[Check]:
    """Print each check as it comes, and yield it."""
    console = Console(highlight=False, markup=False)
    counts: Counter[CheckState] = Counter()
    project = None
    with console.status("looking ..."):
        for check in checks:
            if check.project != project:
                project = check.project
                console.print(Text(f"\nproject {project}", style="bold"))
            _print(check, console)
            counts[check.state] += 1
            yield check
    total = f"\n{counts[CheckState.OK]} ok, {counts[CheckState.FAILED]} failed"
    total += f", {counts[CheckState.UNKNOWN]} not checked" if counts[CheckState.UNKNOWN] else ""
    console.print(Text(total, style="bold red" if counts[CheckState.FAILED] else "green"))


def _print(check: Check, console: Console) -> None:
    # Lines are broken for people at a terminal alone, and fixes never: they are there to be copied.
    width = max(console.width - _INDENT, _LEAST_TEXT_WIDTH)
    lines = [check.message]
    if console.is_terminal:
        lines = wrap(check.message, width, break_long_words=False, break_on_hyphens=False)
        # A name that leaves no room for the message stands on a line of its own.
        lines = ["", *lines] if len(check.name) > _NAME_WIDTH else lines
    mark, style = _MARKS[check.state]
    body = f"\n{' ' * _INDENT}".join(lines)
    line = Text.assemble(
        (f"{mark:<{_MARK_WIDTH}}", style),
        f"{check.name:<{_NAME_WIDTH}} ",
        (body, "" if check.state == CheckState.OK else style),
    )
    console.print(line, soft_wrap=True)
    if check.fix:
        console.print(Text(f"{'':<{_INDENT}}fix: {check.fix}", style="bold"), soft_wrap=True)


def _as_object(check: Check) -> dict[str, str]:
    return {"name": check.full_name, "state": check.state, "message": check.message, "fix": check.fix}
