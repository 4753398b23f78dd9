"""Training runs: one at a time in a project, leased, gone on with, ended once."""

from datetime import UTC, datetime, timedelta

import pytest

from backend.errors import NotFound
from backend.store.database import Database
from backend.store.leases import LEASE, LeaseLost
from backend.store.runs import (
    active_run,
    add_run_note,
    ask_to_cancel_run,
    claim_run,
    create_run,
    end_attempt,
    end_run,
    get_run,
    list_epochs,
    list_runs,
    renew_run,
    runs_without_worker,
    store_epoch,
    update_run,
)
from backend.store.training_tables import SqlTrainingRun
from backend.training.entities import EpochMetrics, Phase, RunState, SavedCheckpoint
from backend.training_settings import TrainingSettings

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LATER = NOW + LEASE + timedelta(seconds=1)
PROJECT = 7


def create(database: Database, project_id: int = PROJECT, *, now: datetime = NOW) -> str | None:
    with database.write() as session:
        return create_run(
            session, project_id, reason="asked", settings=TrainingSettings(train_epochs=3), now=now
        )


def begin(database: Database, *, owner: str = "me", now: datetime = NOW) -> str:
    """Make a run and take its lease; return its id."""
    run_id = create(database)
    assert run_id is not None and claim_run(database, run_id, owner=owner, now=now) is not None
    return run_id


def checkpoint(epoch: int) -> SavedCheckpoint:
    return SavedCheckpoint(epoch, f"last-{epoch}.pt", "a" * 64, f"best-{epoch}.pt", "b" * 64, is_last=False)


def store(database: Database, run_id: str, epoch: int, *, seconds: float = 10, owner: str = "me") -> None:
    metrics = EpochMetrics(epoch, seconds, {"train/box_loss": 1.5 / epoch})
    store_epoch(database, run_id, metrics, checkpoint=checkpoint(epoch), owner=owner, now=NOW)


def end(database: Database, run_id: str, state: RunState, *, owner: str = "me") -> None:
    with database.write() as session:
        end_run(session, run_id, state, owner=owner, now=NOW)


def test_project_has_one_active_run(database: Database) -> None:
    first = create(database)
    assert first is not None and create(database) is None and create(database, 8) is not None
    claim_run(database, first, owner="me", now=NOW)
    assert create(database) is None
    end(database, first, RunState.DONE)
    assert create(database) is not None


def test_run_keeps_the_settings_it_began_with(database: Database) -> None:
    run = get_run(database, begin(database))
    assert (run.settings.train_epochs, run.epochs, run.batch) == (3, 3, 16)
    assert (run.state, run.phase, run.started_at, run.attempts) == (RunState.RUNNING, Phase.SNAPSHOT, NOW, 1)


def test_run_with_settings_that_are_refused_by_now_is_shown_all_the_same(database: Database) -> None:
    run_id = begin(database)
    with database.write() as session:
        row = session.get_one(SqlTrainingRun, run_id)
        row.settings = {**row.settings, "train_options": "epochs=3", "gone": 1}
    assert get_run(database, run_id).settings.train_options == "epochs=3"


def test_unknown_run_is_not_found(database: Database) -> None:
    with pytest.raises(NotFound, match="There is no run 'none'"):
        get_run(database, "none")


def test_run_of_a_dead_worker_can_be_claimed_by_another_one(database: Database) -> None:
    run_id = begin(database)
    assert claim_run(database, run_id, owner="other", now=NOW + LEASE / 2) is None
    assert runs_without_worker(database, now=NOW + LEASE / 2) == []
    assert [run.id for run in runs_without_worker(database, now=LATER)] == [run_id]
    taken = claim_run(database, run_id, owner="other", now=LATER)
    assert taken is not None and taken.attempts == 2 and taken.started_at == NOW


def test_worker_that_lost_its_lease_stores_nothing(database: Database) -> None:
    run_id = begin(database, owner="slow")
    claim_run(database, run_id, owner="other", now=LATER)
    with pytest.raises(LeaseLost):
        store(database, run_id, 1, owner="slow")
    with pytest.raises(LeaseLost):
        update_run(database, run_id, owner="slow", now=LATER, phase=Phase.EVALUATE)
    with pytest.raises(LeaseLost):
        end(database, run_id, RunState.DONE, owner="slow")
    assert list_epochs(database, run_id) == [] and get_run(database, run_id).state == RunState.RUNNING


def test_epoch_that_ran_twice_counts_once(database: Database) -> None:
    run_id = begin(database)
    store(database, run_id, 1, seconds=10)
    store(database, run_id, 2, seconds=20)
    store(database, run_id, 2, seconds=30)
    run = get_run(database, run_id)
    assert (run.epoch, run.seconds, run.checkpoint) == (2, 40, checkpoint(2))
    assert [(each.epoch, each.seconds) for each in list_epochs(database, run_id)] == [(1, 10), (2, 30)]


