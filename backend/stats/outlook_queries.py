"""Read the versions' quality on the test split by their number of training images."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from backend.stats.outlook import MeasuredVersion, OutlookReport, SnapshotCounts, assess_outlook
from backend.store.database import Database
from backend.store.reviews import check_project
from backend.store.training_tables import SqlSnapshot
from backend.store.versions import champion_of, list_trained
from backend.training.entities import Side


def read_outlook(database: Database, project_id: int, *, target: float) -> OutlookReport:
    """Return how far more images help.

    Args:
        database: Where the versions are.
        project_id: Label Studio's.
        target: F1 on the test split to reach, in ]0, 1[.

    Raises:
        NotFound: there is no such project.
    """
    check_project(database, project_id)
    snapshots = _read_snapshots(database, project_id)
    versions = [
        MeasuredVersion(trained, snapshots[trained.snapshot])
        for trained in list_trained(database, project_id)
        if trained.snapshot in snapshots
    ]
    champion = champion_of(database, project_id)
    return assess_outlook(
        versions,
        target=target,
        newest=next(iter(snapshots.values()), None),
        scores=champion.comparison.challenger.classes if champion is not None else None,
    )


def _read_snapshots(database: Database, project_id: int) -> dict[str, SnapshotCounts]:
    """Return what is in each snapshot, by digest, the newest first."""
    query = select(SqlSnapshot.digest, SqlSnapshot.counts).where(SqlSnapshot.project_id == project_id)
    query = query.order_by(SqlSnapshot.created_at.desc(), SqlSnapshot.digest)
    with database.read() as session:
        return {digest: _counts(counts) for digest, counts in session.execute(query)}


def _counts(counts: Mapping[str, Any]) -> SnapshotCounts:
    return SnapshotCounts(
        images=int(counts.get("images", 0)),
        train=int(counts.get(Side.TRAIN, 0)),
        val=int(counts.get(Side.VAL, 0)),
        test=int(counts.get(Side.TEST, 0)),
        objects=counts.get("objects", {}),
        images_with=counts.get("images_with", {}),
    )
