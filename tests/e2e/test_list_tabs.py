"""Tabs of certain tasks in a real Label Studio: what they list, in what order it is served, and to whom."""

from collections.abc import Iterator
from typing import Any

import pytest
from label_studio_sdk.client import LabelStudio
from playwright.sync_api import Page

from backend.labelstudio.client import LabelStudioClient
from backend.labelstudio.task_lists import NEXT_TITLE, keep_list_tab, keep_next_tabs

from .conftest import ProjectFactory
from .labelling_page import LabellingPage
from .projects import Project, call
from .servers import LabelStudioServer

TITLE = "Look at these"
PLACES = (7, 2, 3, 4, 11, 0)  # some tasks in a row, and some apart


@pytest.fixture
def client(label_studio: LabelStudioServer) -> Iterator[LabelStudioClient]:
    made = LabelStudioClient(label_studio.url, label_studio.token)
    yield made
    made.close()


@pytest.fixture
def project(new_project: ProjectFactory) -> Project:
    return new_project("Tabs of tasks", count=12)


@pytest.fixture
def chosen(project: Project) -> list[int]:
    tasks = sorted(project.tasks.values())
    return [tasks[place] for place in PLACES]


def view_of(sdk: LabelStudio, project: Project, title: str) -> dict[str, Any]:
    """Return the one tab of this title."""
    views = call(sdk, "GET", "api/dm/views/", params={"project": project.id})
    (found,) = [view for view in views if view["data"].get("title") == title]
    assert isinstance(found, dict)
    return found


def listed(sdk: LabelStudio, project: Project, title: str) -> list[int]:
    view = view_of(sdk, project, title)
    answer = call(sdk, "GET", "api/tasks/", params={"project": project.id, "view": view["id"]})
    return [task["id"] for task in answer["tasks"]]


def serve_next(sdk: LabelStudio, project: Project, title: str) -> int:
    """Ask for the next task as the page does for "Label Tasks As Displayed"."""
    data = view_of(sdk, project, title)["data"]
    body = {"filters": data["filters"], "ordering": data["ordering"]}
    task = call(sdk, "POST", "api/dm/actions", params={"id": "next_task", "project": project.id}, json=body)
    assert task["queue"] == "Data manager queue"
    return int(task["id"])


def annotate(sdk: LabelStudio, task_id: int, **fields: Any) -> None:
    call(sdk, "POST", f"api/tasks/{task_id}/annotations/", json={"result": [], **fields})


def test_tab_lists_exactly_these_tasks_and_serves_them_in_this_order(
    sdk: LabelStudio, client: LabelStudioClient, project: Project, chosen: list[int]
):
    keep_list_tab(client, project.id, TITLE, chosen)
    assert listed(sdk, project, TITLE) == chosen

    served = []
    for _ in chosen:
        served.append(serve_next(sdk, project, TITLE))
        annotate(sdk, served[-1])
    assert served == chosen

    others = sorted(set(project.tasks.values()) - set(chosen))
    keep_list_tab(client, project.id, TITLE, others[::-1])
    assert listed(sdk, project, TITLE) == others[::-1]
    keep_list_tab(client, project.id, TITLE, [])
    assert listed(sdk, project, TITLE) == []


def test_skipped_task_a_draft_and_a_prediction_do_not_disturb_the_order(
    sdk: LabelStudio, client: LabelStudioClient, project: Project, chosen: list[int]
):
    keep_list_tab(client, project.id, TITLE, chosen)
    first, second, third, *rest = chosen
    annotate(sdk, first, was_cancelled=True)
    call(sdk, "POST", f"api/tasks/{third}/drafts", json={"result": [], "lead_time": 1.0})
    item = {"task": second, "result": [], "score": 0.5, "model_version": "v"}
    call(sdk, "POST", f"api/projects/{project.id}/import/predictions", json=[item])
    assert listed(sdk, project, TITLE) == [second, third, *rest, first]
    assert serve_next(sdk, project, TITLE) == second


def test_two_annotators_get_disjoint_tabs_that_are_served_apart(
    sdk: LabelStudio, client: LabelStudioClient, project: Project, chosen: list[int]
):
    assert keep_next_tabs(client, project.id, chosen) == [NEXT_TITLE]
    fresh = {"email": f"bo{project.id}@example.com", "username": f"bo{project.id}", "first_name": "Bo"}
    other = call(sdk, "POST", "api/users/", json=fresh)
    first, second = sorted(set(project.tasks.values()) - set(chosen))[:2]
    annotate(sdk, first)
    annotate(sdk, second, completed_by=other["id"])

    titles = keep_next_tabs(client, project.id, chosen)

    assert titles[0] == NEXT_TITLE and titles[2] == "Bo: next to label" and len(titles) == 3
    assert listed(sdk, project, NEXT_TITLE) == chosen
    assert [listed(sdk, project, title) for title in titles[1:]] == [chosen[::2], chosen[1::2]]
    assert [serve_next(sdk, project, title) for title in titles[1:]] == chosen[:2]
    assert keep_next_tabs(client, project.id, chosen) == titles, "mended, not multiplied"
    assert all(view_of(sdk, project, title) for title in titles)


def test_page_shows_the_tab_serves_its_tasks_and_leaves_it_as_it_is(
    labelling_page: LabellingPage,
    label_studio: LabelStudioServer,
    sdk: LabelStudio,
    client: LabelStudioClient,
    project: Project,
    chosen: list[int],
):
    keep_list_tab(client, project.id, TITLE, chosen)
    view = view_of(sdk, project, TITLE)
    page = labelling_page.page

    with page.expect_response(lambda response: "/api/tasks?" in response.url) as answer:
        page.goto(f"{label_studio.url}/projects/{project.id}/data?tab={view['id']}")
    assert [task["id"] for task in answer.value.json()["tasks"]] == chosen
    page.get_by_role("button", name="Label All Tasks").wait_for()

    assert _label_as_displayed(page) == chosen[0]
    labelling_page.wait_until_loaded()
    with page.expect_response(_is_next_task) as following:
        labelling_page.submit()
    assert following.value.json()["id"] == chosen[1]

    assert view_of(sdk, project, TITLE)["data"] == view["data"]
    assert listed(sdk, project, TITLE) == [*chosen[1:], chosen[0]]


def _label_as_displayed(page: Page) -> int:
    """Choose "Label Tasks As Displayed" in the menu beside the button; return the task that opens."""
    page.get_by_role("button", name="Toggle open").click()
    with page.expect_response(_is_next_task) as answer:
        page.get_by_text("Label Tasks As Displayed").click()
    return int(answer.value.json()["id"])


def _is_next_task(response: Any) -> bool:
    return "id=next_task" in response.url
