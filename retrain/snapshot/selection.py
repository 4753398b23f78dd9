"""Read what the ledger trusts: one set of labels for each task, page by page."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from backend.entities import Region
from backend.labelstudio.annotated_regions import read_regions
from backend.review.entities import AnnotatedRegions
from backend.review.states import Submitted, deciding_annotation, mark_of
from backend.store.database import Database
from backend.store.ledger_tables import SqlAnnotation, SqlReview
from retrain.snapshot.consensus import Consensus, consensus

# Masks may take megabytes each, and every annotation of a page is in memory at once.
_PAGE = 50


@dataclass(frozen=True, slots=True)
class TrustedTask:
    """A task with the labels that count for it.

    `image` is the address in the ledger, which may be cut. `mark` names the content of the annotation that
    decides, `rank` orders annotations, the one that counts more last. `is_held`: ground truth, or annotated
    without having seen a prediction. `people` is what several annotators agree on, None for one alone.
    """

    id: int
    image: str | None
    regions: tuple[Region, ...]
    problems: tuple[str, ...]
    mark: str
    rank: tuple[bool, datetime, int]
    is_held: bool
    people: Consensus | None


def count_trusted(database: Database, project_id: int) -> int:
    """Return how many tasks of the project have labels that count."""
    with database.read() as session:
        query = select(func.count()).select_from(SqlReview).where(*_is_trusted(project_id))
        return int(session.scalar(query) or 0)


def trusted_pages(
    database: Database, project_id: int, *, controls: Sequence[str], takes_consensus: bool
) -> Iterator[list[TrustedTask]]:
    """Yield all tasks of the project that have labels that count, by ascending id.

    Skipped annotations never count, nor deleted ones. Ground truth goes before all others, then the newest.

    Args:
        database: Holds the ledger.
        project_id: Of the tasks.
        controls: Regions of other control tags are left out.
        takes_consensus: Whether several annotators' consensus counts instead of the newest.
    """
    after = 0
    while True:
        with database.read() as session:
            page = _read(session, project_id, after)
        if not page:
            return
        tasks = (_task(review, rows, controls, takes_consensus) for review, rows in page)
        yield [task for task in tasks if task is not None]
        after = page[-1][0].task_id


def _is_trusted(project_id: int) -> list[ColumnElement[bool]]:
    return [
        SqlReview.project_id == project_id,
        SqlReview.deleted_at.is_(None),
        SqlReview.annotation_id.is_not(None),
    ]


def _read(session: Session, project_id: int, after: int) -> list[tuple[SqlReview, list[SqlAnnotation]]]:
    query = select(SqlReview).where(*_is_trusted(project_id), SqlReview.task_id > after)
    reviews = session.scalars(query.order_by(SqlReview.task_id).limit(_PAGE)).all()
    there = select(SqlAnnotation).where(
        SqlAnnotation.task_id.in_([review.task_id for review in reviews]),
        SqlAnnotation.deleted_at.is_(None),
        SqlAnnotation.is_cancelled.is_(False),
    )
    found: dict[int | None, list[SqlAnnotation]] = defaultdict(list)
    for annotation in session.scalars(there):
        found[annotation.task_id].append(annotation)
    return [(review, found[review.task_id]) for review in reviews]


def _task(
    review: SqlReview, rows: Sequence[SqlAnnotation], controls: Sequence[str], takes_consensus: bool
) -> TrustedTask | None:
    submitted = {row.id: _submitted(row) for row in rows}
    # As the ledger derives it; read with the contents, so that the two cannot differ.
    deciding = deciding_annotation(submitted.values())
    if deciding is None:
        return None
    read = {row.id: read_regions(row.result) for row in rows}
    people = _people(rows, read, controls)
    if takes_consensus and people is not None and not deciding.is_ground_truth:
        regions, problems = people.regions, [p for one in read.values() for p in one.problems]
    else:
        regions = _of(read[deciding.id], controls)
        problems = list(read[deciding.id].problems)
    return TrustedTask(
        id=review.task_id,
        image=review.image,
        regions=regions,
        problems=tuple(dict.fromkeys(problems)),
        mark=mark_of(deciding),
        rank=(deciding.is_ground_truth, deciding.updated_at, deciding.id),
        is_held=deciding.is_ground_truth or review.is_blind,
        people=people,
    )


def _people(
    rows: Sequence[SqlAnnotation], read: dict[int, AnnotatedRegions], controls: Sequence[str]
) -> Consensus | None:
    """Return what the annotators agree on, each by the newest annotation; None where there is only one."""
    newest: dict[int | None, SqlAnnotation] = {}
    for row in sorted(rows, key=lambda row: (row.updated_at, row.id)):
        newest[row.annotator] = row
    if len(newest) < 2:
        return None
    ordered = sorted(newest.values(), key=lambda row: (row.updated_at, row.id), reverse=True)
    images = {control: image for row in ordered for control, image in read[row.id].images.items()}
    return consensus([_of(read[row.id], controls) for row in ordered], images=images)


def _of(read: AnnotatedRegions, controls: Sequence[str]) -> tuple[Region, ...]:
    return tuple(region for region in read.regions if region.control in controls)


def _submitted(row: SqlAnnotation) -> Submitted:
    return Submitted(
        id=row.id,
        annotator=row.annotator,
        created_at=row.created_at,
        updated_at=row.updated_at,
        is_cancelled=row.is_cancelled,
        is_ground_truth=row.is_ground_truth,
        digest=row.digest,
    )
