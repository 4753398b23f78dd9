"""Words of alerts: what people are told of, and what was found that calls for it or ends it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AlertKind(StrEnum):
    """What can be wrong with a project."""

    NO_REVIEWS = "no_reviews"
    LOW_QUALITY = "low_quality"
    FALLING_QUALITY = "falling_quality"
    RUN_FAILED = "run_failed"
    REJECTED_TWICE = "rejected_twice"
    EXAMPLES_MISSING = "examples_missing"
    DRIFT = "drift"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look at a project says of one kind of alert: something is wrong, or it is in order.

    `message` says so in words, with the project's id. `key` tells apart alerts of one kind that may be open
    at the same time.
    """

    kind: AlertKind
    is_wrong: bool
    message: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that people are told of, open until `resolved_at`.

    `delivered_at` is when the word of it went out, `resolved_delivered_at` when that of its end did; both are
    the same where one message told both. `attempts` counts those at the message that is due, `error` says
    what the last one met; the next one is not made before `retry_at`. `reached` names the addresses that took
    the message that is due. `acknowledged_at` is when the person `acknowledged_by` said that somebody takes
    care of it, which changes nothing of what is sent.
    """

    id: int
    project_id: int | None
    kind: str
    message: str
    raised_at: datetime
    delivered_at: datetime | None
    resolved_at: datetime | None
    resolved_message: str | None
    resolved_delivered_at: datetime | None
    attempts: int
    retry_at: datetime | None
    error: str | None
    reached: tuple[str, ...]
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None

    @property
    def is_open(self) -> bool:
        """True until it is resolved."""
        return self.resolved_at is None

    @property
    def is_due(self) -> bool:
        """True while a message about it has yet to go out."""
        return self.delivered_at is None or not self.is_open and self.resolved_delivered_at is None
