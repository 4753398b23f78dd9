"""Training runs: one at a time in a project, worked on by one process at a time, as `leases.py` has it."""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session

from backend.errors import NotFound
from backend.store.base import table_of
from backend.store.database import Database, chunks, insert_new, upsert
from backend.store.leases import hold_lease, is_free, take_lease
from backend.store.training_tables import SqlTrainingEpoch, SqlTrainingRun
from backend.training.entities import EpochMetrics, Phase, RunState, SavedCheckpoint, TrainingRun, Verdict
from backend.training_settings import TrainingSettings

_ENDS = (RunState.DONE, RunState.FAILED, RunState.CANCELLED)
# What an attempt fails of, such as a server that is started anew, often takes minutes to pass.
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=30), timedelta(minutes=10)
_CHECKPOINT = TypeAdapter(SavedCheckpoint | None)


def create_run(
    session: Session, project_id: int, *, reason: str, settings: TrainingSettings, now: datetime
) -> str | None:
    """Make a queued run within a caller's transaction, and return its id; None where one is active."""
    row = {
        "id": secrets.token_hex(6),
        "project_id": project_id,
        "active_project_id": project_id,
        "state": RunState.QUEUED,
        "phase": Phase.SNAPSHOT,
        "reason": reason,
        "settings": settings.model_dump(mode="json", include=set(TrainingSettings.model_fields)),
        "epoch": 0,
        "epochs": settings.train_epochs,
        "batch": settings.train_batch,
        "seconds": 0.0,
        "attempts": 0,
        "warnings": [],
        "notes": [],
        "verdict_reasons": [],
        "is_cancel_asked": False,
        "created_at": now,
    }
    table = table_of(SqlTrainingRun)
    return next(iter(insert_new(session, table, [row], returning=table.c.id)), None)


def get_run(database: Database, run_id: str) -> TrainingRun:
    """Return the run.

    Raises:
        NotFound: there is none of that id.
    """
    with database.read() as session:
        # Ids are letters and digits; PostgreSQL would refuse others, such as NUL.
        row = session.get(SqlTrainingRun, run_id) if run_id.isalnum() else None
        if row is None:
            raise NotFound(
                f"There is no run {run_id[:80]!r}. List the runs there are with: python -m backend runs"
            )
        return _to_entity(row)


def list_runs(database: Database, *, project_id: int | None = None, limit: int = 50) -> list[TrainingRun]:
    """Return runs, the newest first, of one project or of all."""
    query = select(SqlTrainingRun).order_by(SqlTrainingRun.created_at.desc(), SqlTrainingRun.id).limit(limit)
    return _runs(
        database, query if project_id is None else query.where(SqlTrainingRun.project_id == project_id)
    )


def active_run(database: Database, project_id: int) -> TrainingRun | None:
    """Return the project's run that has not ended, if there is one."""
    query = select(SqlTrainingRun).where(SqlTrainingRun.active_project_id == project_id)
    return next(iter(_runs(database, query)), None)


def ended_runs(database: Database, run_ids: Iterable[str]) -> set[str]:
    """Return those of these runs that have ended; of ids that are no run's, none."""
    ended: set[str] = set()
    with database.read() as session:
        for some in chunks(sorted(run_ids)):
            query = select(SqlTrainingRun.id).where(SqlTrainingRun.id.in_(some))
            ended |= set(session.scalars(query.where(SqlTrainingRun.finished_at.is_not(None))))
    return ended


def runs_without_worker(database: Database, *, now: datetime) -> list[TrainingRun]:
    """Return active runs that no living process works on and whose next attempt is due, the oldest first."""
    query = select(SqlTrainingRun).where(SqlTrainingRun.active_project_id.is_not(None), _is_due(now))
    return _runs(database, query.where(is_free(SqlTrainingRun, now)).order_by(SqlTrainingRun.created_at))


def claim_run(database: Database, run_id: str, *, owner: str, now: datetime) -> TrainingRun | None:
    """Take the lease of an active run, one attempt more.

    None where it has ended, another process holds it, or its next attempt is not due yet.
    """
    with database.write() as session:
        values = {
            "state": RunState.RUNNING,
            "attempts": SqlTrainingRun.attempts + 1,
            "retry_at": None,
            "error": None,
        }
        row = take_lease(
            session, SqlTrainingRun, run_id, owner=owner, now=now, values=values, conditions=[_is_due(now)]
        )
        if row is None:
            return None
        row.started_at = row.started_at or now
        return _to_entity(row)


def renew_run(database: Database, run_id: str, *, owner: str, now: datetime) -> bool:
    """Show that the run is worked on; return True where somebody asked to cancel it.

    Raises:
        LeaseLost: the lease is another's.
    """
    with database.write() as session:
        return hold_run(session, run_id, owner=owner, now=now).is_cancel_asked


def hold_run(session: Session, run_id: str, *, owner: str, now: datetime) -> SqlTrainingRun:
    """Return the run's row, its lease renewed, within a transaction that stores what the run did.

    Raises:
        LeaseLost: the lease is another's, or the run has ended.
    """
    return hold_lease(session, SqlTrainingRun, run_id, owner=owner, now=now)


def update_run(database: Database, run_id: str, *, owner: str, now: datetime, **values: Any) -> TrainingRun:
    """Set columns of a run, such as `phase`; a change of phase counts attempts anew.

    Raises:
        LeaseLost: the lease is another's.
    """
    with database.write() as session:
        row = hold_run(session, run_id, owner=owner, now=now)
        if values.get("phase", row.phase) != row.phase:
            row.attempts = 1
        for name, value in values.items():
            setattr(row, name, value)
        session.flush()
        return _to_entity(row)


