"""Annotations with their tallies as the ledger stores them."""

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import insert

from backend.review.entities import Tally
from backend.store.database import Database
from backend.store.ledger_tables import SqlAnnotation, SqlCorrection, SqlTally
from backend.store.projects import store_project

PROJECT = 7
MONDAY, NEXT_MONDAY = date(2024, 11, 4), date(2024, 11, 11)
_NOON = datetime(2024, 11, 4, 12, tzinfo=UTC)
_COUNTS = ("kept", "adjusted", "deleted", "added", "relabelled_from", "relabelled_to")


def know_project(database: Database, project_id: int = PROJECT) -> None:
    """Let the project be connected."""
    store_project(database, project_id, label_config="<View/>", model_version=None, now=_NOON)


def store_tallies(database: Database, annotation_id: int, labels: dict[str, Tally], **changes: Any) -> None:
    """Store an annotation with the tally of each label, and of all together."""
    common = {
        "annotation_id": annotation_id,
        "project_id": PROJECT,
        "task_id": annotation_id,
        "version": "v1",
        "is_blind": False,
        "is_ground_truth": False,
        "annotator": 5,
        "week": MONDAY,
        **changes,
    }
    counts = {label: {name: getattr(each, name) for name in _COUNTS} for label, each in labels.items()}
    counts[""] = {name: sum(each[name] for each in counts.values()) for name in _COUNTS}
    annotation = {
        "id": annotation_id,
        **{name: common[name] for name in ("project_id", "task_id", "annotator", "is_ground_truth")},
        "created_at": _NOON,
        "updated_at": _NOON,
        "is_cancelled": False,
        "result": [],
        "digest": "",
        "problems": [],
        "found_by": "webhook",
        "seen_at": _NOON,
    }
    with database.write() as session:
        session.execute(insert(SqlAnnotation).values(annotation))
        session.execute(
            insert(SqlTally), [{**common, "label": label, **row} for label, row in counts.items()]
        )


def store_relabelled(
    database: Database, annotation_id: int, *pairs: tuple[str, str], version: str = "v1"
) -> None:
    """Store corrections of the annotation: regions shown with the first label that got the second."""
    rows = [
        {
            "annotation_id": annotation_id,
            "number": number,
            "project_id": PROJECT,
            "task_id": annotation_id,
            "version": version,
            "kind": "kept" if shown == annotated else "relabelled",
            "label": annotated,
            "shown_label": shown,
            "annotated_label": annotated,
        }
        for number, (shown, annotated) in enumerate(pairs)
    ]
    with database.write() as session:
        session.execute(insert(SqlCorrection), rows)
