"""Versions that runs made, and which of them serves each project: its champion."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from backend.errors import NotFound
from backend.inference.checkpoint import Checkpoint
from backend.registry.entities import ListedVersion
from backend.stats.drift import ImageFacts
from backend.store.base import table_of
from backend.store.database import Database, insert_ignoring
from backend.store.tables import SqlModelVersion
from backend.store.training_tables import SqlAlias, SqlSnapshot, SqlTrainedVersion, SqlTrainingRun
from backend.training.entities import Comparison, TrainedVersion, Verdict, VersionState

CHAMPION = "champion"

_COMPARISON = TypeAdapter(Comparison)
_FACTS = TypeAdapter(tuple[ImageFacts, ...])


def next_number(session: Session, project_id: int) -> int:
    """Return the number of the project's next version, from 1."""
    query = select(func.max(SqlTrainedVersion.number)).where(SqlTrainedVersion.project_id == project_id)
    return (session.scalar(query) or 0) + 1


def add_version(
    session: Session,
    version: TrainedVersion,
    checkpoint: Checkpoint,
    *,
    now: datetime,
    held_out: Sequence[ImageFacts] | None = None,
) -> None:
    """Remember a run's version and what its weights say of themselves.

    Args:
        session: A write transaction.
        version: What the run made.
        checkpoint: Its weights; their digest is what a reader of the artifact expects.
        now: The time.
        held_out: What it finds in the images that were held out of training; None where nobody looked.
    """
    served = {
        "version": checkpoint.version,
        "digest": checkpoint.digest,
        "task": checkpoint.task,
        "class_names": list(checkpoint.class_names),
        "file_name": checkpoint.path.name,
        "first_seen_at": now,
    }
    insert_ignoring(session, table_of(SqlModelVersion), [served])
    row = {
        **asdict(version),
        "controls": list(version.controls),
        "comparison": _COMPARISON.dump_python(version.comparison, mode="json"),
        **_held_out_row(held_out),
    }
    session.add(SqlTrainedVersion(**row))
    session.flush()


def judge_again(
    session: Session, version: TrainedVersion, *, held_out: Sequence[ImageFacts] | None = None
) -> None:
    """Store another comparison of a run's version, and its state by it unless it has served meanwhile.

    `held_out` is as in `add_version`; None leaves what is stored.
    """
    row = session.get_one(SqlTrainedVersion, version.version, with_for_update=True)
    row.comparison = _COMPARISON.dump_python(version.comparison, mode="json")
    for name, facts in _held_out_row(held_out).items():
        setattr(row, name, facts)
    if row.state in (VersionState.CANDIDATE, VersionState.REJECTED):
        row.state = version.state


def list_trained(database: Database, project_id: int) -> list[TrainedVersion]:
    """Return the project's versions, the newest first."""
    with database.read() as session:
        return [version_from_row(row) for row in session.scalars(_of_project(project_id))]


def list_judged(database: Database, project_id: int) -> list[ListedVersion]:
    """Return the project's versions, the newest first, with their images and the gate's verdicts."""
    query = (
        _of_project(project_id)
        .join(SqlSnapshot, SqlSnapshot.digest == SqlTrainedVersion.snapshot)
        .join(SqlTrainingRun, SqlTrainingRun.id == SqlTrainedVersion.run_id)
        .add_columns(SqlSnapshot.counts, SqlTrainingRun.verdict, SqlTrainingRun.verdict_reasons)
    )
    with database.read() as session:
        return [
            ListedVersion(
                trained=version_from_row(row),
                images=int(counts.get("images", 0)),
                verdict=Verdict(verdict) if verdict else None,
                verdict_reasons=tuple(reasons),
            )
            for row, counts, verdict, reasons in session.execute(query)
        ]


def projects_with_versions(database: Database) -> list[int]:
    """Return the projects that a version was made for, by id."""
    query = select(SqlTrainedVersion.project_id).distinct().order_by(SqlTrainedVersion.project_id)
    with database.read() as session:
        return list(session.scalars(query))


def get_trained(database: Database, version: str) -> TrainedVersion:
    """Return the version.

    Raises:
        NotFound: no run made one of that name.
    """
    with database.read() as session:
        row = session.get(SqlTrainedVersion, version)
        if row is None:
            raise no_such_version(version)
        return version_from_row(row)


def digest_of(database: Database, version: str) -> str:
    """Return the SHA-256 that the version's weights must have, hexadecimal.

    Raises:
        NotFound: nobody knows such a version.
    """
    with database.read() as session:
        digest = session.scalar(select(SqlModelVersion.digest).where(SqlModelVersion.version == version))
    if digest is None:
        raise no_such_version(version)
    return digest


def champion_of(database: Database, project_id: int) -> TrainedVersion | None:
    """Return the version that serves the project; None where the weights of the settings do."""
    query = (
        select(SqlTrainedVersion)
        .join(SqlAlias, SqlAlias.version == SqlTrainedVersion.version)
        .where(SqlAlias.project_id == project_id, SqlAlias.name == CHAMPION)
    )
    with database.read() as session:
        row = session.scalar(query)
        return version_from_row(row) if row is not None else None


def held_out_of(database: Database, version: str) -> tuple[ImageFacts, ...] | None:
    """Return what the version finds in the images held out of its training; None where that is not known."""
    query = select(SqlTrainedVersion.held_out).where(SqlTrainedVersion.version == version)
    with database.read() as session:
        rows = session.scalar(query)
    return None if rows is None else _FACTS.validate_python(rows)


def alias_moves(database: Database) -> dict[int, tuple[str | None, int]]:
    """Return (champion, how often it was moved) by project; projects where it never was are left out."""
    query = select(SqlAlias.project_id, SqlAlias.version, SqlAlias.moves).where(SqlAlias.name == CHAMPION)
    with database.read() as session:
        return {project: (version, moves) for project, version, moves in session.execute(query)}


def version_from_row(row: SqlTrainedVersion) -> TrainedVersion:
    """Return the version that a row holds."""
    return TrainedVersion(
        version=row.version,
        project_id=row.project_id,
        number=row.number,
        parent=row.parent,
        run_id=row.run_id,
        snapshot=row.snapshot,
        controls=tuple(row.controls),
        artifact=row.artifact,
        state=VersionState(row.state),
        comparison=_COMPARISON.validate_python(row.comparison),
        created_at=row.created_at,
    )


def no_such_version(version: str) -> NotFound:
    """Return the error that no run made a version of that name."""
    return NotFound(
        f"There is no trained version {version[:120]!r}. List a project's versions with: "
        "python -m backend versions --project ID"
    )


def _held_out_row(held_out: Sequence[ImageFacts] | None) -> dict[str, Any]:
    return {} if held_out is None else {"held_out": _FACTS.dump_python(tuple(held_out), mode="json")}


def _of_project(project_id: int) -> Select[SqlTrainedVersion]:
    query = select(SqlTrainedVersion).where(SqlTrainedVersion.project_id == project_id)
    return query.order_by(SqlTrainedVersion.number.desc())
