"""Tell of one task what was shown, what was submitted, and how each region was matched.

The account is made anew from what is stored, by the functions that made the ledger.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from backend.entities import Region
from backend.errors import NotFound
from backend.review.account import images_of, read_annotated
from backend.review.corrections import correct
from backend.review.entities import AnnotatedRegions, Correction, LoggedPrediction
from backend.store.database import Database
from backend.store.ledger_tables import SqlAnnotation
from backend.store.projects import label_config_of
from backend.store.shown import logged_predictions, regions_of
from backend.store.task_facts import read_task_facts


@dataclass(frozen=True, slots=True)
class ExplainedAnnotation:
    """One annotation of the task, and what it corrected; `shown` is None where nothing was compared."""

    id: int
    annotator: int | None
    updated_at: datetime
    is_cancelled: bool
    is_ground_truth: bool
    is_deciding: bool
    shown: LoggedPrediction | None
    shown_by: str | None
    annotated: AnnotatedRegions
    corrections: tuple[Correction, ...]


@dataclass(frozen=True, slots=True)
class ExplainedTask:
    """A task as the ledger has it. `predictions` are those that were logged, oldest first, with their sizes.

    `state` is None for a task that no event and no sync has told of.
    """

    task_id: int
    project_id: int
    image: str | None
    state: str | None
    is_deleted: bool
    predictions: tuple[tuple[LoggedPrediction, int], ...]
    annotations: tuple[ExplainedAnnotation, ...]


def explain_task(database: Database, task_id: int) -> ExplainedTask:
    """Return all that is known of a task.

    Raises:
        NotFound: nothing is.
    """
    facts = read_task_facts(database, task_id)
    if facts is None:
        raise NotFound(
            f"Nothing is known of task {task_id}: it was neither predicted nor annotated since its project "
            "was connected. Bring the project up to date with: python -m backend sync --project ID"
        )
    review = facts.review
    logged = logged_predictions(database, facts.project_id, [task_id]).get(task_id, [])
    images = images_of(label_config_of(database, facts.project_id))
    shown = {prediction.id: prediction for prediction in logged}
    return ExplainedTask(
        task_id=task_id,
        project_id=facts.project_id,
        image=review.image if review else None,
        state=review.state if review else None,
        is_deleted=bool(review and review.deleted_at),
        predictions=tuple((prediction, len(prediction.region_ids)) for prediction in logged),
        annotations=tuple(
            _explain(
                row,
                shown.get(row.shown_id or 0),
                regions_of(database, row.shown_id) if row.shown_id else (),
                images,
                is_deciding=bool(review and review.annotation_id == row.id),
            )
            for row in facts.annotations
        ),
    )


def _explain(
    row: SqlAnnotation,
    shown: LoggedPrediction | None,
    regions: Sequence[Region],
    images: Mapping[str, str],
    *,
    is_deciding: bool,
) -> ExplainedAnnotation:
    annotated = read_annotated(row.result, images)
    return ExplainedAnnotation(
        id=row.id,
        annotator=row.annotator,
        updated_at=row.updated_at,
        is_cancelled=row.is_cancelled,
        is_ground_truth=row.is_ground_truth,
        is_deciding=is_deciding,
        shown=shown,
        shown_by=row.shown_by,
        annotated=annotated,
        corrections=correct(regions, annotated) if shown else (),
    )
