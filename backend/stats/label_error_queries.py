"""Find annotations that are probably wrong among those of the ledger."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.entities import ImageSize
from backend.labelstudio.annotated_regions import read_regions
from backend.stats.label_errors import Found, JudgedTask, LabelErrorReport
from backend.stats.label_marks import marks_of
from backend.stats.label_scores import SUSPECT, score_labels
from backend.stats.label_unseen import Served, choose_unseen
from backend.store.artifacts import ArtifactStore
from backend.store.database import Database, chunks
from backend.store.ledger_tables import SqlAnnotation, SqlReview
from backend.store.region_rows import region_from_row
from backend.store.reviews import check_project
from backend.store.tables import SqlPrediction
from backend.training.learnt_tasks import LearntTasks

MOST_ERRORS = 200
# Only the tasks reviewed last are looked at, however many there are.
MOST_TASKS = 5000
# Masks may take megabytes each, and both sides of a page are in memory at once.
_PAGE = 50


@dataclass(frozen=True, slots=True)
class Judgeable:
    """Tasks with a prediction that their labels had no part in, and the ids of those without one."""

    tasks: tuple[JudgedTask, ...]
    unseen: tuple[int, ...]


def read_label_errors(
    database: Database, artifacts: ArtifactStore, project_id: int, *, now: datetime, most: int = MOST_ERRORS
) -> LabelErrorReport:
    """Return the project's most suspect labels.

    Raises:
        NotFound: there is no such project.
    """
    check_project(database, project_id)
    return report_errors(read_judgeable(database, artifacts, project_id), now=now, most=most)


def report_errors(found: Judgeable, *, now: datetime, most: int = MOST_ERRORS) -> LabelErrorReport:
    """Return the report of what was read, with at most so many errors."""
    suspected = [error for error in score_labels(found.tasks) if error.score < SUSPECT]
    return LabelErrorReport(
        tasks=len(found.tasks),
        objects=sum(len(task.labelled) for task in found.tasks),
        unseen=len(found.unseen),
        counts=dict(Counter(error.kind for error in suspected)),
        errors=tuple(suspected[:most]),
        looked_at=now,
    )


def unlearnt_tasks(
    database: Database, artifacts: ArtifactStore, project_id: int, version: str
) -> list[int] | None:
    """Return those of the tasks reviewed last that the version has not learnt from; None if nobody knows."""
    wanted = [row.task_id for row in _reviewed(database, project_id)]
    learnt = LearntTasks(database, artifacts, project_id, among=wanted).of(version)
    return None if learnt is None else sorted(set(wanted) - learnt)


def read_judgeable(
    database: Database,
    artifacts: ArtifactStore,
    project_id: int,
    *,
    again: Mapping[int, Found] | None = None,
) -> Judgeable:
    """Read the tasks reviewed last, each with the annotation that counts and the prediction to judge it by.

    Args:
        database: Holds ledger and log.
        artifacts: Holds what versions have learnt from.
        project_id: Label Studio's.
        again: By task, what a model that did not learn from it finds now; goes before what is in the log.
    """
    again = again or {}
    wanted = _reviewed(database, project_id)
    learnt = LearntTasks(database, artifacts, project_id, among=[row.task_id for row in wanted])
    judged: list[JudgedTask] = []
    for page in chunks(wanted, _PAGE):
        with database.read() as session:
            rest = [row for row in page if row.task_id not in again]
            chosen = _choose(session, project_id, [row.task_id for row in rest], learnt)
            judged += _judged(session, page, chosen, again)
    seen = {task.task_id for task in judged}
    return Judgeable(tuple(judged), tuple(row.task_id for row in wanted if row.task_id not in seen))


@dataclass(frozen=True, slots=True)
class _Reviewed:
    task_id: int
    annotation_id: int
    image: str | None


def _reviewed(database: Database, project_id: int) -> list[_Reviewed]:
    query = (
        select(SqlReview.task_id, SqlReview.annotation_id, SqlReview.image)
        .where(SqlReview.project_id == project_id, SqlReview.deleted_at.is_(None))
        .where(SqlReview.annotation_id.is_not(None))
        .order_by(SqlReview.reviewed_at.desc(), SqlReview.task_id.desc())
        .limit(MOST_TASKS)
    )
    with database.read() as session:
        rows = session.execute(query).all()
    return [_Reviewed(task, annotation, image) for task, annotation, image in rows if annotation is not None]


def _choose(
    session: Session, project_id: int, task_ids: Collection[int], learnt: LearntTasks
) -> dict[int, Served]:
    """Return by task the prediction that its labels can be judged by."""
    first = select(SqlAnnotation.task_id, func.min(SqlAnnotation.created_at))
    first = first.where(SqlAnnotation.task_id.in_(task_ids)).group_by(SqlAnnotation.task_id)
    labelled_at = {task_id: at for task_id, at in session.execute(first)}
    served: dict[int, list[Served]] = defaultdict(list)
    query = select(
        SqlPrediction.task_id,
        SqlPrediction.id,
        SqlPrediction.version,
        SqlPrediction.blind,
        SqlPrediction.served_at,
    ).where(
        SqlPrediction.project_id == project_id,
        SqlPrediction.task_id.in_(task_ids),
        SqlPrediction.failure.is_(None),
    )
    for task_id, number, version, is_blind, at in session.execute(query):
        if task_id is not None:
            served[task_id].append(Served(number, version, is_blind, at))
    chosen = {}
    for task_id, each in served.items():
        if task_id not in labelled_at:
            continue
        at = labelled_at[task_id]
        found = choose_unseen(each, task_id=task_id, labelled_at=at, learnt=learnt.of)
        if found is not None:
            chosen[task_id] = found
    return chosen


def _judged(
    session: Session,
    page: Sequence[_Reviewed],
    chosen: Mapping[int, Served],
    again: Mapping[int, Found],
) -> Iterator[JudgedTask]:
    wanted = [row for row in page if row.task_id in chosen or row.task_id in again]
    query = select(SqlAnnotation).where(SqlAnnotation.id.in_([row.annotation_id for row in wanted]))
    annotations = {row.id: row for row in session.scalars(query)}
    logged = select(SqlPrediction).where(SqlPrediction.id.in_([each.id for each in chosen.values()]))
    found = {row.task_id: _found(row) for row in session.scalars(logged)}
    for row in wanted:
        annotation = annotations.get(row.annotation_id)
        if annotation is None:  # gone between two reads
            continue
        served = None if row.task_id in again else chosen[row.task_id]
        regions = read_regions(annotation.result)
        yield JudgedTask(
            task_id=row.task_id,
            annotation_id=annotation.id,
            annotator=annotation.annotator,
            labelled=marks_of(regions.regions),
            images=regions.images,
            found=again[row.task_id] if served is None else found[row.task_id],
            is_shown=served is not None and served.id == annotation.shown_id and not served.is_blind,
            image=row.image,
        )


def _found(row: SqlPrediction) -> Found:
    size = ImageSize(row.width, row.height) if row.width and row.height else None
    return Found(row.version, size, marks_of(map(region_from_row, row.regions)))
