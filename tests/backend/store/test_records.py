"""Served predictions, projects and model versions."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select

from backend.entities import Box, ImageSize, Prediction, Region
from backend.inference.checkpoint import Checkpoint
from backend.store.database import Database
from backend.store.prediction_log import count_predictions, projects_served_last, store_predictions
from backend.store.projects import list_model_versions, list_projects, store_model_versions, store_project
from backend.store.tables import SqlModelVersion, SqlPrediction, SqlProject

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SIZE = ImageSize(640, 480)
REGION = Region("abc", "label", "🚗", 0.9, Box(1.5, 2, 3, 4), SIZE)


def prediction(**changes: Any) -> Prediction:
    given = {
        "task_id": 4,
        "version": "v1",
        "size": SIZE,
        "regions": (REGION,),
        "score": 0.75,
        "seconds": 0.01,
    }
    return Prediction(**{**given, **changes})


def checkpoint(name: str, digest: str = "0" * 64) -> Checkpoint:
    return Checkpoint(Path(f"{name}.pt"), digest, "detect", ("car", "车"))


def writes(database: Database) -> list[str]:
    """Note the statements that change something from now on."""
    seen: list[str] = []

    @event.listens_for(database.engine, "before_cursor_execute")
    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.split()[0] in ("INSERT", "UPDATE", "DELETE"):
            seen.append(statement)

    return seen


def test_prediction_is_stored_with_all_that_was_served(database: Database) -> None:
    store_predictions(database, [prediction()], project_id=7, now=NOW)
    with database.read() as session:
        row = session.scalars(select(SqlPrediction)).one()
    assert (row.project_id, row.task_id, row.version) == (7, 4, "v1")
    assert (row.width, row.height, row.score, row.seconds) == (640, 480, 0.75, 0.01)
    assert (row.failure, row.served_at) == (None, NOW)
    [region] = row.regions
    assert (region["id"], region["label"], region["score"]) == ("abc", "🚗", 0.9)
    assert region["geometry"] == {"kind": "box", "x1": 1.5, "y1": 2, "x2": 3, "y2": 4}


def test_predictions_are_counted_by_project_and_version_with_the_failed_ones(database: Database) -> None:
    failed = prediction(size=None, regions=(), failure="http_status: 404")
    store_predictions(database, [prediction(), failed, prediction(version="v2")], project_id=7, now=NOW)
    store_predictions(database, [prediction(task_id=None)], project_id=None, now=NOW)
    store_predictions(database, [], project_id=7, now=NOW)
    assert count_predictions(database) == {(7, "v1"): (2, 1), (7, "v2"): (1, 0), (None, "v1"): (1, 0)}


def test_projects_are_told_by_who_was_served_last(database: Database) -> None:
    for project_id in (7, 9, None, 7, 8):
        store_predictions(database, [prediction()], project_id=project_id, now=NOW)
    assert projects_served_last(database) == [8, 7, 9]
    assert projects_served_last(database, among=2) == [8, 7]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"failure": "unreadable: '🚗 车'", "regions": ()}, id="emoji in the reason"),
        pytest.param({"failure": "x" * 100_000, "regions": ()}, id="very long reason"),
        pytest.param(
            {"version": "+".join(f"model-of-street-{n:02}-0123abcd" for n in range(12))}, id="12 models"
        ),
    ],
)
def test_odd_prediction_is_stored_like_any_other(database: Database, changes: dict[str, Any]) -> None:
    store_predictions(database, [prediction(), prediction(**changes)], project_id=7, now=NOW)
    assert sum(served for served, _ in count_predictions(database).values()) == 2


def test_project_is_updated_in_place(database: Database) -> None:
    store_project(database, 7, label_config="<View/>", model_version="v1", now=NOW)
    later = NOW + timedelta(minutes=1)
    store_project(database, 7, label_config="<View a=''/>", model_version=None, now=later)
    assert list_projects(database) == [(7, None, later)]


def test_setup_that_changes_nothing_writes_nothing(database: Database) -> None:
    store_project(database, 7, label_config="<View/>", model_version="v1", now=NOW)
    seen = writes(database)
    store_project(database, 7, label_config="<View/>", model_version="v1", now=NOW + timedelta(minutes=1))
    assert seen == []
    assert list_projects(database) == [(7, "v1", NOW)]


def test_project_that_becomes_one_for_training_is_updated(database: Database) -> None:
    later = NOW + timedelta(minutes=1)
    for is_for_training, now in ((False, NOW), (True, later), (True, later + timedelta(minutes=1))):
        store_project(
            database,
            7,
            label_config="<View/>",
            model_version="v1",
            is_for_training=is_for_training,
            now=now,
        )
    with database.read() as session:
        row = session.get_one(SqlProject, 7)
    assert (row.is_for_training, row.updated_at) == (True, later)


def test_projects_are_listed_by_id(database: Database) -> None:
    for number in (9, 1, 5):
        store_project(database, number, label_config="🚗", model_version=None, now=NOW)
    assert [number for number, _, _ in list_projects(database)] == [1, 5, 9]


def test_model_version_is_remembered_as_it_was_first_seen(database: Database) -> None:
    store_model_versions(database, [checkpoint("a"), checkpoint("a")], now=NOW)
    seen = writes(database)
    store_model_versions(database, [checkpoint("a")], now=NOW + timedelta(days=1))
    assert seen == []
    with database.read() as session:
        row = session.scalars(select(SqlModelVersion)).one()
    assert (row.version, row.file_name, row.task) == ("a-00000000", "a.pt", "detect")
    assert (row.class_names, row.first_seen_at) == (["car", "车"], NOW)


def test_model_versions_are_listed_newest_first(database: Database) -> None:
    for day, name in enumerate(("old", "middle", "new")):
        store_model_versions(database, [checkpoint(name)], now=NOW + timedelta(days=day))
    assert list_model_versions(database) == ["new-00000000", "middle-00000000", "old-00000000"]
