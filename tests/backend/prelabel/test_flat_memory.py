"""A job of 100 000 tasks takes no more memory at its end than near its beginning."""

import base64
import gc
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import psutil
import pytest

from backend.entities import JobOptions, JobState, Task, TaskState
from backend.labelstudio.project_tasks import ListedTask
from backend.labelstudio.push import PushReport
from backend.prelabel.work import work_on_job
from backend.services import Services
from backend.store.job_tasks import count_tasks
from backend.store.jobs import create_job
from tests.backend.label_configs import BOXES
from tests.backend.pictures import png

pytestmark = pytest.mark.slow

TASKS = 100_000
WARM = 10_000  # by then pools, caches and the allocator have what they need
SAMPLE_EVERY = 2_000
# 0.5 to 1 MB were measured, and 8 MB where each task left nothing but its number in a set.
MOST_GROWTH_MB = 4
IMAGE = "data:image/png;base64," + base64.b64encode(png(20, 10)).decode()


class EndlessProject:
    """Plays a project whose tasks exist only while they are read, and weighs this process now and then."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._process = psutil.Process()
        self.pushed = 0
        self.megabytes: list[tuple[int, float]] = []

    def label_config(self) -> str:
        return BOXES

    def count(self, filters: Sequence[Any], *, only_unlabelled: bool) -> int:
        return self._count

    def read_after(
        self, last_id: int, *, filters: Sequence[Any], only_unlabelled: bool, limit: int
    ) -> list[ListedTask]:
        ids = range(last_id + 1, min(last_id + limit, self._count) + 1)
        return [ListedTask(task=Task(i, {"image": IMAGE}), versions=frozenset()) for i in ids]

    def read(self, ids: Sequence[int]) -> list[ListedTask]:
        return []

    def push(self, items: Mapping[int, Mapping[str, Any]], *, version: str, in_doubt: bool) -> PushReport:
        before, self.pushed = self.pushed, self.pushed + len(items)
        if self.pushed // SAMPLE_EVERY > before // SAMPLE_EVERY or self.pushed == self._count:
            gc.collect()
            self.megabytes.append((self.pushed, self._process.memory_info().rss / 2**20))
        return PushReport(pushed=frozenset(items), present=frozenset(), missing=frozenset())

    def follow_version(self, version: str) -> bool:
        return True

    def keep_tabs(self) -> list[str]:
        return []


def test_memory_stays_flat_over_a_hundred_thousand_tasks(
    services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    project = EndlessProject(TASKS)
    job = create_job(services.database, 7, JobOptions(), now=datetime.now(UTC))
    assert job is not None
    started = time.perf_counter()

    ended = work_on_job(
        job.id, database=services.database, pipeline=services.pipeline, project_of=lambda _: project
    )

    speed = TASKS / (time.perf_counter() - started)
    warm = next(megabytes for pushed, megabytes in project.megabytes if pushed >= WARM)
    growth = max(megabytes for pushed, megabytes in project.megabytes if pushed >= WARM) - warm
    with capsys.disabled():
        print(
            f"\n{TASKS} tasks, {speed:.0f} a second: {warm:.1f} MB at {WARM}, {growth:+.1f} MB at most since"
        )
    assert (ended.state, ended.error, project.pushed) == (JobState.DONE, None, TASKS)
    assert count_tasks(services.database, job.id)[TaskState.DONE] == TASKS
    assert growth < MOST_GROWTH_MB
