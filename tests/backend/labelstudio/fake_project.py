"""A project of Label Studio that keeps its settings."""

import json
from typing import Any

import httpx

from backend.labelstudio.client import LabelStudioClient


class FakeProject:
    """A project with 305 tasks; `keeps` false: it takes changes and forgets them."""

    def __init__(self, project_id: int, *, keeps: bool = True, **fields: Any) -> None:
        self.project_id = project_id
        self.fields: dict[str, Any] = {
            "maximum_annotations": 1,
            "overlap_cohort_percentage": 100,
            "show_overlap_first": False,
            "task_number": 305,
            **fields,
        }
        self.keeps = keeps
        self.patches: list[dict[str, Any]] = []
        self.client = LabelStudioClient("http://h", "token", transport=httpx.MockTransport(self.answer))

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer as Label Studio's API does."""
        if request.url.path != f"/api/projects/{self.project_id}/":
            return httpx.Response(404, json={"detail": "Not found."})
        if request.method == "PATCH":
            self.patches.append(json.loads(request.content))
            if self.keeps:
                self.fields |= self.patches[-1]
        return httpx.Response(200, json=self.fields)
