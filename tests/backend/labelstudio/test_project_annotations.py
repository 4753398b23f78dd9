"""Annotations come whole, without predictions; a project is gone only by Label Studio's own word."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx
import pytest

from backend.errors import LabelStudioError
from backend.labelstudio.client import LabelStudioClient
from backend.labelstudio.project_annotations import ProjectAnnotations, ProjectCounts

PROJECT = 7
SINCE = datetime(2026, 3, 2, 13, 30, 5, 250, tzinfo=timezone(timedelta(hours=1)))


def annotation(annotation_id: int, **changes: Any) -> dict[str, Any]:
    """Return an annotation as Label Studio's list gives it."""
    return {
        "id": annotation_id,
        "result": [{"id": "r1", "type": "rectanglelabels", "value": {}}],
        "completed_by": 1,
        "was_cancelled": False,
        "ground_truth": True,
        "created_at": "2026-03-02T12:00:00.000001Z",
        "updated_at": "2026-03-02T12:01:00Z",
        "lead_time": 2.5,
        "parent_prediction": 4,
        **changes,
    }


class FakeList:
    """Answers a project's list of tasks, its counters and the projects; `answers` go before these."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows
        self.answers: dict[str, Callable[[], httpx.Response]] = {}
        self.seen: list[httpx.Request] = []

    def reader(self) -> ProjectAnnotations:
        transport = httpx.MockTransport(self._answer)
        client = LabelStudioClient("http://h", "token", transport=transport, sleep=lambda seconds: None)
        return ProjectAnnotations(client, PROJECT)

    def query(self) -> dict[str, Any]:
        """Return what the last list was asked for."""
        found: dict[str, Any] = json.loads(self.seen[-1].url.params["query"])
        return found

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        path = request.url.path
        if path in self.answers:
            return self.answers[path]()
        if path == "/api/projects/":
            return httpx.Response(200, json={"results": [{"id": 1}], "count": 1})
        if path == f"/api/projects/{PROJECT}/":
            counters = {"task_number": 5, "total_annotations_number": 3, "skipped_annotations_number": 1}
            known = {**counters, "label_config": "<View/>"}
            return httpx.Response(200, json={n: known[n] for n in request.url.params["include"].split(",")})
        assert path == "/api/tasks/" and request.url.params["fields"] == "all"
        return httpx.Response(200, json={"tasks": self._page(request), "total": len(self.rows)})

    def _page(self, request: httpx.Request) -> list[dict[str, Any]]:
        query = json.loads(request.url.params["query"])
        if "selectedItems" in query:
            return [row for row in self.rows if row["id"] in query["selectedItems"]["included"]]
        after = next(i["value"] for i in query["filters"]["items"] if i["filter"] == "filter:tasks:id")
        return [r for r in self.rows if r["id"] > after][: int(request.url.params["page_size"])]


def row(task_id: int, *annotations: Any) -> dict[str, Any]:
    return {"id": task_id, "data": {"image": f"{task_id}.jpg"}, "annotations": list(annotations)}


def refused(status: int = 404) -> httpx.Response:
    return httpx.Response(status, json={"detail": "No Project matches the given query."})


def test_annotation_comes_whole_with_its_task() -> None:
    server = FakeList([row(1, annotation(11)), row(2)])
    first, second = server.reader().read_after(0, changed_since=None, limit=10)
    (read,) = first.annotations
    assert (read.id, read.project_id, read.task_id) == (11, PROJECT, 1)
    assert (read.annotator, read.lead_time, read.parent_prediction) == (1, 2.5, 4)
    assert read.is_ground_truth and not read.is_cancelled and read.result[0]["id"] == "r1"
    assert first.task.data == {"image": "1.jpg"} and second.annotations == second.problems == ()


def test_predictions_and_their_masks_are_not_asked_for() -> None:
    server = FakeList([row(1)])
    server.reader().read_after(0, changed_since=None, limit=10)
    fields = server.seen[-1].url.params["include"].split(",")
    assert "result" in fields and "predictions" not in fields


def test_pages_follow_the_last_id() -> None:
    reader = FakeList([row(i) for i in (1, 2, 5, 9)]).reader()
    assert [read.task.id for read in reader.read_after(0, changed_since=None, limit=2)] == [1, 2]
    assert [read.task.id for read in reader.read_after(2, changed_since=None, limit=3)] == [5, 9]


def test_moment_of_a_change_is_asked_for_in_the_one_form_that_label_studio_reads() -> None:
    server = FakeList([row(1)])
    server.reader().read_after(0, changed_since=SINCE, limit=10)
    assert server.query()["filters"]["items"][1] == {
        "filter": "filter:tasks:updated_at",
        "operator": "greater_or_equal",
        "type": "Datetime",
        "value": "2026-03-02T12:30:05.000250Z",
    }


def test_named_tasks_are_read_ten_at_a_time_without_those_that_are_gone() -> None:
    server = FakeList([row(i, annotation(100 + i)) for i in range(1, 25)])
    read = server.reader().read([*range(24, 0, -1), 99])
    assert [found.task.id for found in read] == list(range(1, 25)) and len(server.seen) == 3


def test_annotation_that_cannot_be_read_is_a_problem_and_harms_no_other() -> None:
    server = FakeList([row(1, annotation(11, updated_at="yesterday"), annotation(12))])
    (read,) = server.reader().read_after(0, changed_since=None, limit=10)
    assert [found.id for found in read.annotations] == [12]
    assert len(read.problems) == 1 and "yesterday" in read.problems[0]


def test_counts_are_the_projects_own() -> None:
    assert FakeList([]).reader().counts() == ProjectCounts(tasks=5, annotations=3, skipped=1)


def test_label_config_is_read_alone() -> None:
    server = FakeList([])
    assert server.reader().label_config() == "<View/>"
    assert server.seen[-1].url.params["include"] == "label_config"


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        pytest.param(httpx.Response(200, json={"model_version": "v1"}), "v1", id="there"),
        pytest.param(httpx.Response(200, json={"model_version": None}), "", id="without-version"),
        pytest.param(refused(), "", id="gone"),
    ],
)
def test_version_of_a_prediction(answer: httpx.Response, version: str) -> None:
    server = FakeList([])
    server.answers["/api/predictions/4/"] = lambda: answer
    assert server.reader().version_of_prediction(4) == version


def test_version_that_cannot_be_had_now_is_an_error() -> None:
    server = FakeList([])
    server.answers["/api/predictions/4/"] = lambda: httpx.Response(502)
    with pytest.raises(LabelStudioError):
        server.reader().version_of_prediction(4)


@pytest.mark.parametrize("call", ["read_after", "read", "counts", "label_config"])
def test_project_that_is_gone_is_refused_with_404(call: str) -> None:
    server = FakeList([])
    server.answers = {"/api/tasks/": refused, f"/api/projects/{PROJECT}/": refused}
    calls: dict[str, Callable[[ProjectAnnotations], object]] = {
        "read_after": lambda reader: reader.read_after(0, changed_since=None, limit=1),
        "read": lambda reader: reader.read([1]),
        "counts": lambda reader: reader.counts(),
        "label_config": lambda reader: reader.label_config(),
    }
    with pytest.raises(LabelStudioError) as caught:
        calls[call](server.reader())
    assert caught.value.refused_with == 404


@pytest.mark.parametrize(
    "projects",
    [
        pytest.param(refused(), id="not-found-either"),
        pytest.param(httpx.Response(200, json=[]), id="no-list-of-projects"),
        pytest.param(httpx.Response(200, text="<html/>"), id="a-page"),
        pytest.param(refused(401), id="token-refused"),
    ],
)
def test_404_of_an_address_that_is_not_label_studios_says_nothing_of_the_project(
    projects: httpx.Response,
) -> None:
    server = FakeList([])
    server.answers = {f"/api/projects/{PROJECT}/": refused, "/api/projects/": lambda: projects}
    with pytest.raises(LabelStudioError, match="LABEL_STUDIO_URL") as caught:
        server.reader().counts()
    assert caught.value.refused_with is None


@pytest.mark.parametrize(
    ("said", "is_theirs"),
    [("Mon, 02 Mar 2026 12:00:05 GMT", True), ("", False), ("soon", False)],
    ids=["says-it", "silent", "unreadable"],
)
def test_time_is_that_of_label_studios_clock(said: str, is_theirs: bool) -> None:
    server = FakeList([])
    server.answers["/health"] = lambda: httpx.Response(200, headers={"date": said} if said else {})
    now = server.reader().now()
    expected = datetime(2026, 3, 2, 12, 0, 5, tzinfo=UTC) if is_theirs else datetime.now(UTC)
    assert abs(now - expected) < timedelta(seconds=0 if is_theirs else 30, microseconds=1)
