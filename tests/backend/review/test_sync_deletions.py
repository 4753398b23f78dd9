"""Sync deletes what Label Studio no longer has, and nothing else; ids may go over to another project."""

from datetime import UTC, datetime

import pytest

from backend.review.sync import ProjectSync
from backend.store.database import Database
from backend.store.ledger import delete_annotations
from backend.store.ledger_heads import ledger_counts
from backend.store.ledger_tasks import delete_tasks
from backend.store.review_rows import settle_reviews
from tests.backend.review.fake_annotated_project import (
    PROJECT,
    FakeAnnotatedProject,
    fifty_tasks,
    found,
    is_equal,
    ledger,
    sync,
    told,
)

LATER = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def project() -> FakeAnnotatedProject:
    return fifty_tasks()


def told_deleted(database: Database, *annotation_ids: int, at: datetime) -> None:
    with database.write() as session:
        touched = delete_annotations(session, PROJECT, annotation_ids, now=at)
        settle_reviews(session, touched)


def test_deleted_tasks_are_found_though_none_changed(
    database: Database, project: FakeAnnotatedProject
) -> None:
    sync(database, project)
    for task_id in (1, 2, 25, 50):
        project.delete_task(task_id)
    state = sync(database, project)
    assert project.since[-1] is None and state.changed_since is None
    assert is_equal(database, project) and state.deleted == 2


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
