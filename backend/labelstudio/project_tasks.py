"""Read a project's tasks, and what predictions they hold, as lightly as Label Studio's list allows.

What its `GET /api/tasks` does (1.23.2, SQLite and PostgreSQL alike):
- A page has no largest size unless Label Studio's TASK_API_PAGE_SIZE_MAX sets one; "total" counts all tasks
  that meet the filters.
- Storage addresses stay as they are with resolve_uri=false.
- "include" names the fields of the answer. A field that needs a join is computed only where a filter or the
  ordering names it, or where `hiddenColumns` is given and does not: by a filter it costs the whole project.
- Whatever it answers, it loads all annotations and predictions of the page's tasks.
- Where the project evaluates predictions automatically (set through the API alone), it first sends the page's
  tasks without a prediction to the backend, except with review=true.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from label_studio_sdk.core.api_error import ApiError

from backend.entities import Task
from backend.errors import LabelStudioError
from backend.labelstudio.client import LabelStudioClient
from backend.labelstudio.task_filter import TaskFilter

# Ids travel in the address: 200 of them take some 2 kB, and web servers take 8 kB.
_IDS_A_REQUEST = 200
# Whole predictions of so many tasks at once: masks may take megabytes each.
_FULL_TASKS_A_REQUEST = 10
_VERSIONS = "predictions_model_versions"
_COMPUTED = (
    "avg_lead_time",
    "completed_at",
    "annotations_results",
    "predictions_results",
    "predictions_score",
    "annotators",
    "annotations_ids",
    "file_upload",
    "draft_exists",
    "storage_filename",
    "state",
)
# Label Studio cuts the list of versions at 500 characters and takes quotes out of what is left.
_WHOLE_LIST_CHARS = 400
# What its list of versions uses between them, or writes differently there.
_UNREADABLE = frozenset(',"\\/')

# Skipped annotations do not count in it.
UNLABELLED = TaskFilter("total_annotations", "equal", "Number", 0)


@dataclass(frozen=True, slots=True)
class ListedTask:
    """A task and the model versions of the predictions that it holds."""

    task: Task
    versions: frozenset[str]


@dataclass(frozen=True, slots=True)
class StoredPrediction:
    """A prediction in Label Studio. A lower id was stored earlier."""

    id: int
    version: str


class ProjectTasks:
    """The tasks of one project. Every call raises LabelStudioError where Label Studio refuses or is away."""

    def __init__(self, client: LabelStudioClient, project_id: int) -> None:
        self._client = client
        self._project_id = project_id

    def count(self, filters: Sequence[TaskFilter], *, only_unlabelled: bool) -> int:
        """Return how many tasks meet all the filters."""
        conditions = _conditions(filters, only_unlabelled=only_unlabelled)
        return int(self._list("id", conditions=conditions, limit=1)["total"])

    def count_predicted(self) -> int:
        """Return about how many tasks of the project hold a prediction, never too few."""
        # A task with two predictions counts twice, and no more tasks hold one than there are.
        answer = self._list("id", limit=1)
        return min(int(answer["total_predictions"]), int(answer["total"]))

    def read_after(
        self, last_id: int, *, filters: Sequence[TaskFilter], only_unlabelled: bool, limit: int
    ) -> list[ListedTask]:
        """Return the next tasks with an id above `last_id`, ascending; fewer than `limit` at the end alone.

        Pages go by id and not by number: a task that is deleted or added meanwhile shifts nothing.
        """
        conditions = _conditions(filters, only_unlabelled=only_unlabelled)
        return self._listed(
            self.rows_after(last_id, f"id,data,{_VERSIONS}", conditions=conditions, limit=limit)
        )

    def read(self, ids: Sequence[int]) -> list[ListedTask]:
        """Return those of these tasks that there are, ascending."""
        rows = self.rows_of(sorted(ids), f"id,data,{_VERSIONS}")
        return self._listed([row for page in rows for row in page])

    def versions_of(self, ids: Iterable[int]) -> dict[int, frozenset[str]]:
        """Return the model versions of the predictions that each task holds; tasks that are gone are missing.

        A version with one of `,"\\/` in its name may be missing too.
        """
        rows = [row for page in self.rows_of(sorted(ids), f"id,{_VERSIONS}") for row in page]
        return self._versions(rows)

    def holders_of(self, version: str, ids: Iterable[int]) -> dict[int, bool]:
        """Tell of each task that there is whether it holds a prediction of the version, whatever its name."""
        if _UNREADABLE & set(version) or version != version.strip():
            stored = self.predictions_of(ids)
            return {i: any(p.version == version for p in found) for i, found in stored.items()}
        return {i: version in versions for i, versions in self.versions_of(ids).items()}

    def predictions_of(self, ids: Iterable[int]) -> dict[int, list[StoredPrediction]]:
        """Return each task's predictions, ascending by id; tasks that are gone are missing.

        Their whole results travel along: for few tasks only.
        """
        pages = self.rows_of(sorted(ids), "id,predictions", of=_FULL_TASKS_A_REQUEST, is_full=True)
        return {
            row["id"]: sorted(
                (StoredPrediction(p["id"], p["model_version"] or "") for p in row["predictions"]),
                key=lambda stored: stored.id,
            )
            for page in pages
            for row in page
        }

    def ids_at_shares(self, count: int) -> list[int]:
        """Return where `count` shares of all tasks begin that are equal to within one, the first left out.

        In a project of fewer tasks than shares some begin at the same id, and are empty.
        """
        total = self.count([], only_unlabelled=False)
        places = [total * number // count for number in range(1, count)]
        pages = [self._list("id", limit=1, page=place + 1)["tasks"] for place in places if total]
        return [page[0]["id"] for page in pages]

    def rows_after(
        self,
        last_id: int,
        include: str,
        *,
        conditions: Sequence[TaskFilter],
        limit: int,
        is_full: bool = False,
    ) -> list[dict[str, Any]]:
        """Return the next tasks as Label Studio lists them, as `read_after` does.

        Args:
            last_id: The tasks have higher ids.
            include: Names of the fields, separated by commas.
            conditions: All must hold.
            limit: Most tasks.
            is_full: With what belongs to the tasks too: annotations, predictions.
        """
        found: list[dict[str, Any]] = []
        while len(found) < limit:
            after = TaskFilter("id", "greater", "Number", last_id)
            answer = self._list(
                include, conditions=(after, *conditions), limit=limit - len(found), is_full=is_full
            )
            page = answer["tasks"]
            found += page
            # Label Studio may give smaller pages than it was asked for.
            if not page or len(page) >= answer["total"]:
                break
            last_id = page[-1]["id"]
        return found

    def rows_of(
        self, ids: Sequence[int], include: str, *, of: int = _IDS_A_REQUEST, is_full: bool = False
    ) -> Iterator[list[dict[str, Any]]]:
        """Yield these tasks as Label Studio lists them, `of` at a time; those that are gone are missing."""
        for start in range(0, len(ids), of):
            some = list(ids[start : start + of])
            yield self._list(include, ids=some, limit=len(some), is_full=is_full)["tasks"]

    def _list(
        self,
        include: str,
        *,
        conditions: Sequence[TaskFilter] = (),
        ids: Sequence[int] = (),
        limit: int,
        page: int = 1,
        is_full: bool = False,
    ) -> dict[str, Any]:
        query: dict[str, Any] = {"ordering": ["tasks:id"]}
        if conditions:
            query["filters"] = {"conjunction": "and", "items": [c.to_item() for c in conditions]}
        if ids:
            query["selectedItems"] = {"all": False, "included": list(ids)}
        if _VERSIONS in include:
            hidden = [f"tasks:{name}" for name in _COMPUTED]
            query["hiddenColumns"] = {"explore": hidden, "labeling": hidden}
        params: dict[str, str | int] = {
            "project": self._project_id,
            "page": page,
            "page_size": limit,
            "resolve_uri": "false",
            "include": include,
            "query": json.dumps(query, separators=(",", ":")),
            # Predictions as they are, without the columns computed from them.
            **({"fields": "all", "review": "true"} if is_full else {}),
        }
        try:
            answer: dict[str, Any] = self._client.request("GET", "api/tasks/", params=params)
        except LabelStudioError as error:
            raise _explained(error, conditions) from error
        return answer

    def _listed(self, rows: Sequence[Mapping[str, Any]]) -> list[ListedTask]:
        versions = self._versions(rows)
        return [
            ListedTask(Task(row["id"], row["data"]), versions.get(row["id"], frozenset())) for row in rows
        ]

    def _versions(self, rows: Sequence[Mapping[str, Any]]) -> dict[int, frozenset[str]]:
        texts = {row["id"]: str(row[_VERSIONS] or "") for row in rows}
        cut = [task_id for task_id, text in texts.items() if len(text) >= _WHOLE_LIST_CHARS]
        found = {i: frozenset(filter(None, map(str.strip, t.split(",")))) for i, t in texts.items()}
        exact = {i: frozenset(p.version for p in stored) for i, stored in self.predictions_of(cut).items()}
        return found | exact


def _conditions(filters: Sequence[TaskFilter], *, only_unlabelled: bool) -> list[TaskFilter]:
    return [*filters, UNLABELLED] if only_unlabelled else list(filters)


def _explained(error: LabelStudioError, conditions: Sequence[TaskFilter]) -> LabelStudioError:
    """Return the error, as a refusal where a filter is what Label Studio cannot do."""
    cause = error.__cause__
    numbers = [c.column for c in conditions if c.column.startswith("data.") and c.type == "Number"]
    if not (numbers and isinstance(cause, ApiError) and cause.status_code == 500):
        return error
    # PostgreSQL fails where one task's field is no number; SQLite takes it for 0.
    return LabelStudioError(
        f"{error.message} A filter compares {', '.join(numbers)} with a number: that works only if it is a "
        'number in every task. Put quotes around the value to compare texts, as in data.code="007".',
        refused_with=500,
    )
