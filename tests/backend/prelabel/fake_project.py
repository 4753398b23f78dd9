"""A project that keeps its tasks and predictions in memory, as Label Studio would, and fails as told."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from backend.entities import Task
from backend.labelstudio.project_tasks import ListedTask
from backend.labelstudio.push import PushReport
from tests.backend.label_configs import BOXES


class FakeProject:
    """Plays one project. `before` is called with the name of each call, and may raise.

    `predictions` lists the versions that each task holds, once for every prediction.
    """

    def __init__(self, tasks: Mapping[int, Mapping[str, Any]], *, config: str = BOXES) -> None:
        self.tasks = dict(tasks)
        self.predictions: dict[int, list[str]] = {task_id: [] for task_id in tasks}
        self.pushed: dict[int, Mapping[str, Any]] = {}
        self.config = config
        self.before: Callable[[str], None] = lambda call: None
        self.calls: list[str] = []
        self.followed: list[str] = []

    def label_config(self) -> str:
        self._called("label_config")
        return self.config

    def count(self, filters: Sequence[Any], *, only_unlabelled: bool) -> int:
        self._called("count")
        return len(self.tasks)

    def read_after(
        self, last_id: int, *, filters: Sequence[Any], only_unlabelled: bool, limit: int
    ) -> list[ListedTask]:
        self._called("read_after")
        return self._listed(sorted(i for i in self.tasks if i > last_id)[:limit])

    def read(self, ids: Sequence[int]) -> list[ListedTask]:
        self._called("read")
        return self._listed(ids)

    def push(self, items: Mapping[int, Mapping[str, Any]], *, version: str, in_doubt: bool) -> PushReport:
        self._called("push")
        there = [i for i in items if i in self.tasks]
        present = [i for i in there if version in self.predictions[i]]
        pushed = [i for i in there if i not in present]
        for task_id in pushed:
            self.predictions[task_id].append(version)
            self.pushed[task_id] = items[task_id]
        self._called("pushed")
        gone = frozenset(items) - frozenset(there)
        return PushReport(pushed=frozenset(pushed), present=frozenset(present), missing=gone)

    def follow_version(self, version: str) -> bool:
        self._called("follow_version")
        self.followed.append(version)
        return True

    def keep_tabs(self) -> list[str]:
        self._called("keep_tabs")
        return ["Model unsure first"]

    def _called(self, name: str) -> None:
        self.calls.append(name)
        self.before(name)

    def _listed(self, ids: Sequence[int]) -> list[ListedTask]:
        return [
            ListedTask(task=Task(i, self.tasks[i]), versions=frozenset(self.predictions[i]))
            for i in ids
            if i in self.tasks
        ]
