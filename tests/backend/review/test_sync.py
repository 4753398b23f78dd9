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
from backend.store.ledger import delete_annotations, delete_tasks, hold_project, put_accounts, put_tasks
from backend.store.ledger_heads import counts_by_finder, ledger_counts
from backend.store.ledger_tables import SqlAnnotation, SqlReview, SqlSync, SqlTally
from backend.store.review_rows import settle_reviews
from backend.store.syncs import Sync, get_sync
from tests.backend.review.fake_annotated_project import PROJECT, FakeAnnotatedProject, box

LATER = datetime(2100, 1, 1, tzinfo=UTC)


class Killed(BaseException):
    """Ends a sync as SIGKILL would: nothing of ours catches it."""


@pytest.fixture
def project() -> FakeAnnotatedProject:
    """Fifty tasks, of which every second one has an annotation with ten times its id."""
    made = FakeAnnotatedProject(50)
    for task_id in range(2, 51, 2):
        made.annotate(10 * task_id, task_id)
    return made


def sync(database: Database, project: FakeAnnotatedProject, **options: Any) -> Sync:
    return ProjectSync(database, project, PROJECT).run(**options)


def told(database: Database, project: FakeAnnotatedProject, *annotation_ids: int, at: datetime) -> None:
    """Let the webhook tell of annotations."""
    annotations = [project.annotations[i] for i in annotation_ids]
    accounts = Accountant(database, project.version_of_prediction).accounts_of(PROJECT, annotations)
    tasks = {a.task_id: f"s3://bucket/{a.task_id}.jpg" for a in annotations}
    with database.write() as session:
        hold_project(session, PROJECT)
        put_tasks(session, PROJECT, tasks, found_by=FoundBy.WEBHOOK, seen_at=at)
        put_accounts(session, accounts, found_by=FoundBy.WEBHOOK, seen_at=at)
        settle_reviews(session, tasks)


def told_deleted(database: Database, *annotation_ids: int, at: datetime) -> None:
    with database.write() as session:
        touched = delete_annotations(session, PROJECT, annotation_ids, now=at)
        settle_reviews(session, touched)


def ledger(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Return what the ledger says is there, without how and when it came to know."""
    tables: dict[type[Any], tuple[str, ...]] = {
        SqlAnnotation: ("id", "task_id", "updated_at", "is_cancelled", "is_ground_truth", "digest"),
        SqlReview: ("task_id", "state", "annotation_id", "annotations", "image"),
    }
    with database.read() as session:
        return {
            table.__tablename__: sorted(
                tuple(getattr(row, name) for name in names)
                for row in session.scalars(select(table).where(table.deleted_at.is_(None)))
            )
            for table, names in tables.items()
        }


def is_equal(database: Database, project: FakeAnnotatedProject) -> bool:
    """Tell whether the ledger holds what the project does."""
    held = ledger(database)
    annotations = {(a.id, a.task_id, a.updated_at) for a in project.annotations.values()}
    return {row[:3] for row in held["annotation"]} == annotations and {
        row[0] for row in held["review"]
    } == set(project.tasks)


def found(state: Sync) -> tuple[int, int, int]:
    return state.missing, state.changed, state.deleted


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


def test_deleted_tasks_are_found_though_none_changed(
    database: Database, project: FakeAnnotatedProject
) -> None:
    sync(database, project)
    for task_id in (1, 2, 25, 50):
        project.delete_task(task_id)
    state = sync(database, project)
    assert project.since[-1] is None and state.changed_since is None
    assert is_equal(database, project) and state.deleted == 2


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


def test_what_was_told_after_the_page_was_asked_for_is_not_deleted(
    database: Database, project: FakeAnnotatedProject
) -> None:
    sync(database, project)
    project.annotate(5000, 2)
    told(database, project, 5000, at=LATER)
    late = project.annotations.pop(5000)  # the list was made before it came
    sync(database, project, is_full=True)
    assert (5000, 2) in {row[:2] for row in ledger(database)["annotation"]}
    project.annotations[5000] = late
    assert found(sync(database, project, is_full=True)) == (0, 0, 0)


def test_deletion_that_was_wrong_is_taken_back(database: Database, project: FakeAnnotatedProject) -> None:
    sync(database, project)
    told_deleted(database, 20, at=datetime.now(UTC))
    with database.write() as session:
        delete_tasks(session, PROJECT, [40], now=datetime.now(UTC))
    state = sync(database, project, is_full=True)
    assert found(state) == (2, 0, 0) and is_equal(database, project)


def test_deletion_after_the_page_was_read_stays(database: Database, project: FakeAnnotatedProject) -> None:
    sync(database, project)
    told_deleted(database, 20, at=LATER)
    assert found(sync(database, project, is_full=True)) == (0, 0, 0)
    assert 20 not in {row[0] for row in ledger(database)["annotation"]}


def test_deletion_of_an_annotation_that_never_came_is_taken_back_too(
    database: Database, project: FakeAnnotatedProject
) -> None:
    told_deleted(database, 20, at=datetime.now(UTC))
    sync(database, project)
    assert is_equal(database, project)


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


def test_project_that_is_gone_is_marked_as_deleted_and_comes_back_whole(
    database: Database, project: FakeAnnotatedProject
) -> None:
    sync(database, project)
    before = ledger(database)
    project.is_there = False
    assert sync(database, project).gone_at is not None
    assert ledger(database) == {"annotation": [], "review": []}
    project.is_there = True
    state = sync(database, project)
    assert state.gone_at is None and ledger(database) == before


def test_project_that_goes_half_way_is_marked_as_deleted(
    database: Database, project: FakeAnnotatedProject
) -> None:
    def leave(call: str) -> None:
        project.is_there = project.calls.count("read_after") < 2

    project.before = leave
    assert sync(database, project).gone_at is not None
    assert ledger_counts(database, PROJECT) == (0, 0, 0)


def test_unreadable_annotation_is_not_deleted_and_noted_once(
    database: Database, project: FakeAnnotatedProject
) -> None:
    sync(database, project)
    del project.annotations[20]
    project.unreadable = {2, 3}
    state = sync(database, project, is_full=True)
    assert state.deleted == 0 and 20 in {row[0] for row in ledger(database)["annotation"]}
    assert (
        state.error == "Label Studio counts otherwise than the ledger: +0 tasks, +1 annotations, +0 skipped."
    )
    again = sync(database, project)
    assert again.changed_since is not None and again.error == state.error


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


@pytest.mark.parametrize("first", [7, 8], ids=["old-project-first", "new-project-first"])
def test_id_of_a_deleted_task_that_another_project_uses_is_that_projects(
    database: Database, project: FakeAnnotatedProject, first: int
) -> None:
    sync(database, project)
    project.delete_task(50)
    other = FakeAnnotatedProject(1, first=50)
    other.annotate(9000, 50, project_id=8)
    for project_id in (first, 15 - first, first, 15 - first):
        read = {7: project, 8: other}[project_id]
        ended = ProjectSync(database, read, project_id).run()
    assert ended.error is None
    assert ledger_counts(database, PROJECT) == (49, 24, 0)
    assert ledger_counts(database, 8) == (1, 1, 0)
