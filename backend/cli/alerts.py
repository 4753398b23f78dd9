"""`alerts`: what is wrong with projects, and whether the word of it arrives."""

from collections.abc import Sequence
from datetime import UTC, datetime

import typer

from backend.alerts.addresses import check_addresses
from backend.alerts.check import judge_project, judge_projects
from backend.alerts.delivery import try_addresses
from backend.alerts.entities import Alert
from backend.cli.console import open_services, out
from backend.labelstudio.tasks import MAX_ID
from backend.services import Services
from backend.store.alerts import list_alerts
from backend.store.reviews import check_project

_MOST_SHOWN = 100


def alerts(
    project: int | None = typer.Option(None, min=1, max=MAX_ID, help="Only alerts of this project, by id."),
    all: bool = typer.Option(False, help="Show resolved alerts too."),
    check: bool = typer.Option(
        False, help="Look at the projects now, rather than at the worker's next look."
    ),
    test: bool = typer.Option(False, help="Send a test to the addresses in ALERT_URLS, and show no alerts."),
) -> None:
    """Show what is wrong with projects."""
    with open_services() as services:
        if test:
            raise typer.Exit(_test(services))
        if project is not None:
            check_project(services.database, project)
        if check:
            _check(services, project)
        found = list_alerts(
            services.database, project_id=project, is_open=None if all else True, limit=_MOST_SHOWN
        )
        _print(found, "No alert has been raised." if all else "No alert is open.")


def _test(services: Services) -> int:
    """Send the test and say which address took it; return the exit status."""
    results = try_addresses(services.settings)
    if not results:
        out.print("ALERT_URLS is empty, so alerts stand in the worker's log alone. See docs/alerts.md.")
        return 0
    for place, failure in results:
        out.print(f"Address {place} of {len(results)} {failure or 'took the test'}.")
    check_addresses(services.settings.alert_urls.get_secret_value())
    return int(any(failure for _, failure in results))


def _check(services: Services, project: int | None) -> None:
    now = datetime.now(UTC)
    if project is None:
        changes = judge_projects(services.database, services.settings, now=now)
    else:
        changes = judge_project(services.database, services.settings, project, now=now)
    if changes:
        out.print("Alerts changed; the worker sends word of it at its next look.")


def _print(found: Sequence[Alert], nothing: str) -> None:
    # No table: a message is several lines of it, and what is to be copied must be whole.
    if not found:
        out.print(nothing)
    for alert in found:
        state = f"resolved {_time(alert.resolved_at)}" if alert.resolved_at else "open"
        out.print(f"{alert.kind}, raised {_time(alert.raised_at)}, {state}")
        out.print(f"  {alert.message}")
        if alert.acknowledged_at:
            out.print(f"  Acknowledged by {alert.acknowledged_by}, {_time(alert.acknowledged_at)}")
        if alert.resolved_message:
            out.print(f"  Resolved: {alert.resolved_message}")
        if alert.error and alert.retry_at:
            out.print(
                f"  Not sent yet, attempt {alert.attempts}: {alert.error}. The next is at "
                f"{_time(alert.retry_at)}. Try the addresses: python -m backend alerts --test"
            )
    if len(found) == _MOST_SHOWN:
        out.print(f"These are the newest {_MOST_SHOWN}.")


def _time(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"
