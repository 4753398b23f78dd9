"""A real Label Studio: tasks read page by page, predictions stored once, tabs that list them by score."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest
from label_studio_sdk.client import LabelStudio

from backend.errors import LabelStudioError
from backend.labelstudio.client import LabelStudioClient
from backend.labelstudio.connect import follow_version
from backend.labelstudio.project_tasks import ProjectTasks
from backend.labelstudio.push import PushReport, push_predictions
from backend.labelstudio.tabs import TITLE, keep_unsure_tabs
from backend.labelstudio.task_filter import parse_filter

from .projects import label_config
from .servers import LabelStudioServer

COUNT = 60
V = "yolo-1"


@pytest.fixture(scope="module")
def client(label_studio: LabelStudioServer) -> Iterator[LabelStudioClient]:
    with closing(LabelStudioClient(label_studio.url, label_studio.token)) as made:
        yield made


@pytest.fixture
def project(sdk: LabelStudio) -> int:
    """A project of sixty tasks whose images lie in a bucket; every third is foggy."""
    made = sdk.projects.create(title="Sixty tasks", label_config=label_config(["car", "dog"]))
    data = [
        {"image": f"s3://bucket/{n}.jpg", "camera": "sun" if n % 3 else "fog", "frame": n}
        for n in range(COUNT)
    ]
    sdk.projects.import_tasks(made.id, request=[{"data": fields} for fields in data])
    return int(made.id)


def prediction(score: float = 0.5, *, label: str = "car") -> dict[str, Any]:
    value = {"x": 1.0, "y": 2.0, "width": 10.0, "height": 10.0, "rotation": 0, "rectanglelabels": [label]}
    region = {"id": "r1", "from_name": "label", "to_name": "image", "type": "rectanglelabels", "value": value}
    return {"result": [region], "score": score}


def push(
    client: LabelStudioClient, project: int, ids: list[int], *, version: str = V, in_doubt: bool = False
) -> PushReport:
    # The later a task, the surer.
    items = {task_id: prediction((place + 1) / 100) for place, task_id in enumerate(ids)}
    return push_predictions(client, project, items, version=version, in_doubt=in_doubt)


def ids_of(
    client: LabelStudioClient, project: int, *filters: str, only_unlabelled: bool = False
) -> list[int]:
    listed = ProjectTasks(client, project).read_after(
        0, filters=[parse_filter(text) for text in filters], only_unlabelled=only_unlabelled, limit=1000
    )
    return [item.task.id for item in listed if item.task.id is not None]


def annotate(client: LabelStudioClient, task_id: int, user: int | None = None) -> None:
    body = {"result": [], "lead_time": 1.0, **({"completed_by": user} if user else {})}
    client.request("POST", f"api/tasks/{task_id}/annotations/", body=body, is_repeatable=False)


def test_pages_hold_every_task_once_with_its_address_though_tasks_are_deleted_meanwhile(
    client: LabelStudioClient, sdk: LabelStudio, project: int
) -> None:
    tasks = ProjectTasks(client, project)
    assert tasks.count([], only_unlabelled=False) == COUNT
    first = tasks.read_after(0, filters=[], only_unlabelled=False, limit=25)
    ids = [item.task.id or 0 for item in first]
    assert dict(first[0].task.data) == {"image": "s3://bucket/0.jpg", "camera": "fog", "frame": 0}
    for task_id in (ids[3], ids[-1] + 2):
        sdk.tasks.delete(str(task_id))

    rest = tasks.read_after(ids[-1], filters=[], only_unlabelled=False, limit=1000)

    assert [item.task.data["frame"] for item in (*first, *rest)] == [n for n in range(COUNT) if n != 26]
    assert [item.task.id for item in tasks.read(ids)] == [i for i in ids if i != ids[3]]


def test_filters_mean_what_they_say(client: LabelStudioClient, project: int) -> None:
    every = ids_of(client, project)
    annotate(client, every[0])
    for conditions, expected in (
        (["camera=fog"], every[::3]),
        (["data.camera != fog", "frame<5"], [every[1], every[2], every[4]]),
        ([f"id>{every[-3]}"], every[-2:]),
        (["image contains 5.JPG"], every[5::10]),
        (["data.image not contains bucket"], []),
        (["created_at>2020-01-01", "total_annotations=1"], every[:1]),
        (["created_at<2020-01-01"], []),
        (["completed_at>2020-01-01"], every[:1]),
        (["predictions_score>0"], []),
        (["predictions_model_versions contains yolo"], []),
    ):
        assert ids_of(client, project, *conditions) == expected, conditions
    assert ids_of(client, project, only_unlabelled=True) == every[1:]
    assert ProjectTasks(client, project).count([parse_filter("camera=fog")], only_unlabelled=True) == 19


def test_predictions_pushed_twice_are_stored_once(
    client: LabelStudioClient, sdk: LabelStudio, project: int
) -> None:
    every = ids_of(client, project)
    sdk.tasks.delete(str(every[7]))

    first = push(client, project, every)
    second = push(client, project, every)

    left = {i for i in every if i != every[7]}
    assert (first.pushed, first.present, first.missing, first.refused) == (left, set(), {every[7]}, {})
    assert (second.pushed, second.present, second.missing) == (set(), left, {every[7]})
    assert sorted(p.task for p in sdk.predictions.list(project=project)) == sorted(left)
    assert set(ProjectTasks(client, project).versions_of(every).values()) == {frozenset({V})}
    assert ids_of(client, project, f"predictions_model_versions not contains {V}") == []


def test_what_an_import_leaves_out_goes_alone_or_is_refused_with_the_reason(
    client: LabelStudioClient, project: int
) -> None:
    one, two, three, *_ = ids_of(client, project)
    items = {one: prediction(), two: prediction(label="cow"), three: {**prediction(), "score": "high"}}
    report = push_predictions(client, project, items, version=V, in_doubt=False)
    assert report.pushed == {one, two}
    assert list(report.refused) == [three] and "score" in report.refused[three]


def test_predictions_go_one_by_one_where_that_is_faster(
    client: LabelStudioClient, sdk: LabelStudio, project: int
) -> None:
    every = ids_of(client, project)
    push(client, project, every, version="older")
    assert push(client, project, every[:2]).pushed == set(every[:2])
    versions = ProjectTasks(client, project).versions_of(every[:3])
    assert list(versions.values()) == [{"older", V}, {"older", V}, {"older"}]
    assert {p.project for p in sdk.predictions.list(task=every[0])} == {project}


class LosesAnswers(httpx.HTTPTransport):
    """Loses the answer to each import, after Label Studio has stored it."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        if request.url.path.endswith("/import/predictions"):
            response.close()
            raise httpx.ReadTimeout("lost", request=request)
        return response


