"""A sync of 100 000 tasks takes no more memory at its end than near its beginning."""

import gc
import time
from datetime import UTC, datetime, timedelta

import psutil
import pytest

from backend.entities import Task
from backend.labelstudio.project_annotations import ProjectCounts, ReadTask
from backend.review.entities import Annotation
from backend.review.sync import ProjectSync
from backend.services import Services
from backend.store.ledger_heads import ledger_counts
from backend.store.syncs import Sync
from tests.backend.label_configs import BOXES
from tests.backend.review.fake_annotated_project import PROJECT, START, box

pytestmark = pytest.mark.slow

TASKS = 100_000
WARM = 10_000  # by then pools, caches and the allocator have what they need
SAMPLE_EVERY = 2_000
MOST_GROWTH_MB = 4


class EndlessProject:
    """Plays a project whose tasks exist only while they are read, each with one annotation."""

    def read_after(self, last_id: int, *, changed_since: datetime | None, limit: int) -> list[ReadTask]:
        ids = range(last_id + 1, min(last_id + limit, TASKS) + 1)
        return [self._read(task_id) for task_id in ids if changed_since is None]

    def counts(self) -> ProjectCounts:
        return ProjectCounts(tasks=TASKS, annotations=TASKS, skipped=0)

    def label_config(self) -> str:
        return BOXES

    def now(self) -> datetime:
        return datetime.now(UTC)

    def version_of_prediction(self, prediction_id: int) -> str:
        return ""

    def _read(self, task_id: int) -> ReadTask:
        made = Annotation(
            id=task_id,
            project_id=PROJECT,
            task_id=task_id,
            annotator=1,
            created_at=START,
            updated_at=START + timedelta(seconds=task_id),
            lead_time=1.0,
            is_cancelled=False,
            is_ground_truth=False,
            parent_prediction=None,
            result=tuple(box(region_id=f"r{n}") for n in range(5)),
        )
        return ReadTask(Task(task_id, {"image": f"s3://bucket/{task_id}.jpg"}), (made,))


@pytest.mark.parametrize("passes", [1, 2], ids=["first", "undisturbed"])
def test_memory_stays_flat_over_a_hundred_thousand_tasks(
    services: Services, capsys: pytest.CaptureFixture[str], passes: int
) -> None:
    process = psutil.Process()
    megabytes: list[tuple[int, float]] = []

    def weigh(state: Sync) -> None:
        if state.tasks // SAMPLE_EVERY > (megabytes[-1][0] // SAMPLE_EVERY if megabytes else 0):
            gc.collect()
            megabytes.append((state.tasks, process.memory_info().rss / 2**20))

    sync = ProjectSync(services.database, EndlessProject(), PROJECT, after_page=weigh)
    for _ in range(passes):
        megabytes.clear()
        started = time.perf_counter()
        done = sync.run(is_full=True)
        speed = TASKS / (time.perf_counter() - started)

    warm = next(size for tasks, size in megabytes if tasks >= WARM)
    growth = max(size for tasks, size in megabytes if tasks >= WARM) - warm
    with capsys.disabled():
        print(
            f"\n{TASKS} tasks, {speed:.0f} a second: {warm:.1f} MB at {WARM}, {growth:+.1f} MB at most since"
        )
    assert (done.tasks, done.error, done.missing) == (TASKS, None, TASKS if passes == 1 else 0)
    assert ledger_counts(services.database, PROJECT) == (TASKS, TASKS, 0)
    assert growth < MOST_GROWTH_MB
