"""A Label Studio that keeps tabs, and tasks with the moment at which each was last written."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from backend.labelstudio.client import LabelStudioClient

PROJECT = 7
_START = datetime(2025, 3, 1, 12, tzinfo=UTC)
_COLUMNS = [
    {"id": "id", "visibility_defaults": {"explore": True, "labeling": False}},
    {"id": "updated_at", "visibility_defaults": {"explore": False, "labeling": False}},
    {"id": "data"},
]


def person(number: int, first: str, *, email: str = "") -> dict[str, Any]:
    """Return an annotator as Label Studio lists them."""
    given = {"id": number, "first_name": first, "last_name": ""}
    return {**given, "email": email or f"{first}@example.com".lower()}


class FakeTaskTabs:
    """Its tasks have the ids from 1 to `tasks`; all were written at one moment, as after an import."""

    def __init__(self, people: list[dict[str, Any]] | None = None, *, tasks: int = 20) -> None:
        self.people = people or []
        self.moments = dict.fromkeys(range(1, tasks + 1), _START)
        self.views: dict[int, dict[str, Any]] = {}
        self.writes: list[str] = []
        self.client = LabelStudioClient("http://h", "token", transport=httpx.MockTransport(self.answer))

    def listed(self, title: str) -> list[int]:
        """Return the tasks that the one tab of this title lists, in its order; those of one moment by id."""
        (data,) = [data for data in self.views.values() if data["title"] == title]
        assert data["filters"]["conjunction"] == "or" and data["ordering"] == ["tasks:updated_at"]
        # Label Studio lists all tasks where a tab has no condition.
        items = data["filters"]["items"]
        met = [i for i in self.moments if not items or any(_meets(i, item) for item in items)]
        return sorted(met, key=lambda i: (self.moments[i], i))

    def titles(self) -> list[str]:
        return [data["title"] for data in self.views.values()]

    def write(self, task_id: int) -> None:
        """Write a task, as when it is annotated."""
        self.moments[task_id] = max(self.moments.values()) + timedelta(seconds=1)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer as Label Studio does."""
        path, method = request.url.path, request.method
        if method == "GET":
            return httpx.Response(200, json=self._read(path, request.url.params))
        self.writes.append(f"{method} {path}")
        if task := re.fullmatch(r"/api/tasks/(\d+)/", path):
            return self._patch_task(int(task[1]), json.loads(request.content))
        number = re.fullmatch(r"/api/dm/views/(\d+)/", path)
        if method == "DELETE" and number:
            del self.views[int(number[1])]
            return httpx.Response(204)
        body = json.loads(request.content)
        assert body["project"] == PROJECT
        self.views[int(number[1]) if number else max(self.views, default=0) + 1] = body["data"]
        return httpx.Response(200, json={})

    def _patch_task(self, task_id: int, changes: dict[str, Any]) -> httpx.Response:
        assert changes == {}, "the task stays as it is"
        if task_id not in self.moments:
            return httpx.Response(404, json={"detail": "Not found."})
        self.write(task_id)
        return httpx.Response(200, json={"id": task_id})

    def _read(self, path: str, params: httpx.QueryParams) -> Any:
        if path == "/api/dm/views/":
            return [{"id": number, "data": data} for number, data in self.views.items()]
        if path == "/api/dm/columns/":
            return {"columns": _COLUMNS}
        if path == f"/api/projects/{PROJECT}/annotators/":
            return self.people
        assert path == "/api/tasks/" and params["include"] == "id,updated_at"
        ids = json.loads(params["query"])["selectedItems"]["included"]
        rows = [{"id": i, "updated_at": _text(self.moments[i])} for i in sorted(ids) if i in self.moments]
        return {"tasks": rows, "total": len(rows), "total_predictions": 0}


def _text(moment: datetime) -> str:
    """Write a moment as Label Studio does: without microseconds where there are none."""
    return moment.isoformat().replace("+00:00", "Z")


def _meets(value: int, item: dict[str, Any]) -> bool:
    assert (item["filter"], item["type"]) == ("filter:tasks:id", "Number")
    if item["operator"] == "in":
        return bool(item["value"]["min"] <= value <= item["value"]["max"])
    assert item["operator"] == "equal", "what the page cannot show breaks it"
    return bool(value == item["value"])
