"""The Label Studio side of a pre-labelling job, as one part that can be replaced by another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from backend.labelstudio.client import LabelStudioClient, translate_errors
from backend.labelstudio.connect import adopt_version
from backend.labelstudio.project_tasks import ListedTask, ProjectTasks
from backend.labelstudio.push import PushReport, push_predictions
from backend.labelstudio.tabs import keep_unsure_tabs
from backend.labelstudio.task_filter import TaskFilter


class Project(Protocol):
    """What a run needs of Label Studio. Every call raises LabelStudioError where Label Studio refuses."""

    def label_config(self) -> str:
        """Return the project's labeling config."""

    def count(self, filters: Sequence[TaskFilter], *, only_unlabelled: bool) -> int:
        """Return how many tasks a scan will see."""

    def read_after(
        self, last_id: int, *, filters: Sequence[TaskFilter], only_unlabelled: bool, limit: int
    ) -> list[ListedTask]:
        """Return the next tasks by ascending id."""

    def read(self, ids: Sequence[int]) -> list[ListedTask]:
        """Return those of these tasks that there are."""

    def push(self, items: Mapping[int, Mapping[str, Any]], *, version: str, in_doubt: bool) -> PushReport:
        """Store one prediction for each of these tasks, unless it holds one of this version."""

    def follow_version(self, version: str) -> bool:
        """Make the version the project's own; False where Label Studio does not know it yet."""

    def keep_tabs(self) -> list[str]:
        """Make or mend the tabs that list tasks by certainty; return their titles."""


@dataclass(frozen=True, slots=True)
class LabelStudioProject:
    """A project of the real Label Studio."""

    client: LabelStudioClient
    project_id: int

    @translate_errors
    def label_config(self) -> str:
        """Return the project's labeling config."""
        return str(self.client.sdk.projects.get(self.project_id).label_config or "")

    def count(self, filters: Sequence[TaskFilter], *, only_unlabelled: bool) -> int:
        """Return how many tasks a scan will see."""
        return self._tasks.count(filters, only_unlabelled=only_unlabelled)

    def read_after(
        self, last_id: int, *, filters: Sequence[TaskFilter], only_unlabelled: bool, limit: int
    ) -> list[ListedTask]:
        """Return the next tasks by ascending id."""
        return self._tasks.read_after(last_id, filters=filters, only_unlabelled=only_unlabelled, limit=limit)

    def read(self, ids: Sequence[int]) -> list[ListedTask]:
        """Return those of these tasks that there are."""
        return self._tasks.read(ids)

    def push(self, items: Mapping[int, Mapping[str, Any]], *, version: str, in_doubt: bool) -> PushReport:
        """Store one prediction for each of these tasks, unless it holds one of this version."""
        return push_predictions(self.client, self.project_id, items, version=version, in_doubt=in_doubt)

    def follow_version(self, version: str) -> bool:
        """Make the version the project's own; False where Label Studio does not know it yet."""
        return adopt_version(self.client.sdk, self.project_id, version)

    def keep_tabs(self) -> list[str]:
        """Make or mend the tabs that list tasks by certainty; return their titles."""
        return keep_unsure_tabs(self.client, self.project_id)

    @property
    def _tasks(self) -> ProjectTasks:
        return ProjectTasks(self.client, self.project_id)
