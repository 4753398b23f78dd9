"""What every phase of a run works with: the run, the process's parts, and whether to go on."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from backend.services import Services
from backend.store.leases import LeaseLost
from backend.store.runs import add_run_note, get_run, hold_run, update_run
from backend.store.training_tables import SqlTrainingRun
from backend.training.entities import TrainingRun
from backend.training_settings import TrainingSettings


class RunCancelled(Exception):
    """Somebody asked to cancel the run."""


class RunInterrupted(Exception):
    """The worker was told to end: the run waits for another one, and goes on where this one was."""


class RunContext:
    """One attempt at one run; its phases call `check` as often as they can.

    Args:
        run: As it was claimed; `update` keeps it current.
        owner: Of the lease.
        services: The process's parts.
        folder: Working files of this run on this machine; may be gone at the next attempt.
        is_stopping: Tells whether the worker was told to end.
    """

    def __init__(
        self,
        run: TrainingRun,
        *,
        owner: str,
        services: Services,
        folder: Path,
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self.run = run
        self.owner = owner
        self.services = services
        self.folder = folder
        self._is_stopping = is_stopping
        # Set by the heartbeat, which runs in a thread of its own.
        self.is_cancelled = threading.Event()
        self.is_lease_lost = threading.Event()
        if run.is_cancel_asked:
            self.is_cancelled.set()

    @property
    def settings(self) -> TrainingSettings:
        """The settings that the run began with."""
        return self.run.settings

    def check(self) -> None:
        """Return if the run should go on.

        Raises:
            RunCancelled, RunInterrupted, LeaseLost: it should not; nothing more must be stored.
        """
        if self.is_lease_lost.is_set():
            raise LeaseLost(self.run.id)
        if self.is_cancelled.is_set():
            raise RunCancelled(self.run.id)
        if self._is_stopping():
            raise RunInterrupted(self.run.id)

    def hold(self, session: Session) -> SqlTrainingRun:
        """Return the run's row, held, within a transaction after which it can no longer be cancelled.

        Raises:
            RunCancelled: somebody asked to; the heartbeat may not have heard of it yet.
            LeaseLost: another process works on the run.
        """
        row = hold_run(session, self.run.id, owner=self.owner, now=now())
        if row.is_cancel_asked:
            raise RunCancelled(self.run.id)
        return row

    def update(self, **values: Any) -> None:
        """Set columns of the run's row.

        Raises:
            LeaseLost: another process works on the run.
        """
        self.run = update_run(self.services.database, self.run.id, owner=self.owner, now=now(), **values)

    def reload(self) -> None:
        """Read the run's row again, after a transaction of the caller's own."""
        self.run = get_run(self.services.database, self.run.id)

    def note(self, text: str) -> None:
        """Note, once, what readers of the run should know.

        Raises:
            LeaseLost: another process works on the run.
        """
        add_run_note(self.services.database, self.run.id, text, owner=self.owner, now=now())


def now() -> datetime:
    """Return the time, UTC."""
    return datetime.now(UTC)
