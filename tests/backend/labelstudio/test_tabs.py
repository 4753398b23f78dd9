"""The tabs of what the model is unsure of: made once, mended where needed, people's own changes kept."""

import json
from typing import Any

import httpx

from backend.labelstudio.client import LabelStudioClient
from backend.labelstudio.tabs import MOST_ANNOTATORS, TITLE, keep_unsure_tabs

PROJECT = 7
COLUMNS = [
    {"id": "image", "parent": "data", "visibility_defaults": {"explore": True, "labeling": True}},
    {"id": "camera", "parent": "data", "visibility_defaults": {"explore": True, "labeling": False}},
    {"id": "predictions_score", "visibility_defaults": {"explore": False, "labeling": False}},
    {"id": "predictions_results", "visibility_defaults": {"explore": False, "labeling": False}},
    {"id": "data"},
]


def person(first: str, last: str = "", email: str = "") -> dict[str, str]:
    return {"first_name": first, "last_name": last, "email": email or f"{first}@example.com".lower()}


class FakeDataManager:
    """Keeps tabs as Label Studio does; its tasks have the ids from 1 to `tasks`."""

    def __init__(self, people: list[dict[str, str]], *, tasks: int = 10) -> None:
        self.people = people
        self.tasks = tasks
        self.views: dict[int, dict[str, Any]] = {}
        self.writes: list[str] = []

    def keep(self) -> list[str]:
        """Keep the tabs; `writes` then holds the methods that were called for it."""
        self.writes = []
        client = LabelStudioClient("http://h", "token", transport=httpx.MockTransport(self._answer))
        return keep_unsure_tabs(client, PROJECT)

    def add(self, title: str, **data: Any) -> dict[str, Any]:
        """Make a tab as a person does; return its data."""
        self.views[max(self.views, default=0) + 1] = made = {"title": title, **data}
        return made

    def tab(self, title: str) -> dict[str, Any]:
        """Return the data of the one tab of this title."""
        (found,) = [data for data in self.views.values() if data["title"] == title]
        return found

    def titles(self) -> list[str]:
        return [data["title"] for data in self.views.values()]

    def ids(self, title: str) -> set[int]:
        """Return the ids of the tasks whose id is in the tab's range."""
        items = {item["filter"]: item for item in self.tab(title)["filters"]["items"]}
        item = items.get("filter:tasks:id")
        return {i for i in range(1, self.tasks + 1) if item is None or _meets(i, item)}

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path, method = request.url.path, request.method
        if method == "GET":
            return httpx.Response(200, json=self._read(path, request.url.params))
        self.writes.append(method)
        if method == "DELETE":
            del self.views[int(path.split("/")[-2])]
            return httpx.Response(204)
        body = json.loads(request.content)
        assert body["project"] == PROJECT
        number = max(self.views, default=0) + 1 if method == "POST" else int(path.split("/")[-2])
        self.views[number] = body["data"]
        return httpx.Response(200, json={})

    def _read(self, path: str, params: httpx.QueryParams) -> Any:
        if path == "/api/dm/views/":
            return [{"id": number, "data": data} for number, data in self.views.items()]
        if path == "/api/dm/columns/":
            return {"columns": COLUMNS}
        if path == f"/api/projects/{PROJECT}/annotators/":
            return self.people
        page = [{"id": int(params["page"])}] if self.tasks else []
        return {"tasks": page, "total": self.tasks, "total_predictions": 0}


def _meets(value: int, item: dict[str, Any]) -> bool:
    if item["operator"] == "in":
        return bool(item["value"]["min"] <= value <= item["value"]["max"])
    return bool(value < item["value"] if item["operator"] == "less" else value >= item["value"])


def test_tab_lists_unfinished_tasks_with_a_score_the_lowest_first() -> None:
    manager = FakeDataManager([])
    assert manager.keep() == [TITLE]
    tab = manager.tab(TITLE)
    assert tab["ordering"] == ["tasks:predictions_score"]
    conditions = [(i["filter"], i["operator"], i["type"], i["value"]) for i in tab["filters"]["items"]]
    assert conditions == [
        ("filter:tasks:predictions_score", "greater_or_equal", "Number", 0),
        ("filter:tasks:completed_at", "empty", "Datetime", True),
    ]


def test_project_without_tabs_gets_one_of_all_tasks_first() -> None:
    manager = FakeDataManager([])
    manager.keep()
    assert manager.titles() == ["Default", TITLE]
    assert "filters" not in manager.tab("Default")


