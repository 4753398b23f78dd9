"""Send the messages that are due, each until every address took it.

A message is sent once. Only where the process is killed, or the database fails, between the sending and the
note of it, is it sent again, since the other order could lose it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic

import structlog

from backend.alerts.addresses import Address, read_addresses, send
from backend.alerts.attachments import attached_file
from backend.alerts.entities import Alert
from backend.alerts.messages import Message, message_of, trial_message
from backend.settings import Settings
from backend.store.alerts import claim_delivery, due_alerts, mark_delivered, note_failure
from backend.store.database import Database

log = structlog.get_logger(__name__)

# Seconds for one address, for all addresses of one message, and after which a round begins no other message.
# A message takes less than the shortest pause, so that no other process sends it meanwhile.
_ADDRESS_SECONDS, _MESSAGE_SECONDS, _ROUND_SECONDS = 10.0, 40.0, 60.0
_ATTEMPTS_WITH_FILE = 2


def deliver_due(database: Database, settings: Settings, *, now: datetime) -> int:
    """Send what is due, and put off what cannot be sent; return how many messages went out.

    Where ALERT_URLS is empty a line in the log is the message. Any number of processes may do so at once.

    Raises:
        DatabaseUnavailable: nothing can be read or noted.
    """
    addresses = read_addresses(settings.alert_urls.get_secret_value())
    began, sent = monotonic(), 0
    for alert in due_alerts(database, now=now):
        # Else a message that comes late in the round would be due again for others while it is sent.
        passed = monotonic() - began
        if passed > _ROUND_SECONDS:
            break  # the rest stays due
        moment = now + timedelta(seconds=int(passed))
        claimed = claim_delivery(database, alert, now=moment)
        sent += claimed is not None and _deliver(
            database, claimed, addresses, data_dir=settings.data_dir, now=moment
        )
    return sent


def try_addresses(settings: Settings) -> list[tuple[int, str | None]]:
    """Send a test to each address; return its place in ALERT_URLS with None, or with why it failed."""
    message = trial_message()
    return [
        (address.place, send(address, message, timeout=_ADDRESS_SECONDS))
        for address in read_addresses(settings.alert_urls.get_secret_value())
    ]


def _deliver(
    database: Database, alert: Alert, addresses: Sequence[Address], *, data_dir: Path, now: datetime
) -> bool:
    message = message_of(alert)
    # A service that refuses the file, for its size perhaps, still gets the words.
    file = attached_file(data_dir, alert) if alert.attempts <= _ATTEMPTS_WITH_FILE else None
    failures, reached = _send_to_all(alert, message, addresses, file=file)
    if failures:
        error = "; ".join(failures)
        note_failure(database, alert, error, reached=reached)
        log.warning("alert_not_sent", alert=alert.id, attempts=alert.attempts, detail=error)
        return False
    if not addresses:
        event = "alert_resolved" if message.is_resolved else "alert"
        log.warning(event, alert=alert.id, project=alert.project_id, detail=message.body)
    mark_delivered(database, alert, now=now)
    return True


def _send_to_all(
    alert: Alert, message: Message, addresses: Sequence[Address], *, file: Path | None
) -> tuple[list[str], tuple[str, ...]]:
    """Send to the addresses that have yet to take it; return what failed, and who has it now."""
    failures, reached = [], set(alert.reached)
    for address in addresses:
        if address.name in reached:
            continue
        timeout = min(_ADDRESS_SECONDS, _MESSAGE_SECONDS / len(addresses))
        failure = send(address, message, timeout=timeout, file=file)
        if failure is None:
            reached.add(address.name)
        else:
            failures.append(f"address {address.place} of {len(addresses)} {failure}")
    return failures, tuple(sorted(reached))
