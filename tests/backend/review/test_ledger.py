"""From events to the ledger: what was corrected, replaced, deleted, and what never counts."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from backend.errors import DatabaseUnavailable
from backend.labelstudio.events import parse_event
from backend.store.database import Database
from backend.store.event_log import store_event
from backend.store.ledger_tables import SqlAnnotation, SqlCorrection, SqlTally, SqlTrainingRequest
from backend.store.projects import store_project
from backend.store.tables import SqlEvent
from tests.backend.review.events import (
    PROJECT,
    VERSION,
    annotation,
    at,
    corrections,
    created,
    deleted,
    event,
    process,
    processor,
    read_ledger,
    region,
    result_of,
    review,
    show,
    store_again,
    task_of,
    updated,
)

CAR, PERSON = region("a1", "car"), region("b2", "person", x=400)
BUS, DOG = region("c3", "bus", x=600), region("d4", "dog", x=800)
SHOWN = [CAR, PERSON, BUS, DOG]
MOVED = region("a1", "car", x=120)
RENAMED = region("b2", "car", x=400)
NEW = region("n9", "dog", x=100, y=300)
CORRECTED = [MOVED, RENAMED, BUS, NEW]


def tally_of(database: Database, label: str = "") -> tuple[int, ...]:
    """Return (kept, adjusted, deleted, added, relabelled from, relabelled to) over all annotations."""
    names = ("kept", "adjusted", "deleted", "added", "relabelled_from", "relabelled_to")
    with database.read() as session:
        rows = session.scalars(select(SqlTally).where(SqlTally.label == label)).all()
        return tuple(sum(getattr(row, name) for row in rows) for name in names)


def test_submitted_annotation_is_compared_with_what_was_shown(database: Database) -> None:
    show(database, SHOWN)
    assert process(database, created(annotation(1, CORRECTED))) == 1
    assert corrections(database) == [
        (1, "adjusted", "car"),
        (1, "relabelled", "car"),
        (1, "kept", "bus"),
        (1, "deleted", "dog"),
        (1, "added", "dog"),
    ]
    row = review(database)
    assert (row.state, row.annotations, row.annotator, row.version) == ("viewed", 1, 5, VERSION)
    counts = (row.predicted, row.kept, row.adjusted, row.relabelled, row.deleted, row.added)
    assert counts == (4, 1, 1, 1, 1, 1)
    assert (row.image, row.reviewed_at) == ("/data/upload/1.jpg", at(10))


def test_correction_names_all_that_belongs_to_it(database: Database) -> None:
    show(database, SHOWN)
    process(database, created(annotation(1, CORRECTED)))
    with database.read() as session:
        row = session.scalars(select(SqlCorrection).where(SqlCorrection.kind == "relabelled")).one()
        named = (row.project_id, row.task_id, row.annotation_id, row.annotator, row.version)
        assert named == (PROJECT, 1, 1, 5, VERSION)
        assert (row.shown_region, row.shown_label) == ("b2", "person")
        assert (row.annotated_region, row.annotated_label, row.label) == ("b2", "car", "car")
        assert (row.iou, row.matched_by, row.compared_as) == (pytest.approx(1), "region id", "box")


def test_counts_stand_by_label_and_for_all(database: Database) -> None:
    show(database, SHOWN)
    process(database, created(annotation(1, CORRECTED)))
    assert tally_of(database) == (1, 1, 1, 1, 1, 1)
    assert tally_of(database, "person") == (0, 0, 0, 0, 1, 0)
    assert tally_of(database, "car") == (0, 1, 0, 0, 0, 1)
    assert tally_of(database, "dog") == (0, 0, 1, 1, 0, 0)


def test_edit_replaces_earlier_corrections(database: Database) -> None:
    show(database, SHOWN)
    process(database, created(annotation(1, CORRECTED)))
    process(database, updated(annotation(1, SHOWN, updated=20)))
    assert corrections(database) == [(1, "kept", label) for label in ("car", "person", "bus", "dog")]
    assert tally_of(database) == (4, 0, 0, 0, 0, 0)


def test_older_content_that_comes_late_changes_nothing(database: Database) -> None:
    show(database, SHOWN)
    process(database, updated(annotation(1, SHOWN, updated=20)))
    process(database, created(annotation(1, CORRECTED)))
    assert tally_of(database) == (4, 0, 0, 0, 0, 0)


def test_deletion_removes_corrections_and_the_view(database: Database) -> None:
    show(database, SHOWN)
    process(database, created(annotation(1, CORRECTED)), deleted(1))
    assert corrections(database) == [] and tally_of(database) == (0,) * 6
    assert (review(database).state, review(database).predicted) == ("not_viewed", None)


def test_annotation_that_comes_after_its_deletion_stays_deleted(database: Database) -> None:
    show(database, SHOWN)
    process(database, deleted(1))
    process(database, created(annotation(1, CORRECTED)))
    assert corrections(database) == []
    assert review(database).state == "not_viewed"


def test_deletion_leaves_the_task_to_its_other_annotation(database: Database) -> None:
    show(database, SHOWN)
    process(database, created(annotation(1, SHOWN)), created(annotation(2, CORRECTED, minute=11)))
    assert (review(database).annotation_id, review(database).annotations) == (2, 2)
    process(database, deleted(2))
    assert (review(database).annotation_id, review(database).kept) == (1, 4)


def test_skipped_annotation_never_counts(database: Database) -> None:
    show(database, SHOWN)
    process(database, created(annotation(1, CORRECTED, was_cancelled=True)))
    assert corrections(database) == [] and tally_of(database) == (0,) * 6
    assert (review(database).state, review(database).annotations) == ("not_viewed", 0)


def test_annotation_that_is_skipped_later_counts_no_more(database: Database) -> None:
    show(database, SHOWN)
    process(database, created(annotation(1, CORRECTED)))
    process(database, updated(annotation(1, CORRECTED, updated=20, was_cancelled=True)))
    assert corrections(database) == []
    assert review(database).state == "not_viewed"


def test_ground_truth_is_marked_and_decides(database: Database) -> None:
    show(database, SHOWN)
    process(database, created(annotation(1, SHOWN, ground_truth=True)))
    process(database, created(annotation(2, CORRECTED, minute=30)))
    assert review(database).annotation_id == 1
    with database.read() as session:
        rows = session.scalars(select(SqlTally).where(SqlTally.label == "")).all()
        assert {row.annotation_id: row.is_ground_truth for row in rows} == {1: True, 2: False}


def test_without_a_shown_prediction_the_task_is_viewed_and_nothing_is_corrected(database: Database) -> None:
    process(database, created(annotation(1, CORRECTED)))
    row = review(database)
    assert (row.state, row.predicted, row.version) == ("viewed", None, None)
    assert corrections(database) == [] and read_ledger(database)["tally"] == []


def test_nothing_shown_and_nothing_annotated_is_a_compared_image(database: Database) -> None:
    show(database, [])
    process(database, created(annotation(1, [])))
    assert [row[1] for row in read_ledger(database)["tally"]] == [""]
    assert review(database).predicted == 0


def test_blind_task_is_marked(database: Database) -> None:
    show(database, SHOWN, is_blind=True)
    process(database, created(annotation(1, [region("m1", "car")])))
    assert review(database).is_blind
    assert tally_of(database) == (1, 0, 3, 0, 0, 0)
    with database.read() as session:
        assert session.scalars(select(SqlTally.is_blind)).all().count(False) == 0


def test_list_of_annotations_counts_each(database: Database) -> None:
    for task in (1, 2, 3):
        show(database, [region(f"a{task}")], task=task)
    items = [annotation(task, [region(f"a{task}")], task=task) for task in (1, 2, 3)]
    body = event("ANNOTATIONS_CREATED", annotation=items, task=[task_of(task) for task in (1, 2, 3)])
    assert process(database, body) == 1
    assert corrections(database) == [(task, "kept", "car") for task in (1, 2, 3)]


def test_deleted_task_takes_its_annotations_along(database: Database) -> None:
    show(database, SHOWN)
    process(database, created(annotation(1, CORRECTED)), event("TASKS_DELETED", tasks=[{"id": 1}]))
    assert all(rows == [] for rows in read_ledger(database).values())


def test_annotation_of_a_deleted_task_never_counts(database: Database) -> None:
    show(database, SHOWN)
    process(database, event("TASKS_DELETED", tasks=[{"id": 1}]))
    process(database, created(annotation(1, CORRECTED)))
    assert all(rows == [] for rows in read_ledger(database).values())


def test_deleted_project_takes_all_along(database: Database) -> None:
    show(database, SHOWN)
    process(database, created(annotation(1, CORRECTED)), event("PROJECT_DELETED"))
    process(database, created(annotation(2, CORRECTED, task=2)))
    assert all(rows == [] for rows in read_ledger(database).values())


def test_created_tasks_wait_to_be_viewed(database: Database) -> None:
    process(database, event("TASKS_CREATED", tasks=[task_of(1), task_of(2)]))
    assert [review(database, task).state for task in (1, 2)] == ["not_viewed"] * 2


def test_event_that_is_processed_twice_counts_once(database: Database) -> None:
    show(database, SHOWN)
    body = created(annotation(1, CORRECTED))
    process(database, body)
    before = read_ledger(database)
    store_again(database, body, key="again")
    assert process(database) == 1
    assert read_ledger(database) == before


def test_requests_for_training_are_counted_once_each(database: Database) -> None:
    for number in range(3):
        store_again(database, event("START_TRAINING"), key=str(number), minute=number)
    assert [process(database), process(database)] == [3, 0]
    with database.read() as session:
        row = session.scalars(select(SqlTrainingRequest)).one()
        assert (row.asked, row.asked_at) == (3, at(2))


@pytest.mark.parametrize(
    ("body", "word"),
    [
        pytest.param(event("TASK_SNOOZED"), "TASK_SNOOZED", id="unknown action"),
        pytest.param(created({**annotation(1), "updated_at": None}), "updated_at", id="without a time"),
        pytest.param(event("ANNOTATIONS_DELETED", annotations=[{"id": "x"}]), "x", id="id is no number"),
    ],
)
def test_event_that_cannot_be_read_is_kept_with_the_reason(
    database: Database, body: dict[str, Any], word: str
) -> None:
    show(database, SHOWN)
    assert process(database, body, created(annotation(2, SHOWN))) == 2
    with database.read() as session:
        first, second = session.scalars(select(SqlEvent).order_by(SqlEvent.id))
        assert word in (first.error or "") and first.processed_at is not None
        assert second.error is None
    assert len(corrections(database)) == 4


def test_result_that_cannot_be_compared_is_named_and_spoils_nothing(database: Database) -> None:
    show(database, [CAR])
    broken = {**result_of(CAR), "id": "broken", "value": {"rectanglelabels": ["car"]}}
    process(database, created({**annotation(1, [CAR]), "result": [result_of(CAR), broken]}))
    assert corrections(database) == [(1, "kept", "car")]
    with database.read() as session:
        [problem] = session.scalars(select(SqlAnnotation.problems)).one()
        assert "broken" in problem


def test_event_that_breaks_the_processor_does_not_hold_up_others(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    show(database, SHOWN)
    with monkeypatch.context() as patch:
        patch.setattr("backend.review.ingest.put_accounts", fail)
        assert process(database, created(annotation(1, CORRECTED))) == 1
    with database.read() as session:
        assert "ZeroDivisionError" in (session.scalars(select(SqlEvent.error)).one() or "")
    assert all(rows == [] for rows in read_ledger(database).values())
    process(database, created(annotation(2, CORRECTED)))
    assert len(corrections(database)) == 5


def test_task_with_the_id_of_a_deleted_one_is_another_task(database: Database) -> None:
    show(database, SHOWN)
    process(database, created(annotation(1, CORRECTED)), event("TASKS_DELETED", tasks=[{"id": 1}]))
    process(database, event("TASKS_CREATED", tasks=[task_of(1, created_at=at(70).isoformat())]), minute=70)
    row = review(database)
    assert (row.deleted_at, row.state, row.annotation_id) == (None, "not_viewed", None)


def test_annotation_with_the_id_of_a_deleted_one_is_another_annotation(database: Database) -> None:
    show(database, SHOWN)
    process(database, created(annotation(1, CORRECTED)), deleted(1))
    process(database, created(annotation(1, SHOWN, minute=70)), minute=70)
    assert tally_of(database) == (4, 0, 0, 0, 0, 0)


def test_task_of_another_project_with_the_same_id_takes_its_place(database: Database) -> None:
    show(database, SHOWN)
    process(database, created(annotation(1, CORRECTED)))
    body = {**event("TASKS_CREATED", tasks=[task_of(1)]), "project": {"id": 8}}
    store_event(database, parse_event(body, received_second=0), now=at(70))
    assert processor(database).process(8) == 1
    row = review(database)
    assert (row.project_id, row.state) == (8, "not_viewed")
    assert corrections(database) == []
    # What comes late of the old project's task does no harm to the new one's.
    process(database, event("TASKS_DELETED", tasks=[{"id": 1}]), minute=60)
    assert review(database).deleted_at is None


def test_event_of_many_items_that_was_cut_off_is_written_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.review.ingest._PART", 2)
    items = [annotation(task, [region(f"a{task}")], task=task) for task in range(1, 6)]
    for task in range(1, 6):
        show(database, [region(f"a{task}")], task=task)
    body = event("ANNOTATIONS_CREATED", annotation=items, task=[task_of(task) for task in range(1, 6)])

    def cut_off(*_: Any, **__: Any) -> None:
        raise DatabaseUnavailable("gone")

    with monkeypatch.context() as patch, pytest.raises(DatabaseUnavailable):
        patch.setattr("backend.review.ingest.mark_processed", cut_off)
        process(database, body)
    assert [number for number, _, _ in corrections(database)] == [1, 2, 3, 4]
    assert process(database) == 1
    assert [number for number, _, _ in corrections(database)] == [1, 2, 3, 4, 5]
    assert process(database) == 0


def test_tag_that_lies_on_another_image_is_not_matched_though_its_annotation_is_empty(
    database: Database,
) -> None:
    config = (
        '<View><Image name="left" value="$left"/><Image name="image" value="$image"/>'
        '<RectangleLabels name="other" toName="left"><Label value="car"/></RectangleLabels>'
        '<RectangleLabels name="label" toName="image"><Label value="car"/></RectangleLabels></View>'
    )
    store_project(database, PROJECT, label_config=config, model_version=None, now=at(0))
    show(database, [replace(CAR, control="other")])
    process(database, created(annotation(1, [region("m1", "car")])))
    assert [kind for _, kind, _ in corrections(database)] == ["deleted", "added"]


def test_label_too_long_for_an_index_is_left_out_and_blocks_nothing(database: Database) -> None:
    show(database, SHOWN)
    process(database, created(annotation(1, [region("a1", "car" * 2000)])))
    process(database, created(annotation(2, SHOWN)))
    assert [kind for number, kind, _ in corrections(database) if number == 2] == ["kept"] * 4


def test_event_that_ends_its_worker_each_time_is_given_up(database: Database) -> None:
    show(database, SHOWN)
    body = created(annotation(1, CORRECTED))
    store_event(database, parse_event(body, received_second=0), now=at(60))

    def end(*_: Any, **__: Any) -> bool:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("backend.review.ingest.read_event", end)
        for _ in range(5):
            with pytest.raises(KeyboardInterrupt):
                process(database)
        process(database)
    with database.read() as session:
        assert "ended" in (session.scalars(select(SqlEvent.error)).one() or "")
    assert process(database, created(annotation(2, CORRECTED))) == 1
    assert len(corrections(database)) == 5


def test_annotation_whose_id_is_used_for_another_task_leaves_the_first(database: Database) -> None:
    for task in (1, 2):
        show(database, [region(f"a{task}")], task=task)
    process(database, created(annotation(5, [region("a1")])))
    process(database, created(annotation(5, [region("a2")], task=2, minute=20)))
    assert [review(database, task).state for task in (1, 2)] == ["not_viewed", "viewed"]


def test_event_of_a_project_that_was_gone_says_so(database: Database) -> None:
    process(database, event("PROJECT_DELETED"))
    process(database, created(annotation(1, CORRECTED)))
    with database.read() as session:
        assert "no such project" in (session.scalars(select(SqlEvent.error)).all()[-1] or "")
