"""Many deletions are stored in parts, and a pass that ends between two of them goes on."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from backend.review import sync as sync_module
from backend.review.sync_page import Page, delete_part
from backend.store.database import Database
from backend.store.ledger_heads import Scope, ledger_counts
from backend.store.syncs import get_sync
from tests.backend.review.fake_annotated_project import (
    PROJECT,
    FakeAnnotatedProject,
    Killed,
    fifty_tasks,
    found,
    is_equal,
    ledger,
    sync,
    told,
)


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Store parts of two; return how many annotations each part so far has deleted."""
    stored: list[int] = []

    def watch(session: Session, page: Page, part: Scope) -> dict[str, int]:
        deleted = delete_part(session, page, part)
        stored.append(deleted["deleted"])
        return deleted

    monkeypatch.setattr(sync_module, "_PART_SIZE", 2)
    monkeypatch.setattr(sync_module, "delete_part", watch)
    return stored


@pytest.fixture
def project(database: Database) -> FakeAnnotatedProject:
    """Fifty tasks with 25 annotations, synced."""
    made = fifty_tasks()
    sync(database, made)
    return made


def clear(project: FakeAnnotatedProject, *, but: tuple[int, ...] = ()) -> None:
    for task_id in [i for i in project.tasks if i not in but]:
        project.delete_task(task_id)


def test_all_is_deleted_part_by_part(
    database: Database, project: FakeAnnotatedProject, parts: list[int]
) -> None:
    clear(project)
    state = sync(database, project, is_full=True)
    assert ledger_counts(database, PROJECT) == (0, 0, 0)
    assert found(state) == (0, 0, 25) and state.error is None
    assert len(parts) > 20 and max(parts) == 1


def test_few_deletions_are_stored_with_the_page(
    database: Database,
    project: FakeAnnotatedProject,
    parts: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sync_module, "_PART_SIZE", 500)
    clear(project)
    assert sync(database, project, is_full=True).deleted == 25
    assert parts == [] and is_equal(database, project)


def test_deleted_annotations_of_tasks_that_are_there_go_in_parts_too(
    database: Database, project: FakeAnnotatedProject, parts: list[int]
) -> None:
    project.clock += timedelta(days=1)
    for annotation_id in range(20, 401, 20):
        project.delete(annotation_id)
    state = sync(database, project)
    assert state.changed_since is not None and found(state) == (0, 0, 20)
    assert is_equal(database, project) and sum(parts) >= 18


@pytest.mark.parametrize("before", [True, False], ids=["before-it-is-stored", "before-it-is-committed"])
@pytest.mark.parametrize("part", [1, 2, 12])
def test_pass_that_was_killed_between_two_parts_goes_on(
    database: Database,
    project: FakeAnnotatedProject,
    parts: list[int],
    monkeypatch: pytest.MonkeyPatch,
    part: int,
    before: bool,
) -> None:
    clear(project, but=(3, 4))
    watch, calls = sync_module.delete_part, iter(range(1, 1000))

    def kill(session: Session, page: Page, scope: Scope) -> dict[str, int]:
        is_last = next(calls) == part
        if is_last and before:
            raise Killed
        deleted = watch(session, page, scope)
        if is_last:
            raise Killed
        return deleted

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(sync_module, "delete_part", kill)
        sync(database, project, is_full=True)
    state = get_sync(database, PROJECT)
    assert state.is_running and state.cursor == 0
    kept = sum(parts[: part - 1])
    assert state.deleted == kept and ledger_counts(database, PROJECT)[1] == 25 - kept
    state = sync(database, project)
    assert is_equal(database, project)
    assert not state.is_running and (state.tasks, found(state)) == (2, (0, 0, 24))


def test_page_that_fails_after_its_parts_is_stored_by_the_next_run(
    database: Database, project: FakeAnnotatedProject, parts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*_: object) -> None:
        raise Killed

    clear(project)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(sync_module, "repair_page", kill)
        sync(database, project, is_full=True)
    assert found(sync(database, project)) == (0, 0, 25) and is_equal(database, project)


def test_annotation_that_left_a_deleted_task_is_not_deleted_with_it(
    database: Database, project: FakeAnnotatedProject, parts: list[int]
) -> None:
    project.change(20, task_id=3)
    project.change(40, task_id=50)
    clear(project, but=(3, 50))
    sync(database, project, is_full=True)
    assert is_equal(database, project)
    assert {row[0]: row[1] for row in ledger(database)["annotation"]} == {20: 3, 40: 50, 500: 50}


def test_what_a_webhook_told_of_between_two_parts_is_kept(
    database: Database, project: FakeAnnotatedProject, parts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, is_first = sync_module.parts_gone, iter([True])

    def tell(database: Database, page: Page, *, size: int) -> list[Scope]:
        scopes = watch(database, page, size=size)
        if next(is_first, False):
            project.add_task(50)
            project.annotate(500, 50)
            told(database, project, 500, at=datetime.now(UTC))
        return scopes

    clear(project)
    monkeypatch.setattr(sync_module, "parts_gone", tell)
    sync(database, project, is_full=True)
    assert is_equal(database, project) and ledger_counts(database, PROJECT) == (1, 1, 0)


def test_parts_of_a_page_that_another_process_stored_are_left_to_it(
    database: Database, project: FakeAnnotatedProject, parts: list[int]
) -> None:
    nested = iter([True])

    def overtake(call: str) -> None:
        if call == "read_after" and next(nested, False):
            sync(database, project)

    clear(project)
    project.before = overtake
    state = sync(database, project, is_full=True)
    assert state.deleted == 25 and is_equal(database, project)
