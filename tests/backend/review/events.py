"""Label Studio's events and our log, small: what tests of the ledger have happen."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from backend.entities import Box, ImageSize, Prediction, Region, WebhookEvent
from backend.labelstudio.events import parse_event
from backend.labelstudio.results import box_to_percent
from backend.review.account import Accountant
from backend.review.ingest import EventProcessor
from backend.store.database import Database
from backend.store.event_log import store_event
from backend.store.ledger_tables import SqlAnnotation, SqlCorrection, SqlReview, SqlTally
from backend.store.prediction_log import store_predictions

PROJECT, TASK, VERSION = 7, 1, "yolo11n-1a2b3c4d"
SIZE = ImageSize(1000, 500)
START = datetime(2026, 11, 23, 8, tzinfo=UTC)
# Rows of each table, without what is deleted, and without when and from whom we learnt of it.
Ledger = dict[str, list[tuple[Any, ...]]]


def at(minute: float) -> datetime:
    """Return the time so many minutes after the start."""
    return START + timedelta(minutes=minute)


def region(identity: str, label: str = "car", *, x: float = 100, y: float = 100, side: float = 100) -> Region:
    """Return a square region."""
    return Region(identity, "label", label, 0.9, Box(x, y, x + side, y + side), SIZE)


def result_of(found: Region) -> dict[str, Any]:
    """Return the region as a browser submits it."""
    assert isinstance(found.geometry, Box)
    return {
        "id": found.id,
        "from_name": found.control,
        "to_name": "image",
        "type": "rectanglelabels",
        "original_width": SIZE.width,
        "original_height": SIZE.height,
        "image_rotation": 0,
        "value": {**box_to_percent(found.geometry, SIZE), "rectanglelabels": [found.label]},
    }


def show(
    database: Database,
    regions: Sequence[Region],
    *,
    task: int = TASK,
    version: str = VERSION,
    minute: float = 0,
    is_blind: bool = False,
) -> None:
    """Log a prediction."""
    prediction = Prediction(task, version, SIZE, tuple(regions), 0.5, 0.1, blind=is_blind)
    store_predictions(database, [prediction], project_id=PROJECT, now=at(minute))


def annotation(
    number: int,
    regions: Iterable[Region] = (),
    *,
    task: int = TASK,
    minute: float = 10,
    updated: float | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """Return an annotation as a webhook has it; created at `minute`, and then updated or not."""
    return {
        "id": number,
        "task": task,
        "project": PROJECT,
        "result": [result_of(found) for found in regions],
        "completed_by": 5,
        "created_at": at(minute).isoformat(),
        "updated_at": at(minute if updated is None else updated).isoformat(),
        "was_cancelled": False,
        "ground_truth": False,
        "lead_time": 12.5,
        "parent_prediction": None,
        **fields,
    }


def event(action: str, **payload: Any) -> dict[str, Any]:
    """Return an event's body."""
    return {"action": action, "project": {"id": PROJECT}, **payload}


def created(of: dict[str, Any]) -> dict[str, Any]:
    return event("ANNOTATION_CREATED", annotation=of, task=task_of(of["task"]))


def updated(of: dict[str, Any]) -> dict[str, Any]:
    return event("ANNOTATION_UPDATED", annotation=of, task=task_of(of["task"]))


def deleted(*numbers: int) -> dict[str, Any]:
    return event("ANNOTATIONS_DELETED", annotations=[{"id": number} for number in numbers])


def task_of(number: int, **fields: Any) -> dict[str, Any]:
    return {"id": number, "data": {"image": f"/data/upload/{number}.jpg"}, "project": PROJECT, **fields}


def process(
    database: Database, *bodies: dict[str, Any], parents: dict[int, str] | None = None, minute: float = 60
) -> int:
    """Let events arrive and be processed; `parents` are Label Studio's predictions' versions."""
    for number, body in enumerate(bodies):
        parsed = parse_event(body, received_second=int(at(minute).timestamp()) + number)
        store_event(database, parsed, now=at(minute))
    return processor(database, parents or {}).process(PROJECT)


def store_again(database: Database, body: dict[str, Any], *, key: str, minute: float = 60) -> None:
    """Let an event arrive whatever its natural key says, as if it were another one."""
    store_event(database, WebhookEvent(key, body["action"], PROJECT, body), now=at(minute))


def processor(database: Database, parents: dict[int, str] | None = None) -> EventProcessor:
    """Return a processor whose Label Studio knows `parents` alone; it needs no planner for these events."""
    versions = parents or {}
    return EventProcessor(database, None, Accountant(database, lambda number: versions.get(number, "")))  # type: ignore[arg-type]


def corrections(database: Database) -> list[tuple[int, str, str]]:
    """Return (annotation, kind, label) of every correction, in order."""
    with database.read() as session:
        query = select(SqlCorrection).order_by(SqlCorrection.annotation_id, SqlCorrection.number)
        return [(row.annotation_id, row.kind, row.label) for row in session.scalars(query)]


def review(database: Database, task: int = TASK) -> SqlReview:
    with database.read() as session:
        return session.scalars(select(SqlReview).where(SqlReview.task_id == task)).one()


def read_ledger(database: Database) -> Ledger:
    """Return all that is there, without the clocks and who told it."""
    ignored = {"seen_at", "deleted_at", "found_by"}
    ledger: Ledger = {}
    with database.read() as session:
        for table in (SqlAnnotation, SqlCorrection, SqlTally, SqlReview):
            names = [c.key for c in table.__table__.columns if c.key not in ignored]
            query = select(table)
            if table in (SqlAnnotation, SqlReview):
                query = query.where(table.deleted_at.is_(None))
            rows = [tuple(str(getattr(row, name)) for name in names) for row in session.scalars(query)]
            ledger[table.__tablename__] = sorted(rows)
    return ledger
