"""Sums over the ledger, made by the database: no row of an annotation comes here, however many there are."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, func, literal, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from backend.review.entities import Kind
from backend.stats.quality import (
    Cell,
    Confusion,
    QualityReport,
    Sums,
    VersionQuality,
    VersionSums,
    assess,
    assess_weeks,
)
from backend.stats.tally_columns import ALL_LABELS, SUMS
from backend.store.database import Database
from backend.store.ledger_tables import SqlCorrection, SqlTally
from backend.store.reviews import check_project
from backend.store.tables import SqlModelVersion

_MOST_CONFUSIONS = 20

Key = TypeVar("Key")
# By version; within it by (label, annotator or week, is_blind).
Groups = defaultdict[str, dict[tuple[Key, bool], int]]


def read_quality(
    database: Database, project_id: int, *, version: str | None = None, since: date | None = None
) -> QualityReport:
    """Return how good the project's model versions are, the newest first.

    Args:
        database: Where the ledger is.
        project_id: Label Studio's.
        version: Only this one.
        since: Only annotations of this week and later ones; any day of the week names it.

    Raises:
        NotFound: there is no such project.
    """
    wanted = _Wanted(project_id, version, since and since - timedelta(days=since.weekday()))
    check_project(database, project_id)
    with database.read() as session:
        known = _read_sums(session, wanted)
        seen = _read_first_seen(session)
    versions = sorted(map(assess, known), key=lambda each: each.version)

    def began(quality: VersionQuality) -> datetime:
        # A prediction of several models names them with "+" between, and is as new as the newest of them.
        known = [seen[part] for part in quality.version.split("+") if part in seen]
        return max(known, default=_midnight(quality.first_week))

    versions.sort(key=began, reverse=True)
    return QualityReport(project_id, tuple(versions), assess_weeks(known))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which annotations count; `since` is a Monday."""

    project_id: int
    version: str | None
    since: date | None

    @property
    def tallies(self) -> list[ColumnElement[bool]]:
        """Conditions on rows of the tally."""
        conditions = [SqlTally.project_id == self.project_id]
        if self.version is not None:
            conditions.append(SqlTally.version == self.version)
        if self.since is not None:
            conditions.append(SqlTally.week >= self.since)
        return conditions


def _read_sums(session: Session, wanted: _Wanted) -> list[VersionSums]:
    conditions = wanted.tallies
    cells = _read_cells(session, conditions)
    labels = _read_labels(session, conditions)
    tasks = _count_tasks(session, conditions)
    by_label: Groups[str] = defaultdict(dict)
    by_annotator: Groups[int | None] = defaultdict(dict)
    by_week: Groups[date] = defaultdict(dict)
    # Counting the tasks of each group takes a third of all the time, and mostly a task has one annotation.
    if any(_annotations(cells[version]) > sum(tasks[version].values()) for version in cells):
        by_label = _count_tasks(session, conditions, SqlTally.label)
        by_annotator = _count_tasks(session, conditions, SqlTally.annotator)
        by_week = _count_tasks(session, conditions, SqlTally.week)
    relabelled = _read_confusions(session, wanted)
    return [
        VersionSums(
            version=version,
            cells=cells[version],
            labels=labels[version],
            tasks=tasks[version],
            tasks_by_label=by_label[version],
            tasks_by_annotator=by_annotator[version],
            tasks_by_week=by_week[version],
            relabelled=tuple(relabelled[version][:_MOST_CONFUSIONS]),
        )
        for version in cells
    ]


def _read_cells(session: Session, conditions: Sequence[ColumnElement[bool]]) -> dict[str, list[Cell]]:
    keys = (SqlTally.version, SqlTally.is_blind, SqlTally.annotator, SqlTally.week)
    query = select(*keys, *SUMS).where(*conditions, SqlTally.label == ALL_LABELS).group_by(*keys)
    cells = defaultdict(list)
    for version, is_blind, annotator, week, *sums in session.execute(query):
        cells[version].append(Cell(is_blind, annotator, week, Sums(*sums)))
    return cells


def _read_labels(
    session: Session, conditions: Sequence[ColumnElement[bool]]
) -> dict[str, dict[tuple[str, bool], Sums]]:
    # In the order of the index, or SQLite sorts all rows.
    keys = (SqlTally.label, SqlTally.version, SqlTally.is_blind)
    query = select(*keys, *SUMS).where(*conditions, SqlTally.label > ALL_LABELS).group_by(*keys)
    labels: dict[str, dict[tuple[str, bool], Sums]] = defaultdict(dict)
    for label, version, is_blind, *sums in session.execute(query):
        labels[version][label, is_blind] = Sums(*sums)
    return labels


def _count_tasks(
    session: Session,
    conditions: Sequence[ColumnElement[bool]],
    column: InstrumentedAttribute[Any] | None = None,
) -> Groups[Any]:
    """Count the tasks of each value of the column; without one those of all together, under None."""
    is_wanted = SqlTally.label > ALL_LABELS if column is SqlTally.label else SqlTally.label == ALL_LABELS
    groups: list[InstrumentedAttribute[Any]] = [SqlTally.version, SqlTally.is_blind]
    groups = groups if column is None else [column, *groups]
    tasks = func.count(SqlTally.task_id.distinct())
    counted: Groups[Any] = defaultdict(dict)
    for count, *values in session.execute(
        select(tasks, *groups).where(*conditions, is_wanted).group_by(*groups)
    ):
        *key, version, is_blind = values
        counted[version][key[0] if key else None, is_blind] = count
    return counted


def _read_confusions(session: Session, wanted: _Wanted) -> dict[str, list[Confusion]]:
    """Return by version which labels became which, the most frequent first."""
    keys = (SqlCorrection.version, SqlCorrection.shown_label, SqlCorrection.annotated_label)
    query = select(*keys, func.count()).group_by(*keys)
    # As text in the statement, since SQLite uses an index over relabelled ones for that alone.
    kind = literal(Kind.RELABELLED.value, literal_execute=True)
    query = query.where(SqlCorrection.project_id == wanted.project_id, SqlCorrection.kind == kind)
    if wanted.version is not None:
        query = query.where(SqlCorrection.version == wanted.version)
    if wanted.since is not None:
        is_same = (SqlTally.annotation_id == SqlCorrection.annotation_id) & (SqlTally.label == ALL_LABELS)
        query = query.join(SqlTally, is_same).where(SqlTally.week >= wanted.since)
    confusions = defaultdict(list)
    for version, shown, annotated, count in session.execute(query):
        assert shown is not None and annotated is not None  # a relabelled region has both
        confusions[version].append(Confusion(shown, annotated, count))
    for found in confusions.values():
        found.sort(key=lambda each: (-each.count, each.shown, each.annotated))
    return confusions


def _read_first_seen(session: Session) -> dict[str, datetime]:
    query = select(SqlModelVersion.version, SqlModelVersion.first_seen_at)
    return {version: at for version, at in session.execute(query)}


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _annotations(cells: Sequence[Cell]) -> int:
    return sum(cell.sums.annotations for cell in cells)
