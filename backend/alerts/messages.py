"""What is written to people of an alert: that something is wrong, that it is over, or both in one."""

from dataclasses import dataclass

from backend.alerts.entities import Alert

_SENDER = "Label Studio backend"


@dataclass(frozen=True, slots=True)
class Message:
    """A message of plain text; `is_resolved` where all is well by now."""

    title: str
    body: str
    is_resolved: bool


def message_of(alert: Alert) -> Message:
    """Return the message that is due of an alert."""
    words = alert.kind.replace("_", " ")
    if alert.is_open:
        return Message(f"{_SENDER}: {words}", alert.message, is_resolved=False)
    ended = alert.resolved_message or ""
    if alert.delivered_at is None:
        ended = (
            f"Since {alert.raised_at:%Y-%m-%d %H:%M} UTC, and over by now: {alert.message}\n\n"
            f"What ended it: {ended}"
        )
    return Message(f"{_SENDER}: resolved: {words}", ended, is_resolved=True)


def trial_message() -> Message:
    """Return a message that shows whether messages arrive."""
    return Message(
        f"{_SENDER}: test", "Alerts about projects will arrive here. Nothing is wrong.", is_resolved=True
    )
