"""Store the events of many requests in few transactions.

A commit waits for the disk, and Label Studio waits for the commit: one second, once. So what comes while one
transaction is under way is stored together by the next.
"""

import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime

from backend.entities import WebhookEvent
from backend.errors import DatabaseUnavailable
from backend.store.database import Database
from backend.store.event_log import store_events

_MOST_TOGETHER = 100


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    event: WebhookEvent
    came_at: datetime
    is_new: Future[bool] = field(default_factory=Future)


class EventWriter:
    """Stores the events of one process's threads, one transaction at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Waiting] = []
        self._writing = threading.Lock()

    def store(self, event: WebhookEvent, *, now: datetime) -> bool:
        """Store the event; return False where it was there already.

        Raises:
            DatabaseUnavailable: it is not stored.
        """
        mine = _Waiting(event, now)
        self._waiting.append(mine)
        with self._writing:
            # It may be stored by now, along with another request's.
            while not mine.is_new.done():
                together = self._waiting[:_MOST_TOGETHER]
                del self._waiting[: len(together)]
                self._store(together)
        return mine.is_new.result()

    def _store(self, together: list[_Waiting]) -> None:
        try:
            outcomes = store_events(self._database, [(one.event, one.came_at) for one in together])
        except DatabaseUnavailable as error:
            for one in together:
                one.is_new.set_exception(error)
        except Exception as error:  # of whatever kind, it belongs to a request and goes back to it
            if len(together) == 1:
                together[0].is_new.set_exception(error)
                return
            for one in together:
                self._store([one])
        else:
            for one, is_new in zip(together, outcomes, strict=True):
                one.is_new.set_result(is_new)
