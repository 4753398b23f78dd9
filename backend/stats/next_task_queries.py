"""Read what speaks for labelling a task next."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from backend.review.entities import ReviewState
from backend.stats.next_tasks import NextTasksReport
from backend.stats.novelty import Vector
from backend.stats.tally_columns import ALL_LABELS
from backend.stats.task_choice import Candidate, LabelledTasks, choose_tasks, disagreement, most_promising
from backend.store.database import Database, chunks
from backend.store.ledger_tables import SqlReview, SqlTally
from backend.store.region_rows import region_from_row
from backend.store.tables import SqlPrediction, SqlProject

# The least certain of all: enough to choose from, and some seconds' work at most.
MOST_CANDIDATES = 5000
# Newest labelled images that novelty is measured from.
MOST_LABELLED = 2000
# Comparing two versions' masks takes the longest, so only what may be chosen is compared.
MOST_COMPARED = 300
# Masks may take megabytes each, and all regions of a page are in memory at once.
_PAGE = 100


def read_next_tasks(database: Database, project_id: int, *, count: int) -> NextTasksReport:
    """Return the tasks worth labelling next: unreviewed ones that the version in service has predicted.

    Args:
        database: Where predictions and the ledger are.
        project_id: Label Studio's.
        count: How many at most.
    """
    with database.read() as session:
        versions = _versions(session, project_id)
        waiting = session.scalar(select(func.count()).where(*_is_open(project_id))) or 0
        if not versions:
            return NextTasksReport((), 0, (), _notes(_Known(project_id, waiting), ()))
        scores = _read_scores(session, project_id, versions[0])
    labelled = _read_labelled(database, project_id, versions)
    candidates = list(_read_candidates(database, project_id, versions, scores))
    promising = most_promising(candidates, labelled, count=max(count, MOST_COMPARED))
    candidates = _with_disagreement(database, project_id, versions, candidates, promising)
    known = _Known(
        project_id,
        waiting,
        candidates=len(candidates),
        embedded=sum(bool(each.embeddings) for each in candidates),
        labelled=labelled.tasks,
    )
    chosen = choose_tasks(candidates, labelled, count=count)
    return NextTasksReport(versions, len(candidates), chosen, _notes(known, versions))


def _is_open(project_id: int) -> list[ColumnElement[bool]]:
    return [
        SqlReview.project_id == project_id,
        SqlReview.deleted_at.is_(None),
        SqlReview.state == ReviewState.NOT_VIEWED,
    ]


def _versions(session: Session, project_id: int) -> tuple[str, ...]:
    """Return the last two versions that have predicted, the one in service first."""
    query = select(SqlPrediction.version).where(SqlPrediction.project_id == project_id)
    query = query.group_by(SqlPrediction.version).order_by(func.max(SqlPrediction.id).desc())
    found = list(session.scalars(query))
    serving = session.scalar(select(SqlProject.model_version).where(SqlProject.id == project_id))
    # Stable: where the one in service has not predicted yet, the newest that has comes first.
    return tuple(sorted(found, key=lambda version: version != serving)[:2])


def _read_scores(session: Session, project_id: int, version: str) -> dict[int, float]:
    """Return the scores of the open tasks that the version has predicted, the lowest first."""
    other = aliased(SqlPrediction)
    # Looked up for each task, so that PostgreSQL needs no statistics to see what is quick.
    newest = (
        select(func.max(other.id))
        .where(other.project_id == project_id, other.task_id == SqlReview.task_id)
        .where(func.coalesce(other.version, "") == version, other.failure.is_(None))
        .group_by(other.task_id)
        .scalar_subquery()
    )
    query = (
        select(SqlPrediction.task_id, SqlPrediction.score)
        .select_from(SqlReview)
        .join(SqlPrediction, SqlPrediction.id == newest)
        .where(*_is_open(project_id))
        .order_by(SqlPrediction.score, SqlPrediction.task_id)
        .limit(MOST_CANDIDATES)
    )
    return {task_id: score for task_id, score in session.execute(query) if task_id is not None}


def _read_candidates(
    database: Database, project_id: int, versions: Sequence[str], scores: Mapping[int, float]
) -> Iterator[Candidate]:
    """Yield the tasks of these scores with their labels, and their embeddings of all the versions."""
    for page in chunks(list(scores), _PAGE):
        # A page is a transaction of its own, so that no slow reader holds one open.
        with database.read() as session:
            regions = _read_newest(session, project_id, versions[:1], page, SqlPrediction.regions)
            vectors = _read_newest(session, project_id, versions, page, SqlPrediction.embedding)
        labels: dict[int, dict[str, float]] = defaultdict(dict)
        embeddings: dict[int, dict[str, Vector]] = defaultdict(dict)
        for (task_id, version), embedding in vectors.items():
            if embedding is not None:
                embeddings[task_id][version] = _vector(embedding)
        for (task_id, _), found in regions.items():
            for region in found:
                best = labels[task_id].get(region["label"], 0.0)
                labels[task_id][region["label"]] = max(best, region["score"])
        for task_id in page:
            yield Candidate(task_id, scores[task_id], labels[task_id], embeddings[task_id])


def _read_newest(
    session: Session,
    project_id: int,
    versions: Sequence[str],
    task_ids: Sequence[int],
    column: InstrumentedAttribute[Any],
) -> dict[tuple[int, str], Any]:
    """Return a column of the newest prediction of each of these tasks by each version."""
    query = select(SqlPrediction.id, SqlPrediction.task_id, SqlPrediction.version, column).where(
        SqlPrediction.project_id == project_id,
        SqlPrediction.task_id.in_(task_ids),
        # An expression, or SQLite takes the index of versions and looks through all that a version predicted.
        func.coalesce(SqlPrediction.version, "").in_(versions),
        SqlPrediction.failure.is_(None),
    )
    rows = sorted(session.execute(query), key=lambda row: row[0])
    return {(task_id, version): value for _, task_id, version, value in rows if task_id is not None}


def _read_labelled(database: Database, project_id: int, versions: Sequence[str]) -> LabelledTasks:
    """Return what is known of labelled tasks: their labels, and of the newest their images' embeddings."""
    of_all, in_project = SqlTally.label == ALL_LABELS, SqlTally.project_id == project_id
    tasks = func.count(SqlTally.task_id.distinct())
    is_there = SqlTally.kept + SqlTally.adjusted + SqlTally.added + SqlTally.relabelled_to > 0
    holding = select(SqlTally.label, tasks).where(in_project, ~of_all, is_there).group_by(SqlTally.label)
    newest = (
        select(SqlReview.task_id)
        .where(SqlReview.project_id == project_id, SqlReview.deleted_at.is_(None))
        .where(SqlReview.state.in_([state for state in ReviewState if state != ReviewState.NOT_VIEWED]))
        .order_by(SqlReview.reviewed_at.desc().nulls_last(), SqlReview.task_id.desc())
        .limit(MOST_LABELLED)
    )
    with database.read() as session:
        counted = session.scalar(select(tasks).where(in_project, of_all)) or 0
        by_label = {label: number for label, number in session.execute(holding)}
        task_ids = list(session.scalars(newest))
    vectors: dict[str, list[Vector]] = defaultdict(list)
    for page in chunks(task_ids, _PAGE):
        with database.read() as session:
            found = _read_newest(session, project_id, versions, page, SqlPrediction.embedding)
        for (_, version), embedding in found.items():
            if embedding is not None:
                vectors[version].append(_vector(embedding))
    return LabelledTasks(counted, by_label, vectors)


