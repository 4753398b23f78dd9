"""The tasks of pre-labelling jobs, each with its state. A task is stored once a job, whoever adds it."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from backend.entities import Prediction, TaskState
from backend.errors import BadRequest
from backend.store.base import table_of
from backend.store.database import Database, insert_ignoring
from backend.store.jobs import reopen_job
from backend.store.leases import hold_lease
from backend.store.prediction_log import prediction_from_row, prediction_row
from backend.store.tables import SqlJob, SqlJobTask, SqlPrediction

# Rows of one INSERT: SQLite takes at most 32 766 values in a statement.
_ROWS_A_STATEMENT = 2000


def add_tasks(database: Database, job_id: str, task_ids: Collection[int]) -> bool:
    """Queue tasks that somebody named, again those that the job is through with; False where it has ended.

    Raises:
        BadRequest: the job is being cancelled.
    """
    ordered = sorted(task_ids)
    with database.write() as session:
        job = session.get(SqlJob, job_id, with_for_update=True)
        if job is None or job.active_project_id is None:
            return False
        if job.is_cancel_asked:
            raise BadRequest(f"Job {job_id} is being cancelled; ask again in a moment.")
        for start in range(0, len(ordered), _ROWS_A_STATEMENT):
            chunk = ordered[start : start + _ROWS_A_STATEMENT]
            insert_ignoring(session, table_of(SqlJobTask), _queued(job_id, chunk))
            session.execute(
                update(SqlJobTask)
                .where(SqlJobTask.job_id == job_id, SqlJobTask.task_id.in_(chunk))
                .where(SqlJobTask.state.in_((TaskState.DONE, TaskState.FAILED)))
                .values(state=TaskState.QUEUED, reason=None)
            )
        return True


def add_page(
    database: Database,
    job_id: str,
    task_ids: Sequence[int],
    *,
    skipped: int,
    cursor: int,
    is_last: bool,
    owner: str,
    now: datetime,
) -> set[int]:
    """Queue the tasks of one page of the scan, and note how far it came: both or neither.

    Returns those that the job did not hold yet; the others were named before the scan came to them.

    Raises:
        LeaseLost: the lease is another's.
    """
    with database.write() as session:
        row = hold_lease(session, SqlJob, job_id, owner=owner, now=now)
        query = select(SqlJobTask.task_id).where(
            SqlJobTask.job_id == job_id, SqlJobTask.task_id.in_(task_ids)
        )
        new = set(task_ids) - set(session.scalars(query))
        insert_ignoring(session, table_of(SqlJobTask), _queued(job_id, sorted(new)))
        row.skipped += skipped
        row.cursor = cursor
        row.is_scanned = is_last
        return new


def queued_tasks(database: Database, job_id: str, *, after: int, limit: int) -> list[int]:
    """Return ids of queued tasks above `after`, ascending."""
    with database.read() as session:
        query = select(SqlJobTask.task_id).where(
            SqlJobTask.job_id == job_id, SqlJobTask.state == TaskState.QUEUED, SqlJobTask.task_id > after
        )
        return list(session.scalars(query.order_by(SqlJobTask.task_id).limit(limit)))


def store_job_predictions(
    database: Database, job_id: str, predictions: Iterable[Prediction], *, owner: str, now: datetime
) -> None:
    """Store predictions and their tasks' new states, all or none.

    Raises:
        LeaseLost: the lease is another's.
    """
    predictions = list(predictions)
    with database.write() as session:
        job = hold_lease(session, SqlJob, job_id, owner=owner, now=now)
        rows = [prediction_row(prediction, project_id=job.project_id, now=now) for prediction in predictions]
        session.add_all(rows)
        session.flush()
        # Two statements for all instead of two for each save half a millisecond of processor time a task.
        states = [_state_after(job_id, p, row.id) for p, row in zip(predictions, rows, strict=True)]
        if states:
            session.execute(update(SqlJobTask), states)
        filtered = Counter(job.filtered)
        for prediction in predictions:
            filtered.update(prediction.filtered)
        job.filtered = dict(filtered)


def predicted_tasks(database: Database, job_id: str, *, limit: int) -> list[Prediction]:
    """Return predictions that Label Studio may not have yet, by task id."""
    with database.read() as session:
        query = (
            select(SqlPrediction)
            .join(SqlJobTask, SqlJobTask.prediction_id == SqlPrediction.id)
            .where(SqlJobTask.job_id == job_id, SqlJobTask.state == TaskState.PREDICTED)
            .order_by(SqlJobTask.task_id)
            .limit(limit)
        )
        return [prediction_from_row(row) for row in session.scalars(query)]


def mark_tasks(
    database: Database, job_id: str, outcomes: Mapping[int, str | None], *, owner: str, now: datetime
) -> None:
    """Note that tasks are through: done, or failed where a reason stands.

    Raises:
        LeaseLost: the lease is another's.
    """
    with database.write() as session:
        hold_lease(session, SqlJob, job_id, owner=owner, now=now)
        for reason in set(outcomes.values()):
            ids = [task_id for task_id, why in outcomes.items() if why == reason]
            state = TaskState.DONE if reason is None else TaskState.FAILED
            session.execute(
                update(SqlJobTask)
                .where(SqlJobTask.job_id == job_id, SqlJobTask.task_id.in_(ids))
                .values(state=state, reason=reason, prediction_id=None)
            )


def count_tasks(database: Database, job_id: str) -> dict[TaskState, int]:
    """Return how many of the job's tasks are in each state."""
    return count_tasks_of(database, [job_id])[job_id]


