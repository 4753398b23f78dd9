"""Compare the ledger with Label Studio page by page, and repair what the webhook did not tell, or wrongly.

A pass reads tasks by ascending id. What a page shows is stored in the transaction that moves the cursor, so
a pass that was killed at any line goes on where it was; of many deletions most are stored in parts before,
which are not found again. A full pass reads all tasks, and what the ledger has
between them is deleted; others read what has changed since the last one, which shows no deleted tasks.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from backend.entities import ControlTag
from backend.errors import LabelConfigError, LabelStudioError
from backend.labelstudio.label_config import parse_label_config
from backend.labelstudio.project_annotations import ProjectCounts, ReadTask
from backend.review.account import Accountant
from backend.review.entities import Annotation
from backend.review.sync_page import Page, compare_page, delete_part, parts_gone, repair_page
from backend.store.database import Database
from backend.store.ledger import hold_project
from backend.store.ledger_heads import Scope, ledger_counts
from backend.store.ledger_tasks import delete_project
from backend.store.syncs import Sync, begin_pass, finish_pass, get_sync, is_at, move_on, note_error

log = structlog.get_logger(__name__)

FULL_EVERY = timedelta(days=7)
# A change gets its time before it is committed, so one that is older than the last pass may be new to it.
MARGIN = timedelta(minutes=10)
MOST_TASKS = 200
# Annotations and tasks deleted in one transaction: under SQLite's write lock, for which webhooks wait.
_PART_SIZE = 500
_FIRST_TASKS = 20
# Numbers in a page's masks and outlines: a million of them take some 50 MB while they are read.
_MANY_NUMBERS = 500_000
_GONE = 404


class AnnotatedProject(Protocol):
    """What a sync needs of Label Studio. Calls raise LabelStudioError, with 404 where the project is gone."""

    def read_after(self, last_id: int, *, changed_since: datetime | None, limit: int) -> list[ReadTask]:
        """Return the next tasks by ascending id; fewer than `limit` at the end alone."""

    def counts(self) -> ProjectCounts:
        """Return how much Label Studio has now."""

    def label_config(self) -> str:
        """Return the project's labeling config."""

    def now(self) -> datetime:
        """Return the time by Label Studio's clock."""

    def version_of_prediction(self, prediction_id: int) -> str:
        """Return the model version of one of Label Studio's predictions; empty where it is gone."""


