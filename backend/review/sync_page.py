"""One page of a sync: what of it the ledger has otherwise, and how that is repaired."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from backend.entities import ControlTag
from backend.labelstudio.annotations import annotation_digest
from backend.labelstudio.project_annotations import ReadTask
from backend.labelstudio.task_image import task_image
from backend.review.account import Accountant
from backend.review.entities import Account, Annotation, FoundBy
from backend.store.database import Database
from backend.store.ledger import delete_annotations, put_accounts
from backend.store.ledger_heads import (
    AnnotationHead,
    Scope,
    TaskHead,
    annotation_heads,
    annotations_beside,
    task_heads,
    tasks_beside,
)
from backend.store.ledger_tasks import delete_tasks, put_tasks
from backend.store.review_rows import settle_reviews

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Page:
    """Tasks as they were read, and what of them is not in the ledger like that.

    `began` is the time by our clock before they were asked for. `moved_from` are tasks that the ledger has
    these annotations in.
    """

    tasks: Sequence[ReadTask]
    scope: Scope
    began: datetime
    accounts: Sequence[Account]
    images: Mapping[int, str | None]
    moved_from: frozenset[int]

    @property
    def there(self) -> set[int]:
        """The annotations that the page shows."""
        return {annotation.id for read in self.tasks for annotation in read.annotations}


def compare_page(
    database: Database,
    accountant: Accountant,
    tasks: Sequence[ReadTask],
    scope: Scope,
    *,
    controls: Sequence[ControlTag],
    began: datetime,
) -> Page:
    """Make accounts of those annotations alone that the ledger has otherwise; writes nothing to it."""
    images = {
        read.task.id: task_image(read.task.data, controls) for read in tasks if read.task.id is not None
    }
    known = task_heads(database, images)
    annotations = [annotation for read in tasks for annotation in read.annotations]
    heads = annotation_heads(database, [annotation.id for annotation in annotations])
    news = [a for a in annotations if _is_news(a, heads.get(a.id), began)]
    for problem in (problem for read in tasks for problem in read.problems):
        log.warning("annotation_unreadable", project=scope.project_id, detail=problem)
    return Page(
        tasks=tasks,
        scope=scope,
        began=began,
        accounts=accountant.accounts_of(scope.project_id, news),
        images={
            i: image
            for i, image in images.items()
            if _is_new_task(known.get(i), scope.project_id, image, began)
        },
        moved_from=frozenset(h.task_id for a in news if (h := heads.get(a.id)) and h.task_id is not None),
    )


def repair_page(session: Session, page: Page) -> dict[str, int]:
    """Store what the page shows; return what that changed, by the names of a pass's counts."""
    project_id, began = page.scope.project_id, page.began
    touched = {account.annotation.task_id for account in page.accounts} | set(page.images) | page.moved_from
    missing = changed = 0
    if page.images:
        put_tasks(session, project_id, page.images, found_by=FoundBy.SYNC, seen_at=began)
    if page.accounts:
        put = put_accounts(session, page.accounts, found_by=FoundBy.SYNC, seen_at=began)
        missing, changed = len(put.missing | put.revived), len(put.changed)
    # After what moved out of a deleted task was stored, or it would be deleted with it.
    gone, tasks = _gone(session, page, page.scope)
    _delete(session, page, gone, tasks, touched=touched)
    return {
        "tasks": len(page.tasks),
        "annotations": len(page.there),
        "missing": missing,
        "changed": changed,
        "deleted": len(gone),
    }


def parts_gone(database: Database, page: Page, *, size: int) -> list[Scope]:
    """Return parts of the page for `delete_part`, so that less than `size` is left to `repair_page`.

    In each, some `size` annotations and tasks are gone; what is gone of one task is in one part.
    """
    with database.read() as session:
        gone, tasks = _gone(session, page, page.scope)
    weights = Counter(task_id for task_id in gone.values() if task_id is not None) + Counter(tasks)
    if weights.total() <= size:
        return []
    parts: list[Scope] = []
    weight, after = 0, page.scope.after
    for task_id in sorted(weights):
        weight += weights[task_id]
        if weight >= size:
            ids = frozenset(i for i in page.scope.ids if after < i <= task_id)
            parts.append(replace(page.scope, ids=ids, after=after, last=task_id))
            weight, after = 0, task_id
    return parts


def delete_part(session: Session, page: Page, part: Scope) -> dict[str, int]:
    """Delete what of a part of the page is still gone; return what that changed, as `repair_page` does."""
    gone, tasks = _gone(session, page, part)
    # What these held may be elsewhere now, which is stored with the page.
    _delete(session, page, gone, tasks - page.moved_from)
    return {"deleted": len(gone)}


def _gone(session: Session, page: Page, scope: Scope) -> tuple[dict[int, int | None], set[int]]:
    """Return the annotations, each with its task, and the tasks that the ledger alone has in the scope."""
    unread = {read.task.id for read in page.tasks if read.problems}
    beside = annotations_beside(session, scope, page.there, seen_before=page.began)
    gone = {i: task_id for i, task_id in beside.items() if task_id not in unread}
    return gone, set(tasks_beside(session, scope, seen_before=page.began))


def _delete(
    session: Session, page: Page, gone: Collection[int], tasks: Set[int], *, touched: Set[int] = frozenset()
) -> None:
    """Delete annotations and tasks, and settle the tasks that this or what was stored before has touched."""
    touched = touched | tasks
    if gone:
        touched = touched | delete_annotations(session, page.scope.project_id, gone, now=page.began)
    if tasks:
        delete_tasks(session, page.scope.project_id, tasks, now=page.began)
    if touched:
        settle_reviews(session, touched)


def _is_news(annotation: Annotation, head: AnnotationHead | None, began: datetime) -> bool:
    if head is None or head.is_open:
        return True
    if head.deleted_at is not None:
        return head.deleted_at < began
    return (annotation.updated_at, annotation_digest(annotation)) != (head.updated_at, head.digest)


def _is_new_task(head: TaskHead | None, project_id: int, image: str | None, began: datetime) -> bool:
    if head is None or head.project_id != project_id:
        return True
    if head.deleted_at is not None:
        return head.deleted_at < began
    return image is not None and image != head.image
