"""Process stored events. Every event may be processed twice, and in any order, with the same outcome.

What an event changes is written in one transaction with the mark that it is processed. Only an event of very
many items is written in parts, since writers wait for each other: its last part bears the mark, so one that
was killed half-way is written again.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import structlog
from rq.timeouts import BaseTimeoutException
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.entities import ControlTag
from backend.errors import AppError, DatabaseUnavailable, LabelConfigError
from backend.inference.plan import Plan, Planner
from backend.labelstudio.changes import Changes, read_changes
from backend.labelstudio.label_config import parse_label_config
from backend.labelstudio.task_image import task_image
from backend.review.account import Accountant
from backend.review.entities import Account, FoundBy
from backend.store.database import Database
from backend.store.event_queue import (
    StoredEvent,
    claim_event,
    mark_processed,
    mark_processed_up_to,
    newest_pending,
    note_attempt,
    pending_ids,
    read_event,
)
from backend.store.ledger import delete_annotations, hold_project, put_accounts
from backend.store.ledger_tasks import delete_project, delete_tasks, put_tasks
from backend.store.projects import store_project
from backend.store.review_rows import settle_reviews
from backend.store.training_requests import note_training_request

log = structlog.get_logger(__name__)

# What these change is read from the newest of them.
PROJECT_ACTIONS = ("PROJECT_CREATED", "PROJECT_UPDATED")
_BATCH = 500
# Items written in one transaction: some 150 ms of annotations with ten regions each.
_PART = 250
_ERROR_CHARS = 2000
# A turn ends after seconds, so that an event is first in line of a few turns at most.
_MOST_ATTEMPTS = 5
_GIVEN_UP = "The worker ended each time that it processed this event; the next sync repairs what it meant."
_GONE = "Label Studio had no such project when it was last asked, so nothing was counted; a sync looks again."
_NO_PROJECT = "It names no project, so nothing can be told from it; the next sync finds what it meant."


class EventProcessor:
    """Turns one project's waiting events into its ledger.

    Args:
        database: Where events and ledger are.
        planner: Tells which model version serves a labeling config.
        accountant: Compares annotations with what was shown.
    """

    def __init__(self, database: Database, planner: Planner, accountant: Accountant) -> None:
        self._database = database
        self._planner = planner
        self._accountant = accountant

    def process(self, project_id: int | None, *, is_time_up: Callable[[], bool] = lambda: False) -> int:
        """Process the events that wait, until time is up; return how many there were.

        Raises:
            DatabaseUnavailable: what is not processed waits on.
        """
        done = self._process_project(project_id)
        self._give_up_on_first(project_id)
        while ids := pending_ids(self._database, project_id, limit=_BATCH):
            for event_id in ids:
                if is_time_up():
                    return done
                done += self._process_safely(project_id, event_id)
        return done

    def _process_project(self, project_id: int | None) -> int:
        """Keep the project's labeling config and model version current.

        A config that cannot work is remembered without a version, so that `status` can show it.
        """
        newest = newest_pending(self._database, project_id, actions=PROJECT_ACTIONS)
        if newest is None:
            return 0
        xml = (newest.payload.get("project") or {}).get("label_config")
        now, error = datetime.now(UTC), None
        if project_id is not None and isinstance(xml, str):
            plan: Plan | None = None
            try:
                plan = self._planner.plan(xml, project_id)
            except DatabaseUnavailable:
                raise
            except AppError as failure:
                error = failure.message
                log.warning("project_config_unusable", project=project_id, detail=failure.message)
            store_project(
                self._database,
                project_id,
                label_config=xml,
                model_version=plan.version if plan else None,
                is_for_training=plan.is_for_training if plan else None,
                now=now,
            )
        with self._database.write() as session:
            return mark_processed_up_to(
                session, project_id, newest.id, actions=PROJECT_ACTIONS, now=now, error=error
            )

    def _give_up_on_first(self, project_id: int | None) -> None:
        """Leave an event to the sync that was the first in line too often: it ends its worker each time."""
        for event_id in pending_ids(self._database, project_id, limit=1):
            with self._database.write() as session:
                if note_attempt(session, event_id) > _MOST_ATTEMPTS:
                    log.error("event_given_up", project=project_id, row=event_id)
                    mark_processed(session, event_id, now=datetime.now(UTC), error=_GIVEN_UP)

    def _process_safely(self, project_id: int | None, event_id: int) -> int:
        try:
            return self._process_one(project_id, event_id)
        except (AppError, BaseTimeoutException):
            raise
        except IntegrityError as error:
            # Two projects' workers met at an id that is used again: the second to come finds it there.
            raise DatabaseUnavailable("Two writers met; the event is processed once more.") from error
        except Exception as error:  # one event that we cannot digest must not hold up all others
            log.error("event_failed", project=project_id, row=event_id, exc_info=error)
            text = f"The event could not be processed ({type(error).__name__}); the next sync repairs it."
            with self._database.write() as session:
                mark_processed(session, event_id, now=datetime.now(UTC), error=text)
            return 1

    def _process_one(self, project_id: int | None, event_id: int) -> int:
        event = read_event(self._database, event_id)
        if event is None:
            return 0
        if project_id is None:
            with self._database.write() as session:
                mark_processed(session, event_id, now=datetime.now(UTC), error=_NO_PROJECT)
            return 1
        changes = read_changes(event.action, event.payload)
        images = _images(changes, event.payload)
        *parts, last = _parts(changes)
        for part in parts:
            if not self._write(project_id, event, part, images, is_last=False):
                return 0
        return int(self._write(project_id, event, last, images, is_last=True))

    def _write(
        self,
        project_id: int,
        event: StoredEvent,
        changes: Changes,
        images: Mapping[int, str | None],
        *,
        is_last: bool,
    ) -> bool:
        """Write what is changed; False where another process was through with the event before."""
        # All that takes long is done before the transaction begins. The event's own project is the one whose
        # ledger is held.
        annotations = [replace(annotation, project_id=project_id) for annotation in changes.annotations]
        accounts = self._accountant.accounts_of(project_id, annotations)
        with self._database.write() as session:
            is_there = hold_project(session, project_id)
            if not claim_event(session, event.id):
                return False
            if is_there:
                _apply(session, project_id, changes, accounts, images=images, now=event.received_at)
            if is_last:
                problems = changes.problems if is_there else (_GONE, *changes.problems)
                error = " ".join(problems)[:_ERROR_CHARS] or None
                mark_processed(session, event.id, now=datetime.now(UTC), error=error)
        return True


def _parts(changes: Changes) -> list[Changes]:
    """Return the changes in parts of at most `_PART` items of a kind; what is no list is in the last."""
    lists = ("annotations", "tasks", "deleted_annotations", "deleted_tasks")
    longest = max(len(getattr(changes, name)) for name in lists)
    parts = []
    for start in range(0, max(longest, 1), _PART):
        some = {name: getattr(changes, name)[start : start + _PART] for name in lists}
        is_last = start + _PART >= longest
        parts.append(
            replace(
                changes,
                **some,
                asks_for_training=changes.asks_for_training and is_last,
                is_project_deleted=changes.is_project_deleted and is_last,
            )
        )
    return parts


def _apply(
    session: Session,
    project_id: int,
    changes: Changes,
    accounts: list[Account],
    *,
    images: Mapping[int, str | None],
    now: datetime,
) -> None:
    touched = {account.annotation.task_id for account in accounts}
    touched |= {task.id for task in changes.tasks if task.id is not None}
    known = {task_id: images.get(task_id) for task_id in touched}
    created = changes.tasks_created_at
    put_tasks(session, project_id, known, found_by=FoundBy.WEBHOOK, seen_at=now, created=created)
    touched |= put_accounts(session, accounts, found_by=FoundBy.WEBHOOK, seen_at=now).left
    touched |= delete_annotations(session, project_id, changes.deleted_annotations, now=now)
    delete_tasks(session, project_id, changes.deleted_tasks, now=now)
    settle_reviews(session, touched | set(changes.deleted_tasks))
    if changes.asks_for_training:
        note_training_request(session, project_id, asked_at=now)
    if changes.is_project_deleted:
        delete_project(session, project_id, now=now)


def _images(changes: Changes, payload: Mapping[str, Any]) -> dict[int, str | None]:
    """Return the image's address of each task that the event describes."""
    tasks = {task.id: task.data for task in changes.tasks if task.id is not None}
    if not tasks:
        return {}
    controls: tuple[ControlTag, ...] = ()
    xml = (payload.get("project") or {}).get("label_config")
    if isinstance(xml, str):
        try:
            controls = parse_label_config(xml)
        except LabelConfigError:
            pass  # a config in the making; the first text of the task's data names the picture then
    return {task_id: task_image(data, controls) for task_id, data in tasks.items()}
