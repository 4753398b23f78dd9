"""Rows of the review table for tests."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from backend.entities import Box, ImageSize, Prediction, Region
from backend.store.database import Database
from backend.store.ledger_tables import SqlReview
from backend.store.prediction_log import store_predictions

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
PROJECT = 7
SIZE = ImageSize(640, 480)
NO_COUNTS = dict.fromkeys(("predicted", "kept", "adjusted", "relabelled", "deleted", "added"))


def open_task(task_id: int, **changes: Any) -> SqlReview:
    """Return a task that nobody has viewed."""
    given = {
        "task_id": task_id,
        "project_id": PROJECT,
        "image": f"/data/upload/{task_id}.jpg",
        "state": "not_viewed",
        "annotations": 0,
        "is_blind": False,
        "seen_at": NOON,
    }
    return SqlReview(**{**given, **changes})


def viewed_task(task_id: int, **changes: Any) -> SqlReview:
    """Return a viewed task: five regions were shown, two kept, one of each other kind, one added."""
    given = {
        "state": "viewed",
        "annotation_id": task_id * 10,
        "annotator": 3,
        "annotations": 1,
        "reviewed_at": NOON,
        "version": "v1",
        "predicted": 5,
        "kept": 2,
        "adjusted": 1,
        "relabelled": 1,
        "deleted": 1,
        "added": 1,
    }
    return open_task(task_id, **{**given, **changes})


def store_rows(database: Database, *rows: object) -> None:
    """Store rows as they are."""
    with database.write() as session:
        session.add_all(rows)


def log_predictions(database: Database, shown: Sequence[tuple[int, int]], **changes: Any) -> None:
    """Log predictions, each given as (task id, number of regions)."""
    made = [
        Prediction(
            **{
                "task_id": task_id,
                "version": "v1",
                "size": SIZE,
                "regions": tuple(
                    Region(f"r{number}", "label", "car", 0.9, Box(1, 2, 3, 4), SIZE)
                    for number in range(count)
                ),
                "score": 0.5,
                "seconds": 0.01,
                **changes,
            }
        )
        for task_id, count in shown
    ]
    store_predictions(database, made, project_id=PROJECT, now=NOON)
