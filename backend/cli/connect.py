"""`connect`: a project uses this server, and its events arrive."""

import time

import typer

from backend.cli.console import open_services, out
from backend.endpoints.auth import SECRET_HEADER
from backend.labelstudio.connect import Connection, Connector, connect_project
from backend.review.sync_request import ask_for_sync
from backend.services import Services
from backend.settings import Settings
from backend.store.event_log import latest_event_id

_WEBHOOK_WAIT_SECONDS = 5.0


def connect(
    project: int = typer.Option(..., help="Id of the project: the number in its address in Label Studio."),
    title: str = typer.Option("YOLO and SAM", help="Name that Label Studio shows for this backend."),
) -> None:
    """Connect a Label Studio project to this server, or mend its connection.

    Makes or updates the backend entry and the webhook with its secret,

    and checks that Label Studio reaches this server, which must be running.

    Safe to run again.
    """
    with open_services() as services:
        seen = latest_event_id(services.database, project)
        connection = connect_project(
            services.label_studio.sdk, project, connector_of(services.settings), title=title
        )
        _print_connection(connection, project, services.settings)
        _print_webhook(_wait_for_event(services, project, seen), services.settings)
        ask_for_sync(services.queue, project)
        out.print(f"Its tasks and annotations are being read: python -m backend reviews --project {project}")


def connector_of(settings: Settings) -> Connector:
    """Return how Label Studio reaches this server, and what it must send."""
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
