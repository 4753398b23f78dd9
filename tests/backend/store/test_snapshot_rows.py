"""Snapshots that were taken: remembered once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from backend.store.database import Database
from backend.store.snapshots import add_snapshot, read_snapshot_facts
from backend.store.training_tables import SqlSnapshot
from backend.training.entities import Snapshot, TrainingTarget

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SNAPSHOT = Snapshot(
    digest="ab" * 32,
    project_id=7,
    target=TrainingTarget("detect", ("label",), ("car", "пёс"), "$image"),
    examples=(),
    warnings=("There are few.",),
    created_at=NOON,
)


def test_snapshot_is_remembered_as_it_was_taken_first(database: Database) -> None:
    add_snapshot(database, SNAPSHOT, counts={"images": 3})
    add_snapshot(database, replace(SNAPSHOT, created_at=NOON + timedelta(days=1)), counts={"images": 4})
    with database.read() as session:
        (row,) = session.scalars(select(SqlSnapshot))
        assert (row.digest, row.project_id, row.task, row.labels) == ("ab" * 32, 7, "detect", ["car", "пёс"])
        assert (row.counts, row.warnings, row.created_at) == ({"images": 3}, ["There are few."], NOON)


def test_counts_and_warnings_of_a_snapshot_are_read(database: Database) -> None:
    add_snapshot(database, SNAPSHOT, counts={"images": 3, "train": 2})
    assert read_snapshot_facts(database, SNAPSHOT.digest) == (
        {"images": 3, "train": 2},
        ("There are few.",),
    )