def add_run_note(database: Database, run_id: str, note: str, *, owner: str, now: datetime) -> None:
    """Note, once, something about the run that its readers should know.

    Raises:
        LeaseLost: the lease is another's.
    """
    with database.write() as session:
        row = hold_run(session, run_id, owner=owner, now=now)
        if note not in row.notes:
            row.notes = [*row.notes, note]


def store_epoch(
    database: Database,
    run_id: str,
    epoch: EpochMetrics,
    *,
    checkpoint: SavedCheckpoint,
    owner: str,
    now: datetime,
) -> None:
    """Store a finished epoch with the checkpoint that goes on from it; attempts are counted anew.

    Raises:
        LeaseLost: the lease is another's.
    """
    with database.write() as session:
        row = hold_run(session, run_id, owner=owner, now=now)
        known = session.get(SqlTrainingEpoch, (run_id, epoch.epoch))
        row.seconds += epoch.seconds - (known.seconds if known else 0.0)
        row.epoch = epoch.epoch
        row.checkpoint = asdict(checkpoint)
        row.attempts = 1
        values = {"seconds": epoch.seconds, "metrics": dict(epoch.metrics), "finished_at": now}
        upsert(session, table_of(SqlTrainingEpoch), {"run_id": run_id, "epoch": epoch.epoch, **values})


def list_epochs(database: Database, run_id: str) -> list[EpochMetrics]:
    """Return the run's finished epochs in order."""
    with database.read() as session:
        query = select(SqlTrainingEpoch).where(SqlTrainingEpoch.run_id == run_id)
        rows = session.scalars(query.order_by(SqlTrainingEpoch.epoch))
        return [EpochMetrics(row.epoch, row.seconds, row.metrics) for row in rows]


def end_attempt(
    database: Database,
    run_id: str,
    *,
    owner: str,
    now: datetime,
    error: str | None,
    wait: bool,
    is_counted: bool,
) -> None:
    """Give the run back to be gone on with.

    Args:
        database: Keeps it.
        run_id: Of the run.
        owner: Of its lease.
        now: The time.
        error: Why this attempt went no further.
        wait: Whether the next one comes after a while, which grows with the attempts, or at once.
        is_counted: Whether this one is among those after which a run fails.

    Raises:
        LeaseLost: the lease is another's.
    """
    with database.write() as session:
        row = hold_run(session, run_id, owner=owner, now=now)
        if row.is_cancel_asked:
            _end(row, RunState.CANCELLED, error=None, now=now)
            return
        row.state, row.error, row.owner, row.lease_until = RunState.QUEUED, error, None, None
        if wait:
            doublings = min(row.attempts - 1, 10)  # more only make a number too large for a time
            row.retry_at = now + min(_FIRST_WAIT * 2**doublings, _LONGEST_WAIT)
        if not is_counted:
            row.attempts -= 1


def end_run(
    session: Session, run_id: str, state: RunState, *, owner: str, now: datetime, error: str | None = None
) -> None:
    """End the run for good, within a transaction that stores its outcome.

    Raises:
        LeaseLost: the lease is another's.
    """
    _end(hold_run(session, run_id, owner=owner, now=now), state, error=error, now=now)


def ask_to_cancel_run(database: Database, run_id: str, *, now: datetime) -> None:
    """Cancel a run: at once where nobody works on it, else as soon as its worker sees the wish."""
    with database.write() as session:
        row = session.get(SqlTrainingRun, run_id, with_for_update=True)
        if row is None or row.active_project_id is None:
            return
        row.is_cancel_asked = True
        if row.lease_until is None or row.lease_until < now:
            _end(row, RunState.CANCELLED, error=None, now=now)


def _end(row: SqlTrainingRun, state: RunState, *, error: str | None, now: datetime) -> None:
    assert state in _ENDS
    row.state, row.error, row.finished_at = state, error, now
    row.owner = row.lease_until = row.active_project_id = row.retry_at = None


def _is_due(now: datetime) -> ColumnElement[bool]:
    return or_(SqlTrainingRun.retry_at.is_(None), SqlTrainingRun.retry_at <= now)


def _runs(database: Database, query: Select[SqlTrainingRun]) -> list[TrainingRun]:
    with database.read() as session:
        return [_to_entity(row) for row in session.scalars(query)]


def _to_entity(row: SqlTrainingRun) -> TrainingRun:
    texts: dict[str, Sequence[str]] = {
        name: tuple(getattr(row, name)) for name in ("warnings", "notes", "verdict_reasons")
    }
    same = (
        "id project_id reason base base_weights base_digest snapshot epoch epochs batch seconds attempts "
        "retry_at error version compared_with device is_cancel_asked created_at started_at finished_at"
    ).split()
    return TrainingRun(
        state=RunState(row.state),
        phase=Phase(row.phase),
        # Checked when the run began. What is gone or refused since then must not keep it from being shown.
        settings=TrainingSettings.model_construct(
            **{name: value for name, value in row.settings.items() if name in TrainingSettings.model_fields}
        ),
        checkpoint=_CHECKPOINT.validate_python(row.checkpoint),
        verdict=Verdict(row.verdict) if row.verdict else None,
        **texts,  # type: ignore[arg-type]
        **{name: getattr(row, name) for name in same},
    )
