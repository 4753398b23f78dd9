"""Which tasks a run predicts next: those left queued, then the project page by page."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from backend.entities import Job, Task
from backend.labelstudio.project_tasks import ListedTask
from backend.labelstudio.task_filter import parse_filter
from backend.prelabel.project import Project
from backend.store.database import Database
from backend.store.job_tasks import add_page, mark_tasks, queued_tasks
from backend.store.jobs import get_job

PAGE = 200
GONE = "The task is not in Label Studio any more."


class TaskReader:
    """Tasks of one run, in pages; a page is read while the one before it is predicted."""

    def __init__(self, job: Job, *, owner: str, version: str, database: Database, project: Project) -> None:
        self._job = job
        self._owner = owner
        self._version = version
        self._database = database
        self._project = project
        self._filters = [parse_filter(text) for text in job.options.filters]

    def tasks(self) -> Iterator[Task]:
        """Yield the tasks of one pass: what is queued, then what the scan has not seen yet.

        Raises:
            LabelStudioError: Label Studio refuses, or is out of reach.
            LeaseLost: another process runs the job.
        """
        yield from self._queued()
        job = get_job(self._database, self._job.id)
        if not job.is_scanned:
            yield from self._scan(job.cursor)

    def _queued(self) -> Iterator[Task]:
        last = 0
        while ids := queued_tasks(self._database, self._job.id, after=last, limit=PAGE):
            last = ids[-1]
            listed = self._project.read(ids)
            outcomes: dict[int, str | None] = dict.fromkeys(set(ids) - {_id(item) for item in listed}, GONE)
            outcomes |= dict.fromkeys((_id(item) for item in listed if self._is_there(item)), None)
            if outcomes:
                mark_tasks(self._database, self._job.id, outcomes, owner=self._owner, now=datetime.now(UTC))
            yield from (item.task for item in listed if not self._is_there(item))

    def _scan(self, cursor: int) -> Iterator[Task]:
        with ThreadPoolExecutor(1, thread_name_prefix="page") as ahead:
            future = ahead.submit(self._read, cursor)
            is_last = False
            while not is_last:
                page = future.result()
                is_last = len(page) < PAGE
                cursor = _id(page[-1]) if page else cursor
                if not is_last:
                    future = ahead.submit(self._read, cursor)
                todo = [item.task for item in page if not self._is_there(item)]
                new = add_page(
                    self._database,
                    self._job.id,
                    [task.id for task in todo if task.id is not None],
                    skipped=len(page) - len(todo),
                    cursor=cursor,
                    is_last=is_last,
                    owner=self._owner,
                    now=datetime.now(UTC),
                )
                # Tasks that somebody named are predicted as such, before the scan or in the next pass.
                yield from (task for task in todo if task.id in new)

    def _read(self, cursor: int) -> list[ListedTask]:
        only = self._job.options.only_unlabelled
        return self._project.read_after(cursor, filters=self._filters, only_unlabelled=only, limit=PAGE)

    def _is_there(self, item: ListedTask) -> bool:
        return self._version in item.versions


def _id(item: ListedTask) -> int:
    assert item.task.id is not None  # Label Studio's own lists name every task
    return item.task.id
