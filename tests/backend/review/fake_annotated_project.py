"""A project that keeps tasks and annotations in memory, as Label Studio would, and fails as told.

Beside it: how tests sync it, and compare it with the ledger.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from backend.entities import Task
from backend.errors import LabelStudioError
from backend.labelstudio.project_annotations import ProjectCounts, ReadTask
from backend.review.account import Accountant
from backend.review.entities import Annotation, FoundBy
from backend.review.sync import ProjectSync
from backend.store.database import Database
from backend.store.ledger import hold_project, put_accounts
from backend.store.ledger_tables import SqlAnnotation, SqlReview
from backend.store.ledger_tasks import put_tasks
from backend.store.review_rows import settle_reviews
from backend.store.syncs import Sync
from tests.backend.label_configs import BOXES

PROJECT = 7
START = datetime(2026, 3, 2, 12, tzinfo=UTC)


def box(label: str = "car", *, region_id: str = "r1", x: float = 10.0) -> dict[str, Any]:
    """Return a result as Label Studio sends it."""
    value = {"x": x, "y": 20.0, "width": 30.0, "height": 40.0, "rotation": 0, "rectanglelabels": [label]}
    return {
        "id": region_id,
        "from_name": "label",
        "to_name": "image",
        "type": "rectanglelabels",
        "original_width": 200,
        "original_height": 100,
        "value": value,
    }


class Killed(BaseException):
    """Ends a sync as SIGKILL would: nothing of ours catches it."""


class FakeAnnotatedProject:
    """Plays one project. `before` is called with the name of each call, and may raise.

    Its clock moves a minute with each change and stands still else; `unreadable` are tasks that hold an
    annotation beside the others that cannot be read.
    """

    def __init__(self, tasks: int = 0, *, first: int = 1) -> None:
        self.clock = START
        self.tasks: dict[int, Mapping[str, Any]] = {}
        self.changed: dict[int, datetime] = {}
        self.annotations: dict[int, Annotation] = {}
        self.unreadable: set[int] = set()
        self.is_there = True
        self.most_tasks = 10**9
        self.before: Callable[[str], None] = lambda call: None
        self.calls: list[str] = []
        self.limits: list[int] = []
        self.since: list[datetime | None] = []
        for task_id in range(first, first + tasks):
            self.add_task(task_id)

    def add_task(self, task_id: int) -> None:
        self.tasks[task_id] = {"image": f"s3://bucket/{task_id}.jpg"}
        self._touch(task_id)

    def annotate(self, annotation_id: int, task_id: int, *results: Mapping[str, Any], **changes: Any) -> None:
        now = self._touch(task_id)
        made = Annotation(
            id=annotation_id,
            project_id=PROJECT,
            task_id=task_id,
            annotator=1,
            created_at=now,
            updated_at=now,
            lead_time=2.5,
            is_cancelled=False,
            is_ground_truth=False,
            parent_prediction=None,
            result=results or (box(),),
        )
        self.annotations[annotation_id] = replace(made, **changes)

    def change(self, annotation_id: int, *, keeps_time: bool = False, **changes: Any) -> None:
        """Change an annotation; some of what Label Studio does leaves its own time where it is."""
        old = self.annotations[annotation_id]
        now = self._touch(old.task_id)
        if not keeps_time:
            changes = {"updated_at": now, **changes}
        self.annotations[annotation_id] = replace(old, **changes)

    def delete(self, annotation_id: int) -> None:
        self._touch(self.annotations.pop(annotation_id).task_id)

    def delete_task(self, task_id: int) -> None:
        self.annotations = {i: a for i, a in self.annotations.items() if a.task_id != task_id}
        del self.tasks[task_id], self.changed[task_id]

    def read_after(self, last_id: int, *, changed_since: datetime | None, limit: int) -> list[ReadTask]:
        self._called("read_after")
        self.limits.append(limit)
        self.since.append(changed_since)
        if limit > self.most_tasks:
            raise LabelStudioError("Label Studio does not answer (ReadTimeout).")
        since = changed_since or datetime.min.replace(tzinfo=UTC)
        found = [i for i in sorted(self.tasks) if i > last_id and self.changed[i] >= since][:limit]
        return [self._read(task_id) for task_id in found]

    def counts(self) -> ProjectCounts:
        self._called("counts")
        skipped = sum(annotation.is_cancelled for annotation in self.annotations.values())
        there = len(self.annotations) + len(self.unreadable)
        return ProjectCounts(tasks=len(self.tasks), annotations=there - skipped, skipped=skipped)

    def label_config(self) -> str:
        self._called("label_config")
        return BOXES

    def now(self) -> datetime:
        self._called("now")
        return self.clock

    def version_of_prediction(self, prediction_id: int) -> str:
        self._called("version_of_prediction")
        return ""

    def _read(self, task_id: int) -> ReadTask:
        own = tuple(a for a in self.annotations.values() if a.task_id == task_id)
        problems = ("Annotation 99 is odd.",) if task_id in self.unreadable else ()
        return ReadTask(Task(task_id, self.tasks[task_id]), own, problems)

    def _called(self, name: str) -> None:
        self.calls.append(name)
        self.before(name)
        if not self.is_there:
            raise LabelStudioError("Label Studio has no such project.", refused_with=404)

    def _touch(self, task_id: int) -> datetime:
        self.clock += timedelta(minutes=1)
        self.changed[task_id] = self.clock
        return self.clock


def fifty_tasks() -> FakeAnnotatedProject:
    """Return fifty tasks, of which every second one has an annotation with ten times its id."""
    made = FakeAnnotatedProject(50)
    for task_id in range(2, 51, 2):
        made.annotate(10 * task_id, task_id)
    return made


def sync(database: Database, project: FakeAnnotatedProject, **options: Any) -> Sync:
    """Sync the project once."""
    return ProjectSync(database, project, PROJECT).run(**options)


def told(database: Database, project: FakeAnnotatedProject, *annotation_ids: int, at: datetime) -> None:
    """Let the webhook tell of annotations."""
    annotations = [project.annotations[i] for i in annotation_ids]
    accounts = Accountant(database, project.version_of_prediction).accounts_of(PROJECT, annotations)
    tasks = {a.task_id: f"s3://bucket/{a.task_id}.jpg" for a in annotations}
    with database.write() as session:
        hold_project(session, PROJECT)
        put_tasks(session, PROJECT, tasks, found_by=FoundBy.WEBHOOK, seen_at=at)
        put_accounts(session, accounts, found_by=FoundBy.WEBHOOK, seen_at=at)
        settle_reviews(session, tasks)


def ledger(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Return what the ledger says is there, without how and when it came to know."""
    tables: dict[type[Any], tuple[str, ...]] = {
        SqlAnnotation: ("id", "task_id", "updated_at", "is_cancelled", "is_ground_truth", "digest"),
        SqlReview: ("task_id", "state", "annotation_id", "annotations", "image"),
    }
    with database.read() as session:
        return {
            table.__tablename__: sorted(
                tuple(getattr(row, name) for name in names)
                for row in session.scalars(select(table).where(table.deleted_at.is_(None)))
            )
            for table, names in tables.items()
        }


def is_equal(database: Database, project: FakeAnnotatedProject) -> bool:
    """Tell whether the ledger holds what the project does."""
    held = ledger(database)
    annotations = {(a.id, a.task_id, a.updated_at) for a in project.annotations.values()}
    return {row[:3] for row in held["annotation"]} == annotations and {
        row[0] for row in held["review"]
    } == set(project.tasks)


def found(state: Sync) -> tuple[int, int, int]:
    """Return how many annotations the sync found missing, changed and deleted."""
    return state.missing, state.changed, state.deleted
