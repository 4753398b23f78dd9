"""One attempt at a run: take it, keep its lease, work, and leave its row saying how it went."""

import os
import secrets
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from backend.errors import AppError, DatabaseUnavailable, LabelConfigError, SettingsError
from backend.services import Services
from backend.store.leases import LeaseLost
from backend.store.runs import claim_run, end_attempt, end_run, get_run, hold_run, renew_run
from backend.training.entities import RunState, TrainingRun
from retrain.context import RunCancelled, RunContext, RunInterrupted, now
from retrain.run import TrainingRunner
from retrain.training.device import DeviceBusy

log = structlog.get_logger(__name__)

_HEARTBEAT_SECONDS = 3.0


def work_on_run(
    run_id: str, services: Services, *, is_stopping: Callable[[], bool] = lambda: False
) -> TrainingRun:
    """Work on the run unless another process does, and return it as it stands then.

    An attempt that failed is followed by another one, after a while; too many in a row end the run.

    Args:
        run_id: Of the run.
        services: The process's parts.
        is_stopping: Tells whether this process should end.

    Raises:
        NotFound: there is no such run.
        DatabaseUnavailable: how it went could not be stored; the run's lease runs out.
    """
    owner = f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(4)}"
    run = claim_run(services.database, run_id, owner=owner, now=now())
    if run is None:
        return get_run(services.database, run_id)
    log.info("run_attempt", run=run.id, project=run.project_id, phase=run.phase, attempt=run.attempts)
    context = RunContext(
        run,
        owner=owner,
        services=services,
        folder=services.settings.data_dir.resolve() / "runs" / run.id,
        is_stopping=is_stopping,
    )
    try:
        _attempt(context)
    except LeaseLost:
        log.warning("run_taken_over", run=run.id)
    ended = get_run(services.database, run_id)
    if ended.finished_at is not None:
        shutil.rmtree(context.folder, ignore_errors=True)
        log.info("run_ended", run=run.id, project=run.project_id, state=ended.state, verdict=ended.verdict)
    return ended


def _attempt(context: RunContext) -> None:
    run = context.run
    if run.attempts > run.settings.retrain_max_attempts:
        # The one before ended without a word: its process was killed, each time.
        _fail(context, _killed(run))
        return
    try:
        with _heartbeat(context):
            TrainingRunner(context).run()
    except RunCancelled:
        with context.services.database.write() as session:
            end_run(session, run.id, RunState.CANCELLED, owner=context.owner, now=now())
    except RunInterrupted:
        _give_back(context, error=None, wait=False, is_counted=False)
    except DeviceBusy as busy:
        _give_back(context, error=str(busy), wait=False, is_counted=False)
    except LeaseLost:
        raise
    # The boundary of the job: whatever it is, the run's row must say so.
    except Exception as error:
        _end_with(context, error)


def _end_with(context: RunContext, error: Exception) -> None:
    message = error.message if isinstance(error, AppError) else f"{type(error).__name__}: {error}"
    # A change of the database's own reach must not use the attempts up.
    is_counted = not isinstance(error, DatabaseUnavailable)
    run = get_run(context.services.database, context.run.id)
    is_final = getattr(error, "is_final", isinstance(error, LabelConfigError | SettingsError))
    is_last = is_final or (is_counted and run.attempts >= run.settings.retrain_max_attempts)
    foreseen = isinstance(error, AppError)
    log.error("run_attempt_failed", run=run.id, detail=message, again=not is_last, exc_info=not foreseen)
    if is_last:
        _fail(context, message if is_final else f"{message} (after {run.attempts} attempts)")
    else:
        _give_back(context, error=message, wait=True, is_counted=is_counted)


def _fail(context: RunContext, message: str) -> None:
    run_id, owner = context.run.id, context.owner
    with context.services.database.write() as session:
        if hold_run(session, run_id, owner=owner, now=now()).is_cancel_asked:
            end_run(session, run_id, RunState.CANCELLED, owner=owner, now=now())
        else:
            end_run(session, run_id, RunState.FAILED, owner=owner, now=now(), error=message)


def _give_back(context: RunContext, *, error: str | None, wait: bool, is_counted: bool) -> None:
    end_attempt(
        context.services.database,
        context.run.id,
        owner=context.owner,
        now=now(),
        error=error,
        wait=wait,
        is_counted=is_counted,
    )


def _killed(run: TrainingRun) -> str:
    return (
        f"The worker died in the phase {run.phase}, in the last of {run.attempts - 1} attempts that brought "
        "nothing, perhaps for want of memory. Lower TRAIN_BATCH or TRAIN_IMGSZ, then: "
        f"python -m backend train --project {run.project_id}"
    )


@contextmanager
def _heartbeat(context: RunContext) -> Iterator[None]:
    """Renew the run's lease from a thread of its own, and hear there whether the run is to be cancelled."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(_HEARTBEAT_SECONDS):
            try:
                if renew_run(context.services.database, context.run.id, owner=context.owner, now=now()):
                    context.is_cancelled.set()
            except LeaseLost:
                context.is_lease_lost.set()
                return
            except DatabaseUnavailable as error:
                log.warning("run_heartbeat_missed", run=context.run.id, detail=error.message)

    thread = threading.Thread(target=beat, name="run-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
