"""Sync makes the ledger equal to Label Studio, whatever was lost, and goes on where it was killed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from backend.errors import LabelStudioError
from backend.review.account import Accountant
from backend.review.entities import FoundBy
from backend.review.sync import FULL_EVERY, MARGIN, MOST_TASKS, ProjectSync
from backend.store.database import Database
from backend.store.ledger_heads import counts_by_finder, ledger_counts
from backend.store.ledger_tables import SqlAnnotation, SqlSync, SqlTally
from backend.store.syncs import Sync, get_sync
from tests.backend.review.fake_annotated_project import (
    PROJECT,
    FakeAnnotatedProject,
    Killed,
    box,
    fifty_tasks,
    found,
    is_equal,
    ledger,
    sync,
    told,
)


@pytest.fixture
def project() -> FakeAnnotatedProject:
    return fifty_tasks()


def test_first_sync_fills_the_ledger(database: Database, project: FakeAnnotatedProject) -> None:
    state = sync(database, project)
    assert is_equal(database, project)
    assert (state.tasks, state.annotations, found(state)) == (50, 25, (25, 0, 0))
    assert state.changed_since is None and state.full_at == state.started_at and state.error is None
    assert counts_by_finder(database, PROJECT) == {FoundBy.WEBHOOK: 0, FoundBy.SYNC: 25}


def test_next_sync_reads_what_changed_since_by_label_studios_clock(
    database: Database, project: FakeAnnotatedProject
) -> None:
    sync(database, project)
    first = project.clock
    project.clock += timedelta(days=1)
    project.annotate(1, 1)
    state = sync(database, project)
    assert project.since[-1] == first - MARGIN
    assert state.tasks < 50 and found(state) == (1, 0, 0) and is_equal(database, project)


def test_undisturbed_sync_touches_nothing_but_its_own_row(
    database: Database, project: FakeAnnotatedProject
) -> None:
    sync(database, project)
    with database.read() as session:
        before = [(row.id, row.seen_at) for row in session.scalars(select(SqlAnnotation))]
    for options in ({}, {"is_full": True}):
        assert found(sync(database, project, **options)) == (0, 0, 0)
    with database.read() as session:
        assert [(row.id, row.seen_at) for row in session.scalars(select(SqlAnnotation))] == before


def test_what_the_webhook_told_of_first_stays_its_finding(
    database: Database, project: FakeAnnotatedProject
) -> None:
    told(database, project, 20, 40, at=datetime.now(UTC))
    state = sync(database, project)
    assert found(state) == (23, 0, 0)
    assert counts_by_finder(database, PROJECT) == {FoundBy.WEBHOOK: 2, FoundBy.SYNC: 23}


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        pytest.param(lambda p: p.annotate(1, 1), (1, 0, 0), id="created"),
        pytest.param(lambda p: p.change(20, result=(box(x=50.0),)), (0, 1, 0), id="updated"),
        pytest.param(lambda p: p.change(20, is_cancelled=True), (0, 1, 0), id="skipped"),
        pytest.param(
            lambda p: p.change(20, keeps_time=True, is_ground_truth=True), (0, 1, 0), id="star-alone"
        ),
        pytest.param(
            lambda p: p.change(20, keeps_time=True, result=(box("person"),)), (0, 1, 0), id="label-renamed"
        ),
        pytest.param(lambda p: p.delete(20), (0, 0, 1), id="deleted"),
        pytest.param(lambda p: p.delete_task(2), (0, 0, 1), id="task-deleted"),
        pytest.param(lambda p: p.delete_task(1), (0, 0, 0), id="task-without-annotation-deleted"),
        pytest.param(lambda p: p.add_task(51), (0, 0, 0), id="task-created"),
    ],
)
def test_lost_event_is_found(
    database: Database,
    project: FakeAnnotatedProject,
    lost: Callable[[FakeAnnotatedProject], None],
    expected: tuple[int, int, int],
) -> None:
    sync(database, project)
    project.clock += timedelta(days=1)
    lost(project)
    state = sync(database, project)
    assert found(state) == expected and is_equal(database, project) and state.error is None
    digests = {row[0]: row[5] for row in ledger(database)["annotation"]}
    sync(database, project, is_full=True)
    assert {row[0]: row[5] for row in ledger(database)["annotation"]} == digests


@pytest.mark.parametrize(("old", "new"), [(2, 40), (40, 2)], ids=["to-a-later-task", "to-an-earlier-task"])
def test_annotation_that_moved_to_another_task_moves_in_the_ledger(
    database: Database, project: FakeAnnotatedProject, old: int, new: int
) -> None:
    sync(database, project)
    project.change(10 * old, keeps_time=True, task_id=new)
    sync(database, project, is_full=True)
    assert is_equal(database, project)
    assert {row[0]: row[3] for row in ledger(database)["review"] if row[0] in (old, new)} == {old: 0, new: 2}


def test_moving_counts_make_no_full_pass(database: Database, project: FakeAnnotatedProject) -> None:
    sync(database, project)
    project.delete_task(50)
    ids = iter(range(1000, 2000))

    def annotate(call: str) -> None:
        if call == "counts":
            project.annotate(next(ids), 1)

    project.before = annotate
    assert sync(database, project).changed_since is not None


def test_all_is_read_again_once_a_week(database: Database, project: FakeAnnotatedProject) -> None:
    sync(database, project)
    assert sync(database, project).changed_since is not None
    with database.write() as session:
        session.execute(update(SqlSync).values(full_at=datetime.now(UTC) - FULL_EVERY))
    assert sync(database, project).changed_since is None


@pytest.mark.parametrize("line", range(1, 7))
def test_killed_sync_goes_on_and_ends_with_the_same_ledger(
    database: Database, project: FakeAnnotatedProject, line: int
) -> None:
    calls = iter(range(1, 1000))

    def kill(call: str) -> None:
        if next(calls) == line:
            raise Killed

    project.before = kill
    with pytest.raises(Killed):
        sync(database, project)
    sync(database, project)
    assert is_equal(database, project)
    assert counts_by_finder(database, PROJECT)[FoundBy.SYNC] == 25


def test_page_is_stored_with_its_cursor_or_not_at_all(
    database: Database, project: FakeAnnotatedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("backend.review.sync.move_on", kill)
        sync(database, project)
    assert ledger(database) == {"annotation": [], "review": []}
    assert sync(database, project).missing == 25


def test_pass_that_ran_out_of_time_goes_on_at_its_cursor(
    database: Database, project: FakeAnnotatedProject
) -> None:
    first = sync(database, project, is_time_up=lambda: True)
    assert first.is_running and first.cursor == 20
    second = sync(database, project)
    assert second.started_at == first.started_at and second.tasks == 50 and is_equal(database, project)


def test_two_syncs_at_once_count_nothing_twice(database: Database, project: FakeAnnotatedProject) -> None:
    runs = iter([True])

    def other(state: Sync) -> None:
        if next(runs, False):
            sync(database, project, is_time_up=lambda: True)

    state = ProjectSync(database, project, PROJECT, after_page=other).run()
    assert (state.tasks, state.missing) == (50, 25) and is_equal(database, project)


def test_page_that_another_process_stored_is_left_to_it(
    database: Database, project: FakeAnnotatedProject
) -> None:
    nested = iter([True])

    def overtake(call: str) -> None:
        if call == "read_after" and next(nested, False):
            sync(database, project)

    project.before = overtake
    state = sync(database, project)
    assert (state.tasks, state.missing) == (50, 25) and not state.is_running


def test_failure_is_noted_and_the_pass_goes_on_later(
    database: Database, project: FakeAnnotatedProject
) -> None:
    def fail(call: str) -> None:
        if project.calls.count("read_after") == 2:
            raise LabelStudioError("The token is wrong.", refused_with=401)

    project.before = fail
    with pytest.raises(LabelStudioError):
        sync(database, project)
    state = get_sync(database, PROJECT)
    assert state.is_running and state.cursor == 20 and state.error == "The token is wrong."
    project.before = lambda call: None
    assert sync(database, project).error is None and is_equal(database, project)


def test_page_that_is_too_much_is_asked_for_in_smaller_ones(
    database: Database, project: FakeAnnotatedProject
) -> None:
    project.most_tasks = 1
    sync(database, project)
    assert project.limits[:3] == [20, 4, 1] and is_equal(database, project)


def test_label_studio_that_is_away_is_an_error_after_the_smallest_page(
    database: Database, project: FakeAnnotatedProject
) -> None:
    project.most_tasks = 0
    with pytest.raises(LabelStudioError, match="ReadTimeout"):
        sync(database, project)
    assert project.limits == [20, 4, 1]


def test_pages_grow_and_shrink_with_what_they_weigh(database: Database) -> None:
    project = FakeAnnotatedProject(700)
    heavy = box() | {"type": "brushlabels", "value": {"rle": [0] * 60_000, "brushlabels": ["car"]}}
    for task_id in range(21, 61):
        project.annotate(task_id, task_id, heavy)
    sync(database, project)
    assert project.limits[:6] == [20, 40, 20, 40, 80, 160] and max(project.limits) == MOST_TASKS
    assert ledger_counts(database, PROJECT) == (700, 40, 0)


def test_only_what_differs_is_compared_anew(
    database: Database, project: FakeAnnotatedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(database, project)
    project.change(20, lead_time=9.0)
    asked: list[int] = []
    real = Accountant.accounts_of

    def watch(self: Accountant, project_id: int, annotations: Any) -> Any:
        asked.extend(annotation.id for annotation in annotations)
        return real(self, project_id, annotations)

    monkeypatch.setattr(Accountant, "accounts_of", watch)
    sync(database, project, is_full=True)
    assert asked == [20]
    with database.read() as session:
        assert session.scalars(select(SqlTally)).all() == []  # nothing was shown, so nothing is counted