def test_project_with_tabs_gets_no_other_tab_of_all_tasks() -> None:
    manager = FakeDataManager([])
    manager.add("Mine")
    manager.keep()
    assert manager.titles() == ["Mine", TITLE]


def test_new_tab_shows_the_score_and_else_what_label_studio_shows() -> None:
    manager = FakeDataManager([])
    manager.keep()
    assert manager.tab(TITLE)["hiddenColumns"] == {
        "explore": ["tasks:predictions_results"],
        "labeling": ["tasks:data.camera", "tasks:predictions_score", "tasks:predictions_results"],
    }


def test_nothing_is_written_where_nothing_changed() -> None:
    manager = FakeDataManager([person("Ann"), person("Bo")])
    first = manager.keep()
    assert manager.keep() == first and manager.writes == []


def test_one_annotator_gets_no_tab_of_their_own() -> None:
    manager = FakeDataManager([person("Ann")])
    assert manager.keep() == [TITLE]


def test_several_annotators_get_disjoint_tabs_that_hold_every_task() -> None:
    manager = FakeDataManager([person("Ann", "Lee"), person("", email="bo@example.com"), person("Cy")])
    titles = manager.keep()
    assert titles == [TITLE, "Ann Lee: unsure first", "bo@example.com: unsure first", "Cy: unsure first"]
    shares = [manager.ids(title) for title in titles[1:]]
    assert [len(share) for share in shares] == [3, 3, 4]
    assert sorted(i for share in shares for i in share) == list(range(1, 11))
    manager.tasks = 12
    assert manager.ids(titles[3]) == {7, 8, 9, 10, 11, 12}


def test_more_annotators_than_tasks_leave_some_tabs_empty() -> None:
    manager = FakeDataManager([person("Ann"), person("Bo"), person("Cy")], tasks=2)
    assert sorted(i for title in manager.keep()[1:] for i in manager.ids(title)) == [1, 2]


def test_annotators_of_one_name_are_told_apart() -> None:
    manager = FakeDataManager([person("Ann", email="a@x.com"), person("Ann", email="b@x.com")])
    assert manager.keep()[1:] == ["Ann (a@x.com): unsure first", "Ann (b@x.com): unsure first"]


def test_too_many_annotators_share_one_tab() -> None:
    manager = FakeDataManager([person(f"P{number}") for number in range(MOST_ANNOTATORS + 1)])
    assert manager.keep() == [TITLE]


def test_project_emptied_meanwhile_gets_the_tab_for_all() -> None:
    assert FakeDataManager([person("Ann"), person("Bo")], tasks=0).keep() == [TITLE]


def test_tab_of_an_annotator_who_left_goes_and_the_others_share_its_tasks() -> None:
    manager = FakeDataManager([person("Ann"), person("Bo"), person("Cy")])
    manager.keep()
    manager.people[1] = person("Deleted", "User", email="Deleted")
    manager.keep()
    assert manager.titles() == ["Default", TITLE, "Ann: unsure first", "Cy: unsure first"]
    assert manager.ids("Ann: unsure first") | manager.ids("Cy: unsure first") == set(range(1, 11))


def test_tabs_of_people_are_never_removed() -> None:
    manager = FakeDataManager([])
    for title in ("Mine", "Model unsure", "Mine: unsure first"):
        manager.add(title, ordering=["tasks:id"])
    manager.keep()
    assert manager.titles() == ["Mine", "Model unsure", "Mine: unsure first", TITLE]


def test_own_columns_and_conditions_of_people_stay_when_the_tab_is_mended() -> None:
    manager = FakeDataManager([])
    fog = {"filter": "filter:tasks:data.camera", "operator": "equal", "type": "String", "value": "fog"}
    manager.keep()
    tab = manager.tab(TITLE)
    tab |= {"hiddenColumns": {"explore": ["tasks:id"], "labeling": []}, "ordering": ["-tasks:id"]}
    tab["filters"]["items"] = [fog, tab["filters"]["items"][1]]
    manager.keep()
    mended = manager.tab(TITLE)
    assert manager.writes == ["PATCH"]
    assert mended["hiddenColumns"] == {"explore": ["tasks:id"], "labeling": []}
    assert mended["ordering"] == ["tasks:predictions_score"]
    assert [item["filter"] for item in mended["filters"]["items"]] == [
        "filter:tasks:predictions_score",
        "filter:tasks:completed_at",
        "filter:tasks:data.camera",
    ]
    manager.keep()
    assert manager.writes == []