def test_import_whose_answer_is_lost_is_not_repeated(
    label_studio: LabelStudioServer, client: LabelStudioClient, sdk: LabelStudio, project: int
) -> None:
    every = ids_of(client, project)
    with closing(LabelStudioClient(label_studio.url, label_studio.token, transport=LosesAnswers())) as lossy:
        assert push(lossy, project, every).pushed == set(every)
    assert sorted(p.task for p in sdk.predictions.list(project=project)) == every


def test_push_in_doubt_leaves_the_oldest_of_several_predictions(
    client: LabelStudioClient, sdk: LabelStudio, project: int
) -> None:
    one, two, *_ = ids_of(client, project)
    twice = [{"task": one, "model_version": V, **prediction()}] * 2
    sdk.projects.import_predictions(project, request=twice)
    oldest = min(p.id for p in sdk.predictions.list(task=one))

    report = push(client, project, [one, two], in_doubt=True)

    assert (report.present, report.pushed) == ({one}, {two})
    assert [p.id for p in sdk.predictions.list(task=one)] == [oldest]


def view_of(client: LabelStudioClient, project: int, title: str) -> int:
    views = client.request("GET", "api/dm/views/", params={"project": project})
    (view,) = [view["id"] for view in views if view["data"]["title"] == title]
    return int(view)


def tab_ids(client: LabelStudioClient, project: int, title: str) -> list[int]:
    """Return the tasks that the tab shows, in its order."""
    view = view_of(client, project, title)
    params = {"project": project, "view": view, "page_size": 1000, "include": "id"}
    return [task["id"] for task in client.request("GET", "api/tasks/", params=params)["tasks"]]


def label_as_displayed(client: LabelStudioClient, project: int, title: str) -> int:
    """Return the task that "Label Tasks As Displayed" opens in the tab."""
    params = {"id": "next_task", "project": project, "view": view_of(client, project, title)}
    served = client.request("POST", "api/dm/actions/", params=params, body={}, is_repeatable=False)
    return int(served["id"])


def make_user(client: LabelStudioClient, email: str) -> int:
    body = {"email": email, "username": email[:30]}
    return int(client.request("POST", "api/users/", body=body, is_repeatable=False)["id"])


def test_tabs_list_unfinished_tasks_by_score_and_share_them_among_annotators(
    client: LabelStudioClient, project: int
) -> None:
    every = ids_of(client, project)
    unsure_first = every[39::-1]
    push(client, project, unsure_first)
    push(client, project, every[50:], version=f"{V}.failed")
    assert follow_version(client.sdk, project, V)
    assert keep_unsure_tabs(client, project) == [TITLE]
    assert tab_ids(client, project, TITLE) == unsure_first
    assert label_as_displayed(client, project, TITLE) == unsure_first[0]
    assert tab_ids(client, project, "Default") == every

    emails = [f"annotator-{project}-{number}@example.com" for number in (0, 1)]
    for email, task_id in zip(emails, (unsure_first[0], every[45]), strict=True):
        annotate(client, task_id, make_user(client, email))
    titles = keep_unsure_tabs(client, project)
    assert titles == [TITLE, *(f"{email}: unsure first" for email in emails)]
    shares = [tab_ids(client, project, title) for title in titles[1:]]
    assert shares == [unsure_first[10:], unsure_first[1:10]]

    before = client.request("GET", "api/dm/views/", params={"project": project})
    assert keep_unsure_tabs(client, project) == titles
    assert client.request("GET", "api/dm/views/", params={"project": project}) == before


def test_project_that_is_not_there_is_a_refusal(client: LabelStudioClient) -> None:
    with pytest.raises(LabelStudioError) as caught:
        ProjectTasks(client, 10**6).count([], only_unlabelled=False)
    assert caught.value.refused_with == 404
