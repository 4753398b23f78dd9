"""Annotations of one task by several people, as the ledger stores them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from backend.entities import Box, ImageSize, Prediction, Region
from backend.store.database import Database
from backend.store.ledger_tables import SqlAnnotation
from backend.store.prediction_log import store_predictions
from tests.backend.tallies import PROJECT

NOON = datetime(2024, 11, 4, 12, tzinfo=UTC)


def _result(label: str, x: float = 10) -> dict[str, Any]:
    value = {"x": x, "y": 10, "width": 20, "height": 20, "rotation": 0, "rectanglelabels": [label]}
    return {
        "id": f"{label}{x}",
        "type": "rectanglelabels",
        "from_name": "label",
        "to_name": "image",
        "original_width": 100,
        "original_height": 100,
        "value": value,
    }


def annotate(
    database: Database, number: int, task: int, by: int | None, *labels: str, **changes: Any
) -> None:
    """Store what an annotator submitted: one box for each label, all in one place; later ids are newer."""
    given = {
        "id": number,
        "project_id": PROJECT,
        "task_id": task,
        "annotator": by,
        "created_at": NOON,
        "updated_at": NOON + timedelta(minutes=number),
        "is_cancelled": False,
        "is_ground_truth": False,
        "result": [_result(label) for label in labels],
        "digest": "",
        "problems": [],
        "found_by": "webhook",
        "seen_at": NOON,
    }
    with database.write() as session:
        session.add(SqlAnnotation(**{**given, **changes}))


def predict(database: Database, task: int, label: str, *, blind: bool = False) -> None:
    """Log a prediction; the first one has the id 1, and so on."""
    found = Region("r", "label", label, 0.9, Box(10, 10, 30, 30), ImageSize(100, 100))
    made = Prediction(task, "v1", ImageSize(100, 100), (found,), 0.5, 0.01, blind=blind)
    store_predictions(database, [made], project_id=PROJECT, now=NOON)