@pytest.mark.parametrize("progress", ["epoch", "phase"])
def test_progress_counts_attempts_anew(database: Database, progress: str) -> None:
    run_id = begin(database)
    claim_run(database, run_id, owner="me", now=LATER)
    if progress == "epoch":
        store(database, run_id, 1)
    else:
        update_run(database, run_id, owner="me", now=LATER, phase=Phase.TRAIN)
    assert get_run(database, run_id).attempts == 1


def test_failed_attempt_waits_longer_each_time(database: Database) -> None:
    run_id, now, waits = begin(database), NOW, []
    for _ in range(3):
        end_attempt(database, run_id, owner="me", now=now, error="no space", wait=True, is_counted=True)
        run = get_run(database, run_id)
        assert run.retry_at is not None and run.state == RunState.QUEUED and run.error == "no space"
        assert runs_without_worker(database, now=now) == []
        waits.append(run.retry_at - now)
        now = run.retry_at
        assert [each.id for each in runs_without_worker(database, now=now)] == [run_id]
        claim_run(database, run_id, owner="me", now=now)
    assert waits == [timedelta(seconds=30 * 2**number) for number in range(3)]


def test_longest_wait_after_a_failed_attempt_is_ten_minutes(database: Database) -> None:
    run_id = begin(database)
    update_run(database, run_id, owner="me", now=NOW, attempts=2000)
    end_attempt(database, run_id, owner="me", now=NOW, error="no space", wait=True, is_counted=True)
    assert get_run(database, run_id).retry_at == NOW + timedelta(minutes=10)


def test_run_that_waits_cannot_be_claimed_before_its_time(database: Database) -> None:
    run_id = begin(database)
    end_attempt(database, run_id, owner="me", now=NOW, error="no space", wait=True, is_counted=True)
    assert claim_run(database, run_id, owner="me", now=NOW + timedelta(seconds=29)) is None
    assert claim_run(database, run_id, owner="me", now=NOW + timedelta(seconds=30)) is not None


def test_new_attempt_knows_nothing_of_the_error_before_it(database: Database) -> None:
    run_id = begin(database)
    end_attempt(database, run_id, owner="me", now=NOW, error="no space", wait=True, is_counted=True)
    claimed = claim_run(database, run_id, owner="me", now=NOW + timedelta(minutes=1))
    assert claimed is not None and claimed.error is None


def test_attempt_that_does_not_count_may_wait_all_the_same(database: Database) -> None:
    run_id = begin(database)
    end_attempt(database, run_id, owner="me", now=NOW, error="locked", wait=True, is_counted=False)
    run = get_run(database, run_id)
    assert (run.attempts, run.retry_at, run.error) == (0, NOW + timedelta(seconds=30), "locked")


def test_attempt_that_a_stopping_worker_gave_back_does_not_count(database: Database) -> None:
    run_id = begin(database)
    end_attempt(database, run_id, owner="me", now=NOW, error=None, wait=False, is_counted=False)
    assert get_run(database, run_id).attempts == 0
    assert get_run(database, run_id).retry_at is None
    assert [run.id for run in runs_without_worker(database, now=NOW)] == [run_id]


def test_waiting_run_is_cancelled_at_once(database: Database) -> None:
    run_id = create(database)
    assert run_id is not None
    ask_to_cancel_run(database, run_id, now=NOW)
    assert get_run(database, run_id).state == RunState.CANCELLED and active_run(database, PROJECT) is None


def test_running_run_hears_the_wish_to_cancel_with_its_next_renewal(database: Database) -> None:
    run_id = begin(database)
    assert renew_run(database, run_id, owner="me", now=NOW) is False
    ask_to_cancel_run(database, run_id, now=NOW)
    assert renew_run(database, run_id, owner="me", now=NOW) is True
    end_attempt(database, run_id, owner="me", now=NOW, error=None, wait=False, is_counted=False)
    assert get_run(database, run_id).state == RunState.CANCELLED


def test_ended_run_is_not_cancelled(database: Database) -> None:
    run_id = begin(database)
    end(database, run_id, RunState.DONE)
    ask_to_cancel_run(database, run_id, now=NOW)
    run = get_run(database, run_id)
    assert (run.state, run.is_cancel_asked, run.finished_at) == (RunState.DONE, False, NOW)


def test_note_is_kept_once(database: Database) -> None:
    run_id = begin(database)
    for _ in range(2):
        add_run_note(database, run_id, "batch halved to 8", owner="me", now=NOW)
    assert get_run(database, run_id).notes == ("batch halved to 8",)


def test_runs_are_listed_newest_first_and_waiting_ones_oldest_first(database: Database) -> None:
    ids = [create(database, project, now=NOW + timedelta(minutes=project)) for project in (1, 2, 3)]
    assert [run.id for run in list_runs(database)] == ids[::-1]
    assert [run.id for run in list_runs(database, project_id=2)] == [ids[1]]
    assert [run.id for run in runs_without_worker(database, now=LATER)] == ids
