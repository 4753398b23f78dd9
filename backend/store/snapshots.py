"""Snapshots that were taken; what is in them lies in their manifests."""

from collections.abc import Mapping
from typing import Any

from backend.store.base import table_of
from backend.store.database import Database, insert_ignoring
from backend.store.training_tables import SqlSnapshot
from backend.training.entities import Snapshot


def add_snapshot(database: Database, snapshot: Snapshot, *, counts: Mapping[str, Any]) -> None:
    """Remember a snapshot; one of the same content that was taken before stays as it is."""
    row = {
        "digest": snapshot.digest,
        "project_id": snapshot.project_id,
        "task": snapshot.target.task,
        "labels": list(snapshot.target.labels),
        "counts": dict(counts),
        "warnings": list(snapshot.warnings),
        "created_at": snapshot.created_at,
    }
    table = table_of(SqlSnapshot)
    with database.write() as session:
        insert_ignoring(session, table, [row])


def read_snapshot_facts(database: Database, digest: str) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """Return the counts of a snapshot that was taken (`add_snapshot`), and its warnings."""
    with database.read() as session:
        row = session.get_one(SqlSnapshot, digest)
        return row.counts, tuple(row.warnings)
