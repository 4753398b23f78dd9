"""The command line: connect projects, look at the state."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.table import Table

from backend.endpoints.auth import SECRET_HEADER
from backend.errors import AppError
from backend.labelstudio.connect import Connection, Connector, connect_project
from backend.logs import configure_logs
from backend.services import Services
from backend.settings import Settings, read_settings
from backend.status import read_status
from backend.store.event_log import latest_event_id

app = typer.Typer(
    help="Label Studio backend that serves YOLO predictions and keeps account of corrections.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out = Console(highlight=False, soft_wrap=True, markup=False)

_WEBHOOK_WAIT_SECONDS = 5.0


@contextmanager
def _services() -> Iterator[Services]:
    settings = read_settings()
    configure_logs("warning", process="cli")
    services = Services.build(settings)
    try:
        yield services
    finally:
        services.close()


@app.command()
def connect(
    project: int = typer.Option(..., help="Id of the project: the number in its address in Label Studio."),
    title: str = typer.Option("YOLO and SAM", help="Name that Label Studio shows for this backend."),
) -> None:
    """Connect a Label Studio project to this server, or mend its connection.

    Makes or updates the backend entry and the webhook with its secret,

    and checks that Label Studio reaches this server, which must be running.

    Safe to run again.
    """
    with _services() as services:
        seen = latest_event_id(services.database, project)
        connection = connect_project(
            services.label_studio.sdk, project, _connector(services.settings), title=title
        )
        _print_connection(connection, project, services.settings)
        _print_webhook(_wait_for_event(services, project, seen), services.settings)


@app.command()
def status() -> None:
    """Show connections, model versions, and what was served and received."""
    with _services() as services:
        state = read_status(services)
    parts = Table(title="Parts", title_justify="left")
    parts.add_column("part")
    parts.add_column("state", overflow="fold")
    for name, text in state.parts.items():
        parts.add_row(name, text)
    projects = Table(title="Projects", title_justify="left")
    for heading in ("project", "connected", "version", "predictions", "failed", "events"):
        projects.add_column(heading, justify="left" if heading in ("connected", "version") else "right")
    for row in state.projects:
        projects.add_row(
            str(row.project_id),
            row.connected,
            row.version or "(none)",
            str(row.predictions),
            str(row.failed),
            str(row.events),
        )
    out.print(parts)
    if state.projects:
        out.print(projects)
    else:
        out.print("No project has called yet. Connect one: python -m backend connect --project ID")


def main() -> None:
    """Run the command line; an expected error is one line, not a traceback."""
    try:
        app()
    except AppError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"error: {error.message}", markup=False)
        sys.exit(1)


def _connector(settings: Settings) -> Connector:
    return Connector(
        url=settings.public_url,
        basic_auth_user=settings.basic_auth_user if settings.has_basic_auth else "",
        basic_auth_pass=settings.basic_auth_pass.get_secret_value(),
        secret_header=SECRET_HEADER,
        webhook_secret=settings.webhook_secret.get_secret_value(),
    )


def _wait_for_event(services: Services, project: int, seen: int) -> bool:
    # Connecting changes the project, which Label Studio reports: a real test of the webhook's whole way.
    deadline = time.monotonic() + _WEBHOOK_WAIT_SECONDS
    while time.monotonic() < deadline:
        if latest_event_id(services.database, project) > seen:
            return True
        time.sleep(0.1)
    return False


def _print_connection(connection: Connection, project: int, settings: Settings) -> None:
    verb = "Connected" if connection.is_new else "Updated"
    out.print(f'{verb}: project {project} "{connection.project_title}" -> {settings.public_url}')
    out.print(f"Model version: {connection.model_version}")
    if connection.removed_webhooks:
        out.print(f"Removed {connection.removed_webhooks} double webhooks.")
    if connection.other_backends:
        out.print(
            "Warning: Label Studio uses only the first backend of a project, and this one has older ones: "
            f"{', '.join(connection.other_backends)}. Remove them in the project's settings under Model."
        )


def _print_webhook(has_arrived: bool, settings: Settings) -> None:
    if has_arrived:
        out.print("Webhook: an event arrived and was stored.")
        return
    out.print(
        f"Warning: no event arrived within {_WEBHOOK_WAIT_SECONDS:g} s. Predictions work, but corrections "
        f"are not counted. Check that Label Studio reaches {settings.public_url}/webhook, that "
        "WEBHOOK_SECRET is the same here and in the running server, and that both use one database."
    )
