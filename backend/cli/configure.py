"""`configure`: the settings of retraining that hold for a project, and its own ones."""

from collections.abc import Mapping, Sequence
from typing import Any

import typer
from rich.box import SIMPLE
from rich.table import Table

from backend.cli.console import open_services, out
from backend.errors import BadRequest
from backend.labelstudio.tasks import MAX_ID
from backend.report_settings import ProjectSettings
from backend.services import Services
from backend.store.project_settings import own_settings, project_settings, set_project_settings
from backend.store.reviews import check_project


def configure(
    changes: list[str] = typer.Argument(
        None, metavar="[NAME=VALUE]...", help="Settings that the project has of its own from now on."
    ),
    project: int = typer.Option(
        ..., min=1, max=MAX_ID, help="Id of the project: the number in its address in Label Studio."
    ),
    unset: list[str] = typer.Option(
        [], metavar="NAME", help="A setting that is that of all projects again; may be repeated."
    ),
) -> None:
    """Show or change the settings of a project's retraining; docs/settings.md says what each does.

    A run keeps the settings that it began with.
    """
    asked = _read_changes(changes or [], unset)
    with open_services() as services:
        check_project(services.database, project)
        if asked:
            set_project_settings(services.database, project, asked, services.settings)
        _print(services, project)


def _read_changes(texts: Sequence[str], unset: Sequence[str]) -> dict[str, str | None]:
    read: dict[str, str | None] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise BadRequest(f"{text[:80]!r} is no NAME=VALUE; expected, for instance, TRAIN_EPOCHS=50.")
        read[name.strip().upper()] = value.strip()
    for name in (name.strip().upper() for name in unset):
        if name in read:
            raise BadRequest(f"{name} is both set and unset; give one of the two.")
        read[name] = None
    return read


def _print(services: Services, project: int) -> None:
    own = own_settings(services.database, project)
    effective = project_settings(services.database, project, services.settings)
    out.print(_table(effective, own))
    out.print(
        f"{len(own)} of them project {project} has of its own."
        if own
        else "All of them hold for all projects."
    )


def _table(effective: ProjectSettings, own: Mapping[str, Any]) -> Table:
    table = Table(box=SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("setting", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("of", no_wrap=True)
    for name, value in effective.model_dump(mode="json").items():
        table.add_row(name.upper(), _text(value), "this project" if name in own else "all")
    return table


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