def _with_disagreement(
    database: Database,
    project_id: int,
    versions: Sequence[str],
    candidates: Sequence[Candidate],
    task_ids: Sequence[int],
) -> list[Candidate]:
    """Return the candidates, those with these ids with how far the two versions disagree on them."""
    known: dict[int, float] = {}
    for page in chunks(task_ids if len(versions) == 2 else (), _PAGE):
        with database.read() as session:
            found = _read_newest(session, project_id, versions, page, SqlPrediction.regions)
        for task_id in page:
            both = [found[task_id, version] for version in versions if (task_id, version) in found]
            if len(both) == 2:
                known[task_id] = disagreement(*(list(map(region_from_row, rows)) for rows in both))
    return [replace(each, disagreement=known.get(each.task_id)) for each in candidates]


@dataclass(frozen=True, slots=True)
class _Known:
    """How much was there to choose by; `waiting` tasks are unreviewed, `labelled` ones are counted."""

    project_id: int
    waiting: int
    candidates: int = 0
    embedded: int = 0
    labelled: int = 0


def _notes(known: _Known, versions: Sequence[str]) -> tuple[str, ...]:
    command = f"python -m backend prelabel --project {known.project_id} --only-unlabelled"
    left_out = known.waiting - known.candidates
    notes = {
        "No unreviewed task is known here.": not known.waiting,
        f"No task was predicted yet: {command}": known.waiting and not versions,
        f"{left_out} unreviewed tasks were left out: the model in service has not predicted them yet "
        f"({command}).": versions and left_out > 0 and known.candidates < MOST_CANDIDATES,
        f"Of {known.waiting} unreviewed tasks those {MOST_CANDIDATES} were looked at that the model is least "
        "sure of.": known.candidates == MOST_CANDIDATES < known.waiting,
        "Only one version has predicted, so that no two could be compared.": len(versions) == 1,
        "No corrected prediction is known, so that no class is known to be rare.": known.candidates
        and not known.labelled,
        f"How unlike they are is not known of {known.candidates - known.embedded} images, predicted before "
        "that was measured.": known.embedded < known.candidates,
    }
    return tuple(note for note, is_so in notes.items() if is_so)


def _vector(embedding: bytes) -> Vector:
    """Return the unit vector; halves are not quite of length 1."""
    vector = np.frombuffer(embedding, "<f2").astype(np.float32)
    return vector / np.linalg.norm(vector)
