"""Predictions corrected on the labelling page, and what the ledger then says of each region."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from label_studio_sdk.client import LabelStudio

from backend.store.database import Database
from backend.store.ledger_tables import SqlCorrection
from demo.scenes import CLASSES

from .conftest import PrelabelledFactory
from .labelling_page import LabellingPage
from .pictures import SHOWN_SEED
from .projects import Project, call, predictions_by_task
from .records import NOT_VIEWED, EventLog, Review, corrections_of, is_in_ledger, review_of
from .rectangles import Result, a_little, area, iou, label_of, rectangle

SHOWN = f"scene_{SHOWN_SEED}.jpg"
DRAWN_LABEL, DRAWN_FROM, DRAWN_TO = "person", (20.0, 15.0), (32.0, 40.0)


@dataclass(frozen=True)
class Corrected:
    """The shown picture with one correction of each kind: what was done, what came of it."""

    task: int
    shown: Sequence[Result]
    moved: Result
    deleted: Result
    relabelled: Result
    new_label: str
    annotation: dict[str, Any]
    corrections: Sequence[SqlCorrection]
    review: Review | None


@pytest.fixture(scope="module")
def project(new_prelabelled: PrelabelledFactory) -> Project:
    return new_prelabelled("Corrections on the page").project


@pytest.fixture
def events(database: Database, project: Project) -> EventLog:
    return EventLog(database, project.id)


@pytest.fixture(scope="module")
def corrected(
    labelling_page: LabellingPage, sdk: LabelStudio, database: Database, project: Project
) -> Corrected:
    events = EventLog(database, project.id)
    task = project.tasks[SHOWN]
    shown = shown_in(sdk, project, task)
    moved, deleted, relabelled, *rest = sorted(shown, key=area, reverse=True)
    assert rest and len({label_of(region) for region in shown}) > 1, "too few regions for this test"
    assert not any(iou(region, rectangle(DRAWN_FROM, DRAWN_TO)) for region in shown), (
        "the place to draw at is taken"
    )
    new_label = next(label for label in CLASSES if label != label_of(relabelled))

    labelling_page.open_task(project.id, task, regions=shown)
    labelling_page.move(moved, by=a_little(moved))
    labelling_page.delete(deleted)
    labelling_page.relabel(relabelled, new_label)
    labelling_page.draw(DRAWN_LABEL, DRAWN_FROM, DRAWN_TO)
    annotation = annotation_of(sdk, labelling_page.submit())

    events.expect("ANNOTATION_CREATED")
    corrections = corrections_of(database, annotation["id"])
    return Corrected(
        task=task,
        shown=shown,
        moved=moved,
        deleted=deleted,
        relabelled=relabelled,
        new_label=new_label,
        annotation=annotation,
        corrections=corrections,
        review=review_of(database, task),
    )


def shown_in(sdk: LabelStudio, project: Project, task: int) -> Sequence[Result]:
    (prediction,) = predictions_by_task(sdk, project)[task]
    return list(prediction.result)


def annotation_of(sdk: LabelStudio, annotation_id: int) -> dict[str, Any]:
    return dict(call(sdk, "GET", f"api/annotations/{annotation_id}"))


def kinds(corrections: Sequence[SqlCorrection]) -> dict[str, int]:
    return dict(Counter(correction.kind for correction in corrections))


def test_browser_keeps_ids_and_scores_and_names_the_prediction(corrected: Corrected, sdk: LabelStudio):
    (prediction,) = sdk.predictions.list(task=corrected.task)
    submitted = {region["id"]: region for region in corrected.annotation["result"]}
    shown = {region["id"]: region for region in corrected.shown}
    changed = {corrected.moved["id"], corrected.relabelled["id"]}

    assert corrected.annotation["parent_prediction"] == prediction.id
    assert len(submitted) == len(shown)  # one less and one more
    assert shown.keys() - submitted.keys() == {corrected.deleted["id"]}
    for region_id in shown.keys() & submitted.keys():
        region = submitted[region_id]
        assert region["score"] == shown[region_id]["score"]
        assert region["origin"] == ("prediction-changed" if region_id in changed else "prediction")
    (added,) = (submitted[i] for i in submitted.keys() - shown.keys())
    assert added["origin"] == "manual" and "score" not in added
    assert label_of(submitted[corrected.relabelled["id"]]) == corrected.new_label


def test_ledger_holds_each_correction_and_the_kept_rest(corrected: Corrected, sdk: LabelStudio):
    (prediction,) = sdk.predictions.list(task=corrected.task)
    annotation = corrected.annotation
    shown = {region["id"]: region for region in corrected.shown}
    submitted = {region["id"]: region for region in annotation["result"]}
    special = {
        corrected.moved["id"]: "adjusted",
        corrected.deleted["id"]: "deleted",
        corrected.relabelled["id"]: "relabelled",
    }
    expected = {(special.get(i, "kept"), i, None if i == corrected.deleted["id"] else i) for i in shown} | {
        ("added", None, i) for i in submitted.keys() - shown.keys()
    }
    found = {(row.kind, row.shown_region, row.annotated_region) for row in corrected.corrections}
    assert found == expected and len(corrected.corrections) == len(expected)

    for row in corrected.corrections:
        was, now = shown.get(row.shown_region or ""), submitted.get(row.annotated_region or "")
        assert (row.annotation_id, row.annotator) == (annotation["id"], annotation["completed_by"])
        assert (row.project_id, row.task_id) == (annotation["project"], corrected.task)
        assert row.version == prediction.model_version
        assert row.shown_label == (label_of(was) if was else None)
        assert row.annotated_label == (label_of(now) if now else None)
        assert row.label == (row.annotated_label or row.shown_label)
        if was and now:
            assert (row.matched_by, row.compared_as) == ("region id", "box")
            assert row.iou == pytest.approx(iou(was, now), abs=1e-4)
        else:
            assert (row.matched_by, row.compared_as, row.iou) == (None, None, None)


def test_corrected_task_is_viewed_with_its_counts(corrected: Corrected):
    assert corrected.review == Review(
        state="viewed",
        annotation=corrected.annotation["id"],
        predicted=len(corrected.shown),
        kept=len(corrected.shown) - 3,
        adjusted=1,
        relabelled=1,
        deleted=1,
        added=1,
    )


def test_update_replaces_the_earlier_corrections(
    labelling_page: LabellingPage,
    sdk: LabelStudio,
    database: Database,
    project: Project,
    events: EventLog,
    corrected: Corrected,
):
    annotation = annotation_of(sdk, corrected.annotation["id"])
    (moved,) = (region for region in annotation["result"] if region["id"] == corrected.moved["id"])
    across, down = a_little(moved)

    labelling_page.open_task(project.id, corrected.task, regions=annotation["result"])
    labelling_page.expect_update_is_off()
    labelling_page.move(moved, by=(-across, -down))
    assert labelling_page.update() == annotation["id"]

    events.expect("ANNOTATION_UPDATED")
    corrections = corrections_of(database, annotation["id"])
    kept = len(corrected.shown) - 2
    assert kinds(corrections) == {"kept": kept, "relabelled": 1, "deleted": 1, "added": 1}
    (row,) = (row for row in corrections if row.shown_region == moved["id"])
    assert row.iou is not None and row.iou > 0.9
    counts = {"predicted": len(corrected.shown), "kept": kept, "adjusted": 0}
    changed = {"relabelled": 1, "deleted": 1, "added": 1}
    assert review_of(database, corrected.task) == Review("viewed", annotation["id"], **counts, **changed)


def test_skipped_task_counts_once_it_is_labelled_after_all(
    labelling_page: LabellingPage, sdk: LabelStudio, database: Database, project: Project, events: EventLog
):
    labelling_page.open_stream(project.id)
    skipped = labelling_page.skip()
    events.expect("ANNOTATION_CREATED")
    task = annotation_of(sdk, skipped)["task"]
    shown = shown_in(sdk, project, task)
    assert shown, "a task with regions is wanted"
    assert is_in_ledger(database, skipped) and not corrections_of(database, skipped)
    assert review_of(database, task) == NOT_VIEWED

    labelling_page.open_task(project.id, task, regions=shown)
    labelling_page.cancel_skip()
    events.expect("ANNOTATIONS_DELETED")
    assert not is_in_ledger(database, skipped)
    assert review_of(database, task) == NOT_VIEWED

    submitted = labelling_page.submit()
    events.expect("ANNOTATION_CREATED")
    # Label Studio forgets the prediction with the skipping: the regions' ids alone tell it.
    assert annotation_of(sdk, submitted)["parent_prediction"] is None
    assert kinds(corrections_of(database, submitted)) == {"kept": len(shown)}
    assert review_of(database, task) == Review("viewed", submitted, len(shown), len(shown), 0, 0, 0, 0)


def test_deleted_annotation_counts_no_more(
    labelling_page: LabellingPage, sdk: LabelStudio, database: Database, project: Project, events: EventLog
):
    task = project.tasks["scene_2000003.png"]
    shown = shown_in(sdk, project, task)
    labelling_page.open_task(project.id, task, regions=shown)
    accepted = labelling_page.submit()
    events.expect("ANNOTATION_CREATED")
    assert kinds(corrections_of(database, accepted)) == {"kept": len(shown)}

    labelling_page.delete_annotation(accepted)

    events.expect("ANNOTATIONS_DELETED")
    assert not is_in_ledger(database, accepted) and not corrections_of(database, accepted)
    assert review_of(database, task) == NOT_VIEWED


def test_reopened_draft_is_compared_with_what_was_shown(
    labelling_page: LabellingPage, sdk: LabelStudio, database: Database, project: Project, events: EventLog
):
    task = project.tasks["scene_2000010.jpg"]
    shown = shown_in(sdk, project, task)
    moved = max(shown, key=area)
    labelling_page.open_task(project.id, task, regions=shown)
    labelling_page.wait_for_draft(lambda: labelling_page.move(moved, by=a_little(moved)))

    labelling_page.open_task(project.id, task, regions=shown)
    submitted = labelling_page.submit()

    events.expect("ANNOTATION_CREATED")
    assert annotation_of(sdk, submitted)["parent_prediction"] is None
    assert kinds(corrections_of(database, submitted)) == {"adjusted": 1, "kept": len(shown) - 1}
