"""Read a project's tasks with their annotations whole, and as lightly as Label Studio's list allows.

What Label Studio 1.23.2 does (on SQLite, run; elsewhere read in its sources):
- With fields=all its `GET /api/tasks` gives annotations whole. "include" names the fields of the task and of
  all that belongs to it, in one list: an annotation has its `result` only if "result" is named. Without
  "predictions" none travel, nor their masks, though the server loads them all the same.
- Tasks can be filtered by `updated_at` ("greater" and so on, type Datetime, "%Y-%m-%dT%H:%M:%S.%fZ", UTC). It
  is moved when an annotation is created, updated, skipped, starred or deleted, one by one or by an action on
  many tasks ("delete annotations", "create annotations from predictions", "rename labels"), by an import
  with annotations and by a change of the task's data; not by drafts, nor by deleting predictions.
- An annotation's own `updated_at` stays where it is when its star moves to another one of the task, and when
  a label is renamed. Nothing at all moves when "remove duplicates" hands annotations to another task, or when
  labels are changed in bulk through the API: only reading everything shows these.
- The project's counters are computed when asked for, so they are right after each of these.
  `total_annotations_number` is without skipped ones, whatever its help says.
- Deleting a project tells a project's webhook nothing, nor does deleting all its tasks through the API, nor
  taking back a skip (the annotation becomes a draft).
- On SQLite an import numbers tasks and annotations from the highest that is there, so that ids of deleted
  ones come again, in other projects too. Ids of predictions do not.
- Objects that are gone, and those of which the user may know nothing, are answered with 404.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from backend.entities import Task
from backend.errors import BadRequest, LabelStudioError
from backend.labelstudio.annotations import parse_annotation
from backend.labelstudio.client import LabelStudioClient, translate_errors
from backend.labelstudio.project_tasks import ProjectTasks
from backend.labelstudio.task_filter import TaskFilter
from backend.review.entities import Annotation

# The task's own fields, then those of its annotations.
_FIELDS = (
    "id,data,annotations,result,completed_by,was_cancelled,ground_truth,created_at,updated_at,lead_time,"
    "parent_prediction"
)
_COUNTERS = ("task_number", "total_annotations_number", "skipped_annotations_number")
# Whole annotations of so many tasks at once: masks may take megabytes each.
_TASKS_A_REQUEST = 10
_GONE = 404


@dataclass(frozen=True, slots=True)
class ReadTask:
    """A task and its annotations. `problems` say in words which of them could not be read, and why."""

    task: Task
    annotations: tuple[Annotation, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProjectCounts:
    """How much there is in a project; `annotations` are without those that were skipped."""

    tasks: int
    annotations: int
    skipped: int


class ProjectAnnotations:
    """The annotations of one project.

    Every call raises LabelStudioError where Label Studio refuses or is away; its `refused_with` is 404 where
    Label Studio is there and the project is not.
    """

    def __init__(self, client: LabelStudioClient, project_id: int) -> None:
        self._client = client
        self._project_id = project_id
        self._tasks = ProjectTasks(client, project_id)

    def read_after(self, last_id: int, *, changed_since: datetime | None, limit: int) -> list[ReadTask]:
        """Return the next tasks with an id above `last_id`, ascending; fewer than `limit` at the end alone.

        Args:
            last_id: 0 for the first page.
            changed_since: Only tasks that changed then or later, by Label Studio's clock; None for all.
            limit: Most tasks; all their results are in memory at once.
        """
        conditions = [] if changed_since is None else [_changed_since(changed_since)]
        try:
            rows = self._tasks.rows_after(last_id, _FIELDS, conditions=conditions, limit=limit, is_full=True)
        except LabelStudioError as error:
            raise self._confirmed(error) from error
        return [self._read(row) for row in rows]

    def read(self, task_ids: Iterable[int]) -> list[ReadTask]:
        """Return those of these tasks that there are, ascending."""
        try:
            pages = self._tasks.rows_of(sorted(task_ids), _FIELDS, of=_TASKS_A_REQUEST, is_full=True)
            return [self._read(row) for page in pages for row in page]
        except LabelStudioError as error:
            raise self._confirmed(error) from error

    def counts(self) -> ProjectCounts:
        """Return how much Label Studio has now."""
        found = self._project(",".join(_COUNTERS))
        return ProjectCounts(*(int(found[name] or 0) for name in _COUNTERS))

    def label_config(self) -> str:
        """Return the project's labeling config."""
        return str(self._project("label_config")["label_config"] or "")

    def version_of_prediction(self, prediction_id: int) -> str:
        """Return the model version of one of Label Studio's predictions; empty where it is gone."""
        try:
            found = self._client.request(
                "GET", f"api/predictions/{prediction_id}/", params={"include": "model_version"}
            )
        except LabelStudioError as error:
            if error.refused_with == _GONE:
                return ""
            raise
        return str(found["model_version"] or "")

    @translate_errors
    def now(self) -> datetime:
        """Return the time by Label Studio's clock, to the second; by ours where it does not say."""
        said = self._client.send("GET", "health").headers.get("date", "")
        try:
            return parsedate_to_datetime(said).astimezone(UTC)
        except ValueError:
            return datetime.now(UTC)

    def _project(self, include: str) -> Mapping[str, Any]:
        try:
            found: Mapping[str, Any] = self._client.request(
                "GET", f"api/projects/{self._project_id}/", params={"include": include}
            )
        except LabelStudioError as error:
            raise self._confirmed(error) from error
        return found

    def _confirmed(self, error: LabelStudioError) -> LabelStudioError:
        """Return the error; where it says that the project is gone, only if that is Label Studio's word.

        A wrong path in LABEL_STUDIO_URL is answered with 404 too, and by whoever is there.
        """
        if error.refused_with != _GONE:
            return error
        try:
            answer = self._client.request("GET", "api/projects/", params={"page_size": 1, "include": "id"})
        except LabelStudioError as failure:
            answer = failure.message
        if isinstance(answer, Mapping) and "results" in answer:
            return error
        return LabelStudioError(
            f"{self._client.url} answers as if it had no projects at all. Is that Label Studio's address "
            "(LABEL_STUDIO_URL)?"
        )

    def _read(self, row: Mapping[str, Any]) -> ReadTask:
        annotations, problems = [], []
        for value in row.get("annotations") or ():
            try:
                annotations.append(parse_annotation(value, project_id=self._project_id, task_id=row["id"]))
            except BadRequest as error:
                problems.append(error.message)
        return ReadTask(Task(row["id"], row["data"]), tuple(annotations), tuple(problems))


def _changed_since(moment: datetime) -> TaskFilter:
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return TaskFilter("updated_at", "greater_or_equal", "Datetime", text)
