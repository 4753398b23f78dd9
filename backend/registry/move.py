"""Move a project's champion: one transaction changes the alias, both versions' states and the history."""

from datetime import datetime

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.errors import ArtifactError, BadRequest, NotFound
from backend.registry.entities import SETTINGS_WEIGHTS
from backend.registry.history import champions_before
from backend.registry.weights import fetch_weights_of
from backend.store.artifacts import ArtifactStore
from backend.store.base import table_of
from backend.store.database import Database, insert_ignoring
from backend.store.promotions import add_promotion, list_promotions
from backend.store.training_tables import SqlAlias, SqlTrainedVersion
from backend.store.versions import CHAMPION, alias_moves, get_trained, no_such_version
from backend.training.entities import VersionState

log = structlog.get_logger(__name__)


def hold_champion(session: Session, project_id: int) -> SqlAlias:
    """Return the project's alias, locked until the transaction ends; others who move it wait."""
    table = table_of(SqlAlias)
    key = {"project_id": project_id, "name": CHAMPION}
    insert_ignoring(session, table, [{**key, "version": None, "moves": 0}])
    return session.get_one(SqlAlias, (project_id, CHAMPION), with_for_update=True, populate_existing=True)


def move_champion(
    session: Session,
    project_id: int,
    version: str | None,
    *,
    reason: str,
    run_id: str | None = None,
    prelabel: bool,
    expected: int | None = None,
    now: datetime,
) -> bool:
    """Put a version in service within a caller's transaction; False, and no write, where it is already.

    Args:
        session: A write transaction.
        project_id: The project.
        version: One of its versions; None: the weights of the settings.
        reason: Why, in words.
        run_id: The run that does it by itself.
        prelabel: Whether tasks that nobody has annotated are to be pre-labelled with it.
        expected: How often the champion had been moved when this was decided; None: whatever it was.
        now: The time.

    Raises:
        NotFound: there is no such version.
        BadRequest: it is another project's, its weights were deleted, or the champion was moved meanwhile.
    """
    if version is None and session.get(SqlAlias, (project_id, CHAMPION)) is None:
        return False
    alias = hold_champion(session, project_id)
    if alias.version == version:
        return False
    _check_unmoved(project_id, alias.version, alias.moves, expected)
    if version is not None:
        _servable(session, project_id, version).state = VersionState.CHAMPION
    if alias.version is not None:
        session.get_one(SqlTrainedVersion, alias.version).state = VersionState.ARCHIVED
    add_promotion(
        session,
        project_id,
        version=version,
        previous=alias.version,
        reason=reason,
        run_id=run_id,
        prelabel=prelabel,
        now=now,
    )
    alias.version, alias.moves = version, alias.moves + 1
    session.flush()
    log.info("champion_moved", project=project_id, version=version or SETTINGS_WEIGHTS, reason=reason)
    return True


def promote(
    database: Database,
    artifacts: ArtifactStore,
    project_id: int,
    version: str | None,
    *,
    reason: str,
    prelabel: bool,
    expected: int | None = None,
    now: datetime,
) -> bool:
    """Put a version in service because somebody says so; False where it is already.

    Raises:
        NotFound: there is no such version.
        BadRequest: it is another project's, its weights were deleted, or somebody moved the champion since
            it had been moved as often as `expected`.
        ArtifactError, ModelError: its weights cannot be had, or are damaged.
    """
    if version is not None:
        _check_weights(database, artifacts, project_id, version)
    with database.write() as session:
        return move_champion(
            session, project_id, version, reason=reason, prelabel=prelabel, expected=expected, now=now
        )


def rollback(
    database: Database,
    artifacts: ArtifactStore,
    project_id: int,
    *,
    reason: str,
    prelabel: bool,
    expected: int | None = None,
    now: datetime,
) -> str | None:
    """Put back in service what served before; return its version, None for the weights of the settings.

    Rollbacks one after the other go further back (`champions_before` says how).

    Raises:
        NotFound: nothing served before.
        BadRequest: somebody moved the champion meanwhile, or since it had been moved as often as `expected`.
        ArtifactError, ModelError: the weights cannot be had, or are damaged.
    """
    seen = alias_moves(database).get(project_id)
    with database.read() as session:
        before = served_before(session, project_id)
    if seen is None or not before:
        raise NotFound(
            f"No other model served project {project_id} before the one in service, so there is nothing to "
            f"go back to. See: python -m backend versions --project {project_id}"
        )
    _check_unmoved(project_id, *seen, expected)
    if before[0] is not None:
        _check_weights(database, artifacts, project_id, before[0])
    with database.write() as session:
        # Two who undo the same promotion at the same moment mean one step back, not two.
        alias = hold_champion(session, project_id)
        _check_unmoved(project_id, alias.version, alias.moves, seen[1])
        move_champion(session, project_id, before[0], reason=reason, prelabel=prelabel, now=now)
    return before[0]


def served_before(session: Session, project_id: int) -> list[str | None]:
    """Return what a rollback goes back to, then what the next one does, and so on."""
    kept = set(
        session.scalars(
            select(SqlTrainedVersion.version).where(
                SqlTrainedVersion.project_id == project_id, SqlTrainedVersion.artifact.is_not(None)
            )
        )
    )
    moves = (promotion.version for promotion in list_promotions(session, project_id))
    return champions_before(moves, servable=kept)


def _check_unmoved(project_id: int, version: str | None, moves: int, expected: int | None) -> None:
    if expected not in (None, moves):
        raise BadRequest(
            f"Somebody changed the model of project {project_id} meanwhile, so nothing was done. In service "
            f"now: {version or 'the weights of the settings'}."
        )


def _servable(session: Session, project_id: int, version: str) -> SqlTrainedVersion:
    row = session.get(SqlTrainedVersion, version, with_for_update=True, populate_existing=True)
    if row is None:
        raise no_such_version(version)
    if row.project_id != project_id:
        raise BadRequest(
            f"{version} is a version of project {row.project_id}, not of project {project_id}. List its own: "
            f"python -m backend versions --project {project_id}"
        )
    if row.artifact is None:
        raise BadRequest(
            f"The weights of {version} were deleted to save disk (KEEP_VERSIONS), so it cannot serve any "
            f"more. List those that can: python -m backend versions --project {project_id}"
        )
    return row


def _check_weights(database: Database, artifacts: ArtifactStore, project_id: int, version: str) -> None:
    with database.read() as session:
        _servable(session, project_id, version)
    try:
        fetch_weights_of(database, artifacts, get_trained(database, version))
    except ArtifactError as error:
        raise ArtifactError(f"{version} cannot serve: {error.message} Nothing was changed.") from error
