"""Read from the ledger what several people say of a task, and work out how far they agree."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from backend.labelstudio.annotated_regions import read_regions
from backend.report_settings import ModelRole
from backend.review.matching import SAME_IOU
from backend.stats.agreement import AgreementReport, assess_agreement
from backend.stats.bootstrap import DRAWS
from backend.stats.task_agreement import LabelledTask, LabelSet, Rater, RaterKind, compare_task
from backend.store.database import Database
from backend.store.ledger_tables import SqlAnnotation
from backend.store.region_rows import region_from_row
from backend.store.reviews import check_project
from backend.store.tables import SqlPrediction

# Masks may take megabytes each, and every annotation of a page is in memory at once.
_PAGE = 50
MOST_TASKS = 2000
_SEED = 7


def read_agreement(
    database: Database,
    project_id: int,
    *,
    iou: float = SAME_IOU,
    model: ModelRole = ModelRole.COMPARED,
    most: int = MOST_TASKS,
    seed: int = _SEED,
    draws: int = DRAWS,
) -> AgreementReport:
    """Return how far the annotators of a project agree.

    Args:
        database: Where the ledger is.
        project_id: Label Studio's.
        iou: From which on regions are one thing, above 0 and at most 1.
        model: What becomes of the predictions that annotators started from.
        most: Only so many tasks, those annotated last.
        seed: Of the intervals.
        draws: How many resamples an interval takes.

    Raises:
        NotFound: there is no such project.
    """
    check_project(database, project_id)
    compared = [compare_task(task, iou=iou) for task in _read_tasks(database, project_id, model, most)]
    return assess_agreement(project_id, compared, iou=iou, seed=seed, draws=draws)


def _read_tasks(database: Database, project_id: int, model: ModelRole, most: int) -> Iterator[LabelledTask]:
    """Yield tasks that at least two raters labelled, by id."""
    with database.read() as session:
        wanted = sorted(i for i in session.scalars(_wanted(project_id, model, most)) if i is not None)
    for start in range(0, len(wanted), _PAGE):
        with database.read() as session:
            page = _read_page(session, project_id, wanted[start : start + _PAGE], model)
        yield from (task for task in page if len(task.sets) > 1)


def _is_there(project_id: int) -> list[ColumnElement[bool]]:
    return [
        SqlAnnotation.project_id == project_id,
        SqlAnnotation.task_id.is_not(None),
        SqlAnnotation.deleted_at.is_(None),
        SqlAnnotation.is_cancelled.is_(False),
    ]


def _wanted(project_id: int, model: ModelRole, most: int) -> Select[int | None]:
    is_several = func.count() > 1
    if model != ModelRole.LEFT_OUT:
        is_several |= func.count(SqlAnnotation.shown_id) > 0
    query = select(SqlAnnotation.task_id).where(*_is_there(project_id)).group_by(SqlAnnotation.task_id)
    # Tasks of several people first, since there are few of them, and they say the most.
    order = ((func.count() > 1).desc(), func.max(SqlAnnotation.id).desc())
    return query.having(is_several).order_by(*order).limit(most)


def _read_page(
    session: Session, project_id: int, task_ids: Sequence[int], model: ModelRole
) -> list[LabelledTask]:
    query = select(SqlAnnotation).where(*_is_there(project_id), SqlAnnotation.task_id.in_(task_ids))
    found: dict[int | None, list[SqlAnnotation]] = defaultdict(list)
    for row in session.scalars(query.order_by(SqlAnnotation.updated_at, SqlAnnotation.id)):
        found[row.task_id].append(row)
    shown: dict[int, SqlPrediction] = {}
    if model != ModelRole.LEFT_OUT:
        ids = {row.shown_id for rows in found.values() for row in rows} - {None}
        predictions = session.scalars(select(SqlPrediction).where(SqlPrediction.id.in_(ids)))
        shown = {prediction.id: prediction for prediction in predictions}
    return [_task(task_id, found[task_id], shown, model) for task_id in task_ids]


def _task(
    task_id: int, rows: Sequence[SqlAnnotation], shown: dict[int, SqlPrediction], model: ModelRole
) -> LabelledTask:
    """Take of each annotator the newest; a ground truth is nobody's but its own.

    Args:
        task_id: Of the task.
        rows: Its annotations, the newest last.
        shown: Predictions by their id in the log.
        model: What becomes of them.
    """
    newest: dict[Rater, SqlAnnotation] = {}
    for row in rows:
        newest[_rater(row)] = row
    read = {rater: read_regions(row.result) for rater, row in newest.items()}
    images = {control: image for each in read.values() for control, image in each.images.items()}
    sets = [LabelSet(rater, each.regions) for rater, each in read.items()]
    predictions = [shown[row.shown_id] for row in rows if row.shown_id in shown]
    if predictions:
        last = predictions[-1]
        kind = RaterKind.BLIND_MODEL if last.blind else RaterKind.MODEL
        regions = tuple(map(region_from_row, last.regions))
        sets.append(LabelSet(Rater(kind), regions, is_member=model == ModelRole.MEMBER))
    return LabelledTask(task_id, tuple(sets), images)


def _rater(row: SqlAnnotation) -> Rater:
    if row.is_ground_truth:
        return Rater(RaterKind.GROUND_TRUTH)
    return Rater(RaterKind.ANNOTATOR, row.annotator)