class ProjectSync:
    """Syncs of one project.

    Args:
        database: Where the ledger and the pass are.
        project: The project in Label Studio.
        project_id: Its id.
        after_page: Told of the pass after each page.
    """

    def __init__(
        self,
        database: Database,
        project: AnnotatedProject,
        project_id: int,
        *,
        after_page: Callable[[Sync], None] = lambda sync: None,
    ) -> None:
        self._database = database
        self._project = project
        self._project_id = project_id
        self._after_page = after_page
        self._accountant = Accountant(database, project.version_of_prediction)

    def run(self, *, is_full: bool = False, is_time_up: Callable[[], bool] = lambda: False) -> Sync:
        """Go on with the pass in progress, or make a new one; return how it stands.

        An incremental pass after which Label Studio still counts otherwise is followed by a full one.

        Args:
            is_full: Begin a full pass now.
            is_time_up: Asked after each page; the pass then stays in progress.

        Raises:
            LabelStudioError: refused, or out of reach; the pass stays in progress.
        """
        try:
            return self._run(is_full, is_time_up)
        except LabelStudioError as error:
            if error.refused_with == _GONE:
                return self._lose()
            note_error(self._database, self._project_id, error.message)
            raise

    def _run(self, is_full: bool, is_time_up: Callable[[], bool]) -> Sync:
        controls = self._controls()
        while True:
            before = self._project.counts()
            sync = get_sync(self._database, self._project_id)
            if is_full or not sync.is_running:
                sync = self._begin(sync, is_full)
            sync = self._read_pages(sync, controls, is_time_up)
            if sync.finished_at is None:
                return sync
            difference = self._difference(before)
            is_full = bool(difference) and sync.changed_since is not None and difference != sync.error
            if not is_full:
                # What not even reading everything could make equal is remembered, or it would be read again.
                note_error(self._database, self._project_id, difference)
                log.info(
                    "synced",
                    project=self._project_id,
                    missing=sync.missing,
                    changed=sync.changed,
                    deleted=sync.deleted,
                    tasks=sync.tasks,
                    full=sync.changed_since is None,
                )
                return get_sync(self._database, self._project_id)

    def _begin(self, last: Sync, is_full: bool) -> Sync:
        now, theirs = datetime.now(UTC), self._project.now()
        since = None
        is_known = last.full_at is not None and last.gone_at is None
        if last.full_at and last.synced_to and is_known and not is_full and now - last.full_at < FULL_EVERY:
            since = last.synced_to - MARGIN
        return begin_pass(
            self._database, self._project_id, now=now, synced_to=theirs, changed_since=since, error=last.error
        )

    def _read_pages(self, sync: Sync, controls: Sequence[ControlTag], is_time_up: Callable[[], bool]) -> Sync:
        limit = _FIRST_TASKS
        while sync.is_running:
            began = datetime.now(UTC)
            try:
                tasks = self._project.read_after(sync.cursor, changed_since=sync.changed_since, limit=limit)
            except LabelStudioError as error:
                if error.refused_with is not None or limit == 1:
                    raise
                limit = max(1, limit // 5)  # it may have been too much at once
                continue
            page = compare_page(
                self._database,
                self._accountant,
                tasks,
                self._scope(sync, tasks, is_last=len(tasks) < limit),
                controls=controls,
                began=began,
            )
            sync = self._store(sync, page)
            self._after_page(sync)
            if is_time_up():
                break
            limit = _next_limit(limit, tasks)
        return sync

    def _scope(self, sync: Sync, tasks: Sequence[ReadTask], *, is_last: bool) -> Scope:
        ids = [read.task.id for read in tasks if read.task.id is not None]
        return Scope(
            self._project_id,
            frozenset(ids),
            after=sync.cursor,
            last=None if is_last else ids[-1],
            is_range=sync.changed_since is None,
        )

    def _store(self, sync: Sync, page: Page) -> Sync:
        self._delete_parts(sync, page)
        with self._database.write() as session:
            # Another process may have stored the page, begun anew, or noted that the project is gone.
            if hold_project(session, self._project_id) and is_at(session, sync):
                cursor = max(page.scope.ids, default=sync.cursor)
                move_on(session, sync, cursor=cursor, found=repair_page(session, page))
                if page.scope.last is None:
                    finish_pass(session, sync, now=datetime.now(UTC))
        return get_sync(self._database, self._project_id)

    def _delete_parts(self, sync: Sync, page: Page) -> None:
        for part in parts_gone(self._database, page, size=_PART_SIZE):
            with self._database.write() as session:
                if not (hold_project(session, self._project_id) and is_at(session, sync)):
                    return
                # Counted at once: who goes on after a kill finds them deleted.
                move_on(session, sync, cursor=sync.cursor, found=delete_part(session, page, part))

    def _difference(self, before: ProjectCounts) -> str | None:
        """Say how Label Studio's counts differ from the ledger's; None where they do not, or are moving."""
        theirs = self._project.counts()
        ours = ProjectCounts(*ledger_counts(self._database, self._project_id))
        if theirs == ours or theirs != before:
            return None
        names = ("tasks", "annotations", "skipped")
        more = ", ".join(f"{getattr(theirs, name) - getattr(ours, name):+d} {name}" for name in names)
        return f"Label Studio counts otherwise than the ledger: {more}."

    def _lose(self) -> Sync:
        log.warning("project_gone", project=self._project_id)
        with self._database.write() as session:
            hold_project(session, self._project_id)
            delete_project(session, self._project_id, now=datetime.now(UTC))
        return get_sync(self._database, self._project_id)

    def _controls(self) -> Sequence[ControlTag]:
        try:
            return parse_label_config(self._project.label_config())
        except LabelConfigError:
            return ()  # the first text of the task's data names the picture then


def _next_limit(limit: int, tasks: Sequence[ReadTask]) -> int:
    numbers = sum(_numbers_in(annotation) for read in tasks for annotation in read.annotations)
    if numbers > _MANY_NUMBERS:
        return max(1, limit // 2)
    return limit if numbers > _MANY_NUMBERS // 4 else min(2 * limit, MOST_TASKS)


def _numbers_in(annotation: Annotation) -> int:
    values = [item["value"] for item in annotation.result if isinstance(item.get("value"), dict)]
    return sum(len(inner) for value in values for inner in value.values() if isinstance(inner, list))
