"""What `explain` tells of a task: all predictions, all annotations, each region's match."""

from dataclasses import replace

import pytest

from backend.errors import NotFound
from backend.review.explain import explain_task
from backend.store.database import Database
from backend.store.projects import store_project
from tests.backend.review.events import (
    PROJECT,
    annotation,
    at,
    corrections,
    created,
    deleted,
    event,
    process,
    region,
    show,
    task_of,
)

SHOWN = [region("a1", "car"), region("b2", "person", x=400)]


def test_each_region_is_told_with_its_match(database: Database) -> None:
    show(database, SHOWN)
    process(database, created(annotation(1, [region("a1", "bus"), region("n1", "dog", x=700)])))
    [told] = explain_task(database, 1).annotations
    assert [(c.kind, c.label) for c in told.corrections] == [
        ("relabelled", "bus"),
        ("deleted", "person"),
        ("added", "dog"),
    ]
    assert (told.is_deciding, told.shown_by) == (True, "region ids")


def test_skipped_annotation_is_told_and_compared_with_nothing(database: Database) -> None:
    show(database, SHOWN)
    process(database, created(annotation(1, SHOWN, was_cancelled=True)))
    found = explain_task(database, 1)
    assert found.state == "not_viewed"
    assert [(told.is_cancelled, told.shown, told.corrections) for told in found.annotations] == [
        (True, None, ())
    ]


def test_deleted_annotation_is_not_told(database: Database) -> None:
    show(database, SHOWN)
    process(database, created(annotation(1, SHOWN)), deleted(1))
    assert explain_task(database, 1).annotations == ()


def test_predicted_task_that_no_event_told_of_is_explained(database: Database) -> None:
    show(database, SHOWN)
    found = explain_task(database, 1)
    assert (found.project_id, found.state, found.image) == (7, None, None)
    assert [(count, shown.is_blind) for shown, count in found.predictions] == [(2, False)]


def test_deleted_task_is_told_as_such(database: Database) -> None:
    process(database, event("TASKS_CREATED", tasks=[task_of(1)]), event("TASKS_DELETED", tasks=[{"id": 1}]))
    assert explain_task(database, 1).is_deleted


def test_unknown_task_is_an_error_that_says_what_to_do(database: Database) -> None:
    with pytest.raises(NotFound, match="sync --project"):
        explain_task(database, 1)


def test_images_of_the_config_keep_regions_apart_as_in_the_ledger(database: Database) -> None:
    config = (
        '<View><Image name="left" value="$left"/><Image name="image" value="$image"/>'
        '<RectangleLabels name="other" toName="left"><Label value="car"/></RectangleLabels>'
        '<RectangleLabels name="label" toName="image"><Label value="car"/></RectangleLabels></View>'
    )
    store_project(database, PROJECT, label_config=config, model_version=None, now=at(0))
    show(database, [replace(SHOWN[0], control="other")])
    process(database, created(annotation(1, [region("m1", "car")])))
    [told] = explain_task(database, 1).annotations
    assert [c.kind for c in told.corrections] == [kind for _, kind, _ in corrections(database)]
    assert [c.kind for c in told.corrections] == ["deleted", "added"]
