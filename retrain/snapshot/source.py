"""What a snapshot needs beside the ledger: its labeling config, and its tasks' data. From Label Studio.

Without Label Studio's API there is what it once told us: the config, and the addresses of the images.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from backend.errors import LabelStudioError
from backend.labelstudio.project_annotations import ProjectAnnotations
from backend.labelstudio.project_tasks import ProjectTasks
from backend.review.sync import ProjectSync
from backend.store.database import Database
from backend.store.projects import label_config_of
from retrain.context import RunContext
from retrain.snapshot.errors import SnapshotError


class Source(Protocol):
    """Where the labeling config and the tasks' data are read. Label Studio's raises LabelStudioError."""

    def label_config(self) -> str:
        """Return the project's labeling config."""

    def task_data(self, task_ids: Sequence[int]) -> Mapping[int, Mapping[str, Any]] | None:
        """Return the data of those of these tasks that there are; None where nobody can be asked."""


@dataclass(frozen=True, slots=True)
class LabelStudioSource:
    """Label Studio itself."""

    annotations: ProjectAnnotations
    tasks: ProjectTasks

    def label_config(self) -> str:
        """Return the project's labeling config."""
        return self.annotations.label_config()

    def task_data(self, task_ids: Sequence[int]) -> Mapping[int, Mapping[str, Any]] | None:
        """Return the data of those of these tasks that there are."""
        pages = self.tasks.rows_of(sorted(task_ids), "id,data")
        return {row["id"]: row["data"] for page in pages for row in page}


@dataclass(frozen=True, slots=True)
class StoredSource:
    """What the project's calls and webhooks told."""

    database: Database
    project_id: int

    def label_config(self) -> str:
        """Return the labeling config as it was last seen; empty for a project that never called."""
        return label_config_of(self.database, self.project_id) or ""

    def task_data(self, task_ids: Sequence[int]) -> Mapping[int, Mapping[str, Any]] | None:
        """Return None: the ledger has addresses alone."""
        return None


def synced_source(context: RunContext) -> Source:
    """Bring the ledger in line with Label Studio, and return where the rest is read.

    What Label Studio refuses, or would without a token, is noted, and the ledger is taken as it is.

    Raises:
        LabelStudioError: it is out of reach; the next attempt may reach it.
        SnapshotError: it has no such project.
        RunCancelled, RunInterrupted, LeaseLost: the run should not go on.
    """
    services, project_id = context.services, context.run.project_id
    if not services.settings.label_studio_api_key.get_secret_value():
        return _stored(context, "LABEL_STUDIO_API_KEY is not set")
    annotations = ProjectAnnotations(services.label_studio, project_id)
    try:
        sync = ProjectSync(services.database, annotations, project_id).run(is_time_up=_never(context.check))
    except LabelStudioError as error:
        if error.refused_with is None:
            raise
        return _stored(context, error.message.rstrip("."))
    if sync.gone_at is not None:
        raise SnapshotError(f"Label Studio has no project {project_id} any more.", is_final=True)
    return LabelStudioSource(annotations, ProjectTasks(services.label_studio, project_id))


def _stored(context: RunContext, reason: str) -> StoredSource:
    groups = ", and SPLIT_GROUP is not known" if context.settings.split_group else ""
    context.note(
        f"{reason}: Label Studio was not asked what is new. The labels are those that its webhook told"
        f"{groups}."
    )
    return StoredSource(context.services.database, context.run.project_id)


def _never(check: Callable[[], None]) -> Callable[[], bool]:
    """Return what a sync asks after each page: time is never up, but the run may have to stop."""

    def is_time_up() -> bool:
        check()
        return False

    return is_time_up