def count_tasks_of(database: Database, job_ids: Collection[str]) -> dict[str, dict[TaskState, int]]:
    """Return how many tasks of each of these jobs are in each state."""
    counts = {job_id: dict.fromkeys(TaskState, 0) for job_id in job_ids}
    with database.read() as session:
        query = select(SqlJobTask.job_id, SqlJobTask.state, func.count()).where(
            SqlJobTask.job_id.in_(job_ids)
        )
        for job_id, state, count in session.execute(query.group_by(SqlJobTask.job_id, SqlJobTask.state)):
            counts[job_id][TaskState(state)] = count
    return counts


def list_tasks(
    database: Database, job_id: str, *, state: TaskState | None, after: int, limit: int
) -> list[tuple[int, TaskState, str | None]]:
    """Return (task id, state, reason) of tasks above `after`, ascending."""
    with database.read() as session:
        query = select(SqlJobTask.task_id, SqlJobTask.state, SqlJobTask.reason).where(
            SqlJobTask.job_id == job_id, SqlJobTask.task_id > after
        )
        if state is not None:
            query = query.where(SqlJobTask.state == state)
        rows = session.execute(query.order_by(SqlJobTask.task_id).limit(limit))
        return [(task_id, TaskState(found), reason) for task_id, found, reason in rows]


def retry_failed(database: Database, job_id: str) -> bool:
    """Let an ended job go on with its failed tasks and those it did not come to; False where another is
    active in the project."""
    try:
        with database.write() as session:
            reopen_job(session, job_id)
            session.execute(
                update(SqlJobTask)
                .where(SqlJobTask.job_id == job_id, SqlJobTask.state == TaskState.FAILED)
                .values(state=TaskState.QUEUED, reason=None)
            )
            is_active = session.scalar(select(SqlJob.active_project_id).where(SqlJob.id == job_id))
            return is_active is not None
    except IntegrityError:
        return False


def _state_after(job_id: str, prediction: Prediction, row_id: int) -> dict[str, object]:
    failed = prediction.failure is not None
    return {
        "job_id": job_id,
        "task_id": prediction.task_id,
        "state": TaskState.FAILED if failed else TaskState.PREDICTED,
        "prediction_id": None if failed else row_id,
        "reason": prediction.failure,
    }


def _queued(job_id: str, task_ids: Sequence[int]) -> list[dict[str, object]]:
    return [{"job_id": job_id, "task_id": task_id, "state": TaskState.QUEUED} for task_id in task_ids]
