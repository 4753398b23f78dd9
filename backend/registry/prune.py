"""Keep the disk bounded: which versions' weights are deleted, and how.

The rows of versions stay, with all that was measured.
"""

from collections.abc import Collection, Sequence

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.registry.move import hold_champion, served_before
from backend.store.artifacts import ArtifactStore
from backend.store.database import Database
from backend.store.runs import ended_runs
from backend.store.tables import SqlJob
from backend.store.training_tables import SqlTrainedVersion, SqlTrainingRun
from backend.store.versions import list_trained, version_from_row
from backend.training.entities import TrainedVersion
from backend.training.names import run_of_artifact, versions_folder

log = structlog.get_logger(__name__)


def versions_to_prune(
    versions: Sequence[TrainedVersion],
    *,
    champion: str | None,
    needed: Collection[str | None],
    keep: int,
) -> list[TrainedVersion]:
    """Return the versions whose weights may go.

    Args:
        versions: All of one project, in any order.
        champion: The one in service, None for the weights of the settings. It stays, and so does the one that
            it was trained from.
        needed: Others that stay: what a rollback goes back to, and what is being worked with.
        keep: How many of the newest stay.
    """
    newest = sorted(versions, key=lambda each: each.number, reverse=True)
    parents = {each.parent for each in versions if each.version == champion}
    stays = {each.version for each in newest[:keep]} | parents | set(needed) | {champion}
    return [each for each in newest[keep:] if each.artifact is not None and each.version not in stays]


def prune_project(
    database: Database, artifacts: ArtifactStore, project_id: int, keep: int
) -> list[TrainedVersion]:
    """Delete weights that nobody needs any more, and return the versions that they were of.

    The rows say so first: one who is killed in between leaves a file, which the next call deletes.

    Raises:
        ArtifactError: files cannot be deleted.
    """
    with database.write() as session:
        alias = hold_champion(session, project_id)
        rows = {
            row.version: row
            for row in session.scalars(
                select(SqlTrainedVersion).where(SqlTrainedVersion.project_id == project_id)
            )
        }
        pruned = versions_to_prune(
            [version_from_row(row) for row in rows.values()],
            champion=alias.version,
            needed=[*served_before(session, project_id)[:1], *_in_use(session, project_id)],
            keep=keep,
        )
        for version in pruned:
            rows[version.version].artifact = None
    _delete_files(database, artifacts, project_id)
    if pruned:
        log.info("versions_pruned", project=project_id, versions=[each.version for each in pruned])
    return pruned


def _in_use(session: Session, project_id: int) -> set[str | None]:
    """Return what active work began with: the base of a run, the versions that a job predicts with."""
    base = select(SqlTrainingRun.base).where(SqlTrainingRun.active_project_id == project_id)
    plan = select(SqlJob.version).where(SqlJob.active_project_id == project_id)
    return {session.scalar(base), *(session.scalar(plan) or "").split("+")}


def _delete_files(database: Database, artifacts: ArtifactStore, project_id: int) -> None:
    """Delete the weights of runs that have ended and whose version keeps none, or that made no version."""
    left = {name: run_of_artifact(name) for name in artifacts.names(versions_folder(project_id))}
    ended = ended_runs(database, left.values())
    # Read last: by its end a run has stored its version.
    kept = {each.artifact for each in list_trained(database, project_id)}
    for name, run_id in left.items():
        # Those of an active run may have been stored a moment before their row.
        if name not in kept and run_id in ended:
            artifacts.delete(name)
