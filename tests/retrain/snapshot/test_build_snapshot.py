"""Snapshots of a ledger: what counts is in, each image once, and nothing changes that nobody changed."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from backend.entities import Region
from backend.errors import LabelConfigError
from backend.services import Services
from backend.store.database import Database
from backend.store.projects import store_project
from backend.store.runs import get_run
from backend.store.training_tables import SqlSnapshot, SqlSplit
from backend.training.entities import Example, Side, Snapshot
from retrain.context import RunCancelled, RunContext
from retrain.snapshot.build import build_snapshot
from retrain.snapshot.errors import SnapshotError
from retrain.snapshot.manifest import load_snapshot
from tests.backend.image_server import ImageServer
from tests.backend.pictures import png
from tests.backend.review.events import (
    PROJECT,
    annotation,
    created,
    deleted,
    event,
    process,
    region,
    result_of,
    review,
    show,
    updated,
)
from tests.retrain.snapshot.conftest import MakeContext

# Of 1000 x 500 pixels: the centre at (150, 150), sides of 100.
CAR = "0 0.15 0.3 0.1 0.2"


def label(database: Database, tasks: Sequence[int], *found: Region, **fields: Any) -> None:
    """Let somebody annotate these tasks: one car each, if nothing else is said."""
    regions = found or (region("r1"),)
    process(database, *(created(annotation(10 * task, regions, task=task, **fields)) for task in tasks))


def by_task(snapshot: Snapshot) -> dict[int, Example]:
    return {task: example for example in snapshot.examples for task in example.tasks}


def rebuilt(context: RunContext) -> Snapshot:
    """Take another snapshot within the same run, as a second attempt does."""
    return build_snapshot(context)


def numbers(line: str) -> list[float]:
    return [float(number) for number in line.split()]


def test_labelled_tasks_become_examples(make_context: MakeContext, pictures: ImageServer) -> None:
    context = make_context()
    label(context.services.database, range(1, 12))
    snapshot = build_snapshot(context)
    assert sorted(by_task(snapshot)) == list(range(1, 12))
    one = by_task(snapshot)[1]
    assert (one.width, one.height, one.suffix) == (40, 20, ".png")
    assert numbers(one.labels[0]) == pytest.approx(numbers(CAR))
    assert snapshot.target.labels == ("car", "person")
    assert [sum(e.side == side for e in snapshot.examples) for side in Side] == [9, 1, 1]
    assert snapshot == load_snapshot(context.services.artifacts, snapshot.digest)


def test_snapshot_is_remembered_with_its_counts(make_context: MakeContext, pictures: ImageServer) -> None:
    context = make_context()
    label(context.services.database, range(1, 5))
    digest = build_snapshot(context).digest
    with context.services.database.read() as session:
        (row,) = session.scalars(select(SqlSnapshot))
        assert (row.digest, row.project_id, row.task) == (digest, PROJECT, "detect")
        assert row.counts["images"] == 4 and row.counts["objects"] == {"car": 4, "person": 0}
        assert any("4 images" in warning for warning in row.warnings)


def test_same_ledger_gives_the_same_snapshot(make_context: MakeContext, pictures: ImageServer) -> None:
    context = make_context()
    label(context.services.database, range(1, 12))
    assert build_snapshot(context) == rebuilt(context)
    with context.services.database.read() as session:
        assert len(session.scalars(select(SqlSnapshot)).all()) == 1


def test_edit_makes_another_snapshot_and_no_image_changes_sides(
    make_context: MakeContext, pictures: ImageServer
) -> None:
    context = make_context()
    database = context.services.database
    label(database, range(1, 12))
    first = build_snapshot(context)
    process(database, updated(annotation(50, [region("r1", "person")], task=5, updated=20)), minute=90)
    label(database, range(12, 31))
    second = rebuilt(context)
    assert second.digest != first.digest
    assert by_task(second)[5].labels[0].startswith("1 ")
    assert by_task(second)[5].marks != by_task(first)[5].marks
    assert all(by_task(second)[task].side == one.side for task, one in by_task(first).items())
    assert [sum(e.side == side for e in second.examples) for side in Side] == [24, 3, 3]


def test_skipped_and_deleted_annotations_do_not_count(
    make_context: MakeContext, pictures: ImageServer
) -> None:
    context = make_context()
    database = context.services.database
    label(database, range(1, 5))
    label(database, [5], was_cancelled=True)
    label(database, [6])
    process(database, deleted(60), event("TASKS_DELETED", tasks=[{"id": 4}]), minute=80)
    label(database, [7])
    assert sorted(by_task(build_snapshot(context))) == [1, 2, 3, 7]


def test_annotation_without_regions_is_an_image_that_holds_nothing(
    make_context: MakeContext, pictures: ImageServer
) -> None:
    context = make_context()
    label(context.services.database, range(1, 5))
    process(context.services.database, created(annotation(90, [], task=9)))
    assert by_task(build_snapshot(context))[9].labels == ()


@pytest.mark.parametrize(
    ("truth", "expected"),
    [pytest.param(False, "1 ", id="newest"), pytest.param(True, "0 ", id="ground truth")],
)
def test_newest_annotation_counts_unless_another_is_ground_truth(
    make_context: MakeContext, pictures: ImageServer, truth: bool, expected: str
) -> None:
    context = make_context()
    database = context.services.database
    label(database, range(1, 5))
    process(database, created(annotation(50, [region("r1")], task=5, ground_truth=truth)))
    newer = annotation(51, [region("r1", "person")], task=5, minute=30, completed_by=6)
    process(database, created(newer))
    example = by_task(build_snapshot(context))[5]
    assert example.labels[0].startswith(expected)
    assert example.marks[5].startswith("50:" if truth else "51:")


def test_consensus_of_several_counts_where_it_is_asked_for(
    make_context: MakeContext, pictures: ImageServer
) -> None:
    context = make_context(labels_from="consensus")
    database = context.services.database
    label(database, range(1, 5))
    for number, x, others in ((50, 100, ()), (51, 110, ()), (52, 140, (region("r2", x=500),))):
        found = [region("r1", x=x), *others]
        process(database, created(annotation(number, found, task=5, minute=number, completed_by=number)))
    example = by_task(build_snapshot(context))[5]
    (line,) = example.labels
    assert numbers(line)[1] == pytest.approx(0.16)
    assert example.marks[5].startswith("52:"), "the annotation that decides how far the task is"


def test_conflict_between_annotators_is_a_warning(make_context: MakeContext, pictures: ImageServer) -> None:
    context = make_context()
    database = context.services.database
    label(database, range(1, 11))
    others = (
        created(annotation(100 + n, [region("x", x=600)], task=n, minute=20, completed_by=6))
        for n in range(1, 11)
    )
    process(database, *others)
    (warning,) = [text for text in build_snapshot(context).warnings if "disagree" in text]
    assert "of 20 things" in warning and "10 tasks" in warning and "20 (100%)" in warning


def test_blind_and_ground_truth_tasks_are_for_testing(
    make_context: MakeContext, pictures: ImageServer
) -> None:
    context = make_context()
    database = context.services.database
    show(database, [region("r1")], task=3, is_blind=True)
    label(database, [n for n in range(1, 13) if n != 7])
    label(database, [7], ground_truth=True)
    assert review(database, 3).is_blind
    sides = {task: example.side for task, example in by_task(build_snapshot(context)).items()}
    assert sorted(task for task, side in sides.items() if side == Side.TEST) == [3, 7]


def test_one_image_of_several_tasks_is_one_example(make_context: MakeContext, pictures: ImageServer) -> None:
    pictures.serve("/data/upload/6.jpg", png(40, 20, seed=5))
    context = make_context()
    database = context.services.database
    label(database, range(1, 6))
    label(database, [6], region("r1", "person"), minute=30)
    snapshot = build_snapshot(context)
    assert len(snapshot.examples) == 5
    example = by_task(snapshot)[5]
    assert example.tasks == (5, 6) and sorted(example.marks) == [5, 6]
    assert example.labels[0].startswith("1 "), "the newest labels"


def test_images_that_cannot_be_had_are_left_out_and_named(
    make_context: MakeContext, pictures: ImageServer
) -> None:
    context = make_context()
    label(context.services.database, [1, 2, 3, 4, 99])
    snapshot = build_snapshot(context)
    assert sorted(by_task(snapshot)) == [1, 2, 3, 4]
    assert any("task 99" in warning and "404" in warning for warning in snapshot.warnings)


def test_run_is_tried_again_where_most_images_cannot_be_had(
    make_context: MakeContext, pictures: ImageServer
) -> None:
    context = make_context()
    label(context.services.database, [1, 2, 97, 98, 99])
    with pytest.raises(SnapshotError, match="Task 97") as caught:
        build_snapshot(context)
    assert (caught.value.unfetched, caught.value.is_final) == (3, False)


def test_too_few_images_end_the_run(make_context: MakeContext, pictures: ImageServer) -> None:
    context = make_context()
    label(context.services.database, [1, 2, 3])
    with pytest.raises(SnapshotError, match="3 labelled images.*at least 4") as caught:
        build_snapshot(context)
    assert caught.value.is_final and pictures.seen == []


def test_images_left_out_may_make_too_few(make_context: MakeContext, pictures: ImageServer) -> None:
    context = make_context()
    label(context.services.database, [1, 2, 3, 99])
    with pytest.raises(SnapshotError, match="3 labelled images") as caught:
        build_snapshot(context)
    assert caught.value.is_final


def test_labels_that_cannot_be_read_are_left_out_and_named(
    make_context: MakeContext, pictures: ImageServer
) -> None:
    context = make_context()
    database = context.services.database
    label(database, range(1, 5))
    broken = {**result_of(region("r2")), "value": {"x": "left", "rectanglelabels": ["car"]}}
    process(
        database,
        created(annotation(50, task=5, result=[result_of(region("r1")), broken])),
        created(annotation(60, [region("r1", "tram")], task=6)),
    )
    snapshot = build_snapshot(context)
    assert len(by_task(snapshot)[5].labels) == 1 and by_task(snapshot)[6].labels == ()
    (warning,) = [text for text in snapshot.warnings if "left out" in text]
    assert "2 tasks" in warning and "task 5: Region 'r2'" in warning and '"tram"' in warning


def test_other_projects_are_not_mixed_in(make_context: MakeContext, pictures: ImageServer) -> None:
    context = make_context()
    database = context.services.database
    label(database, range(1, 5))
    with database.write() as session:
        theirs = [SqlSplit(project_id=8, key=e.image, side="test") for e in build_snapshot(context).examples]
        session.add_all(theirs)
    snapshot = rebuilt(context)
    assert {e.side for e in snapshot.examples} == {Side.TRAIN} and snapshot.project_id == PROJECT


def test_missing_token_is_noted(make_context: MakeContext, pictures: ImageServer) -> None:
    context = make_context(split_group="camera")
    label(context.services.database, range(1, 5))
    build_snapshot(context)
    (note,) = get_run(context.services.database, context.run.id).notes
    assert "LABEL_STUDIO_API_KEY" in note and "SPLIT_GROUP" in note


def test_cancelled_run_takes_no_snapshot(make_context: MakeContext, pictures: ImageServer) -> None:
    context = make_context()
    label(context.services.database, range(1, 5))
    context.is_cancelled.set()
    with pytest.raises(RunCancelled):
        build_snapshot(context)
    assert pictures.seen == []


def test_attempt_after_a_killed_one_gives_the_snapshot_of_one_that_was_not(
    make_context: MakeContext, pictures: ImageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = make_context()
    label(context.services.database, range(1, 12))

    class Killed(BaseException):
        pass

    def kill(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("retrain.snapshot.build.store_manifest", kill)
        with pytest.raises(Killed):
            build_snapshot(context)
    with context.services.database.read() as session:
        sides = {row.key: row.side for row in session.scalars(select(SqlSplit))}
    assert {e.image: str(e.side) for e in rebuilt(context).examples} == sides


def test_config_without_anything_to_train_is_refused(services: Services, make_context: MakeContext) -> None:
    config = '<View><Image name="image" value="$image"/></View>'
    store_project(services.database, PROJECT, label_config=config, model_version=None, now=datetime.now(UTC))
    with pytest.raises(LabelConfigError):
        build_snapshot(make_context())


def test_address_that_the_ledger_has_cut_is_not_fetched(
    make_context: MakeContext, pictures: ImageServer
) -> None:
    context = make_context()
    database = context.services.database
    label(database, range(1, 5))
    long = created(annotation(50, [region("r1")], task=5))
    long["task"] = {**long["task"], "data": {"image": pictures.url + "/" + "a" * 600}}
    process(database, long)
    snapshot = build_snapshot(context)
    assert sorted(by_task(snapshot)) == [1, 2, 3, 4]
    assert all("aaa" not in seen.path for seen in pictures.seen)
