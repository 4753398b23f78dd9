"""Annotations, tasks and projects made and deleted through Label Studio's API: the ledger agrees."""

from collections.abc import Sequence
from typing import Any

import pytest
from label_studio_sdk.client import LabelStudio

from backend.store.database import Database

from .conftest import PrelabelledFactory, ProjectFactory, RunCommand
from .projects import Project, call, predictions_by_task, retrieve_predictions
from .records import (
    NOT_VIEWED,
    Counted,
    EventLog,
    Review,
    corrections_of,
    counted,
    is_in_ledger,
    review_of,
    stars_of,
)

NONE_COUNTS = Counted(annotations=0, corrections=0, tallies=0, tasks=0)

Annotation = dict[str, Any]


@pytest.fixture(scope="module")
def project(new_prelabelled: PrelabelledFactory, sdk: LabelStudio) -> Project:
    made = new_prelabelled("Corrections through the API").project
    occupy_last_id(sdk)
    return made


@pytest.fixture
def events(database: Database, project: Project) -> EventLog:
    return EventLog(database, project.id)


def occupy_last_id(sdk: LabelStudio) -> None:
    """Make a task: Label Studio on SQLite gives the ids of the last tasks again once these are gone."""
    last = sdk.projects.create(title="Holds the last task", label_config="<View></View>")
    sdk.projects.import_tasks(last.id, request=[{"data": {"image": "none"}}])


def act(sdk: LabelStudio, project: Project, action: str, tasks: Sequence[int]) -> None:
    """Do what an action of the Data Manager does with the selected tasks."""
    body = {"selectedItems": {"all": False, "included": list(tasks)}}
    call(sdk, "POST", "api/dm/actions", params={"id": action, "project": project.id}, json=body)


def accept(sdk: LabelStudio, project: Project, events: EventLog, *names: str) -> dict[int, Annotation]:
    """Create annotations from the predictions of these pictures, in bulk; return them by task."""
    tasks = [project.tasks[name] for name in names]
    act(sdk, project, "predictions_to_annotations", tasks)
    events.expect("ANNOTATIONS_CREATED")
    return {task: annotation for task in tasks for annotation in annotations_of(sdk, task)}


def annotations_of(sdk: LabelStudio, task: int) -> list[Annotation]:
    return list(call(sdk, "GET", f"api/tasks/{task}")["annotations"])


def all_kept(annotation: Annotation) -> Review:
    count = len(annotation["result"])
    return Review("viewed", annotation["id"], count, count, 0, 0, 0, 0)


def test_annotations_made_from_predictions_in_bulk_keep_all(
    sdk: LabelStudio, database: Database, project: Project, events: EventLog
):
    # The last picture has nothing in it.
    made = accept(sdk, project, events, "scene_2000001.jpg", "scene_2000003.png", "scene_2000002.jpg")
    assert [bool(annotation["result"]) for annotation in made.values()] == [True, True, False]

    predictions = predictions_by_task(sdk, project)
    for task, annotation in made.items():
        (prediction,) = predictions[task]
        ids = [region["id"] for region in prediction.result]
        assert annotation["parent_prediction"] == prediction.id
        assert [region["id"] for region in annotation["result"]] == ids
        rows = corrections_of(database, annotation["id"])
        assert [(row.kind, row.shown_region, row.annotated_region) for row in rows] == [
            ("kept", region_id, region_id) for region_id in ids
        ]
        assert {row.version for row in rows} <= {prediction.model_version}
        assert review_of(database, task) == all_kept(annotation)


def test_star_marks_what_the_annotation_counts(
    sdk: LabelStudio, database: Database, project: Project, events: EventLog
):
    (annotation,) = accept(sdk, project, events, "scene_2000004.jpg").values()
    assert stars_of(database, annotation["id"]) == {False}

    call(sdk, "PATCH", f"api/annotations/{annotation['id']}", json={"ground_truth": True})

    events.expect("ANNOTATION_UPDATED")
    assert stars_of(database, annotation["id"]) == {True}
    assert len(corrections_of(database, annotation["id"])) == len(annotation["result"])


def test_account_stands_when_label_studio_loses_the_prediction(
    sdk: LabelStudio,
    database: Database,
    project: Project,
    events: EventLog,
    run_backend_command: RunCommand,
):
    ((task, annotation),) = accept(sdk, project, events, "scene_2000010.jpg").items()

    act(sdk, project, "delete_tasks_predictions", [task])
    (changed,) = annotations_of(sdk, task)
    # No event tells of it, and the annotation's time stays.
    assert (changed["parent_prediction"], changed["updated_at"]) == (None, annotation["updated_at"])
    assert run_backend_command("sync", "--project", str(project.id), "--full").returncode == 0

    assert review_of(database, task) == all_kept(annotation)


def test_annotations_deleted_in_bulk_count_no_more(
    sdk: LabelStudio, database: Database, project: Project, events: EventLog
):
    made = accept(sdk, project, events, "scene_2000005.jpg", "scene_2000006.jpg")
    assert len(made) == 2 and all(is_in_ledger(database, a["id"]) for a in made.values())

    act(sdk, project, "delete_tasks_annotations", list(made))

    events.expect("ANNOTATIONS_DELETED")
    for task, annotation in made.items():
        assert not is_in_ledger(database, annotation["id"])
        assert not corrections_of(database, annotation["id"])
        assert review_of(database, task) == NOT_VIEWED


def test_deleted_tasks_take_their_annotations_with_them(
    sdk: LabelStudio, database: Database, project: Project, events: EventLog
):
    made = accept(sdk, project, events, "scene_2000007.jpg", "scene_2000009.jpg")
    assert len(made) == 2 and all(review_of(database, task) for task in made)
    before = counted(database, project.id)

    act(sdk, project, "delete_tasks", list(made))

    events.expect("TASKS_DELETED")  # and nothing of the annotations
    for task, annotation in made.items():
        assert review_of(database, task) is None
        assert not is_in_ledger(database, annotation["id"])
        assert not corrections_of(database, annotation["id"])
    after = counted(database, project.id)
    assert (before.tasks - after.tasks, before.annotations - after.annotations) == (2, 2)


def test_sync_finds_that_a_project_is_deleted(
    sdk: LabelStudio, database: Database, new_project: ProjectFactory, run_backend_command: RunCommand
):
    project = new_project("To be deleted")
    occupy_last_id(sdk)
    assert run_backend_command("connect", "--project", str(project.id)).returncode == 0
    retrieve_predictions(sdk, project.id)
    accept(sdk, project, EventLog(database, project.id), *project.tasks)
    before = counted(database, project.id)
    assert (before.annotations, before.tasks) == (2, 2) and before.corrections and before.tallies

    sdk.projects.delete(project.id)  # which Label Studio tells nobody of
    synced = run_backend_command("sync", "--project", str(project.id))

    assert synced.returncode == 1 and f"no project {project.id}" in synced.stderr
    assert counted(database, project.id) == NONE_COUNTS
