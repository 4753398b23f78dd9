"""A Label Studio in memory that knows tasks and predictions of one project, and breaks off as it is told."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from backend.labelstudio.client import LabelStudioClient

PROJECT = 7

Answer = Callable[[], httpx.Response]


def choice(value: str = "cat") -> dict[str, Any]:
    """Return a prediction as Label Studio takes it; "cow" does not fit its labeling config."""
    result = {"from_name": "kind", "to_name": "image", "type": "choices", "value": {"choices": [value]}}
    return {"result": [result], "score": 0.5}


@dataclass
class FakeLabelStudio:
    """`stored` holds (task, version) by prediction id. Each of `interruptions` meets one POST, in order.

    `page_size` is the largest page that it gives; `annotated` are tasks with an annotation.
    """

    tasks: dict[int, dict[str, Any]]
    stored: dict[int, tuple[int, str]] = field(default_factory=dict)
    annotated: set[int] = field(default_factory=set)
    page_size: int = 10**9
    interruptions: list[Callable[[Answer], httpx.Response]] = field(default_factory=list)
    seen: list[httpx.Request] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    during_sleep: Callable[[], None] = lambda: None

    def client(self) -> LabelStudioClient:
        """Return a client that talks to it and waits for nothing."""
        return LabelStudioClient(
            "http://label-studio", "token", transport=httpx.MockTransport(self._answer), sleep=self._sleep
        )

    def hold(self, task_id: int, version: str) -> None:
        """Store a prediction."""
        self.stored[max(self.stored, default=0) + 1] = (task_id, version)

    def versions(self, task_id: int) -> list[str]:
        """Return the versions of the task's predictions, the oldest first."""
        return [version for _, (task, version) in sorted(self.stored.items()) if task == task_id]

    def posts(self) -> list[tuple[str, int]]:
        """Return the path of each POST with the number of predictions in it."""
        bodies = [(r.url.path, json.loads(r.content)) for r in self.seen if r.method == "POST"]
        return [(path, len(body) if isinstance(body, list) else 1) for path, body in bodies]

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.during_sleep()

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        path = request.url.path
        if request.method == "GET" and path == "/api/tasks/":
            return self._list(request.url.params)
        if request.method == "DELETE":
            found = self.stored.pop(int(path.split("/")[-2]), None)
            return httpx.Response(204 if found else 404, json=None if found else {})
        body = json.loads(request.content)
        handle = self.interruptions.pop(0) if self.interruptions else lambda answer: answer()
        if path == "/api/predictions/":
            return handle(lambda: self._store(body))
        assert path == f"/api/projects/{PROJECT}/import/predictions"
        return handle(lambda: self._import(body))

    def _store(self, item: dict[str, Any]) -> httpx.Response:
        if item["task"] not in self.tasks:
            return httpx.Response(400, json={"validation_errors": {"task": ["object does not exist"]}})
        if item["score"] is None:
            return httpx.Response(400, json={"validation_errors": {"score": ["A valid number is required"]}})
        self.hold(item["task"], item["model_version"])
        return httpx.Response(201, json={})

    def _import(self, items: list[dict[str, Any]]) -> httpx.Response:
        if any(item["task"] not in self.tasks for item in items):
            return httpx.Response(400, json={"validation_errors": ["contains invalid task"]})
        fit = [i for i in items if all(r["value"]["choices"] != ["cow"] for r in i["result"])]
        for item in fit:
            self.hold(item["task"], item["model_version"])
        return httpx.Response(201, json={"created": len(fit)})

    def _list(self, params: httpx.QueryParams) -> httpx.Response:
        query = json.loads(params["query"])
        assert params["resolve_uri"] == "false" and query["ordering"] == ["tasks:id"]
        found = sorted(query.get("selectedItems", {"included": self.tasks})["included"])
        found = [i for i in found if i in self.tasks]
        for item in query.get("filters", {"items": []})["items"]:
            found = [i for i in found if self._meets(i, item)]
        size = min(int(params["page_size"]), self.page_size)
        start = (int(params["page"]) - 1) * size
        rows = [self._row(task_id, params) for task_id in found[start : start + size]]
        predictions = sum(task in found for task, _ in self.stored.values())
        return httpx.Response(
            200, json={"tasks": rows, "total": len(found), "total_predictions": predictions}
        )

    def _meets(self, task_id: int, item: dict[str, Any]) -> bool:
        if item["filter"] == "filter:tasks:total_annotations":
            return (task_id in self.annotated) == (item["value"] > 0)
        if item["filter"] == "filter:tasks:id":
            return bool(task_id > item["value"])
        name = item["filter"].removeprefix("filter:tasks:data.")
        return bool(self.tasks[task_id].get(name) == item["value"])

    def _row(self, task_id: int, params: httpx.QueryParams) -> dict[str, Any]:
        own = [(number, version) for number, (task, version) in self.stored.items() if task == task_id]
        fields = {
            "id": task_id,
            "data": self.tasks[task_id],
            # As Label Studio writes it, in no order and cut.
            "predictions_model_versions": ",".join({version for _, version in own})[:500],
            "predictions": [{"id": number, "model_version": version} for number, version in reversed(own)],
        }
        if "predictions" in params["include"].split(","):
            assert params["fields"] == "all"
        return {name: fields[name] for name in params["include"].split(",")}


def tasks(count: int, *, first: int = 1) -> dict[int, dict[str, Any]]:
    """Return so many tasks by id."""
    return {i: {"image": f"s3://bucket/{i}.jpg"} for i in range(first, first + count)}
