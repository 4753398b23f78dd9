"""A real Label Studio: annotations read whole, what moves a task's time, and what its counters say."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from label_studio_sdk.client import LabelStudio

from backend.errors import LabelStudioError
from backend.labelstudio.client import LabelStudioClient
from backend.labelstudio.project_annotations import ProjectAnnotations, ProjectCounts

from .projects import label_config
from .servers import LabelStudioServer

COUNT = 6
BOX = {"x": 1.0, "y": 2.0, "width": 10.0, "height": 10.0, "rotation": 0, "rectanglelabels": ["car"]}
REGION = {
    "id": "r1",
    "from_name": "label",
    "to_name": "image",
    "type": "rectanglelabels",
    "original_width": 100,
    "original_height": 50,
    "value": BOX,
}


class Project:
    """A project in the Label Studio under test, changed as its pages and other programs would."""

    def __init__(self, client: LabelStudioClient, project_id: int) -> None:
        self.id = project_id
        self.reader = ProjectAnnotations(client, project_id)
        self._client = client
        self.tasks = [read.task.id or 0 for read in self.reader.read_after(0, changed_since=None, limit=99)]

    def call(self, method: str, path: str, body: object = None) -> Any:
        return self._client.request(method, path, body=body, is_repeatable=False)

    def annotate(self, task_id: int, **fields: Any) -> int:
        body = {"result": [REGION], "lead_time": 2.5, **fields}
        return int(self.call("POST", f"api/tasks/{task_id}/annotations/", body)["id"])

    def act(self, action: str, *task_ids: int, **fields: Any) -> None:
        """Do what an action of the Data Manager does with these tasks selected."""
        body = {"selectedItems": {"all": False, "included": list(task_ids)}, **fields}
        self.call("POST", f"api/dm/actions?id={action}&project={self.id}", body)

    def changed_by(self, change: Callable[[], object]) -> list[int]:
        """Return which of the tasks, by their places, have a later time than all had before the change."""
        before = max(self._times().values())
        change()
        moved = {task_id for task_id, moment in self._times().items() if moment > before}
        return [place for place, task_id in enumerate(self.tasks) if task_id in moved]

    def first(self, place: int) -> str:
        """Return the address of a task's first annotation."""
        (read,) = self.reader.read([self.tasks[place]])
        return f"api/annotations/{read.annotations[0].id}/"

    def _times(self) -> dict[int, str]:
        path = f"api/tasks/?project={self.id}&page_size=99&include=id,updated_at&resolve_uri=false"
        return {row["id"]: row["updated_at"] for row in self.call("GET", path)["tasks"]}


@pytest.fixture(scope="module")
def client(label_studio: LabelStudioServer) -> Iterator[LabelStudioClient]:
    with closing(LabelStudioClient(label_studio.url, label_studio.token)) as made:
        yield made


@pytest.fixture
def project(client: LabelStudioClient, sdk: LabelStudio) -> Project:
    made = sdk.projects.create(title="Six tasks", label_config=label_config(["car", "dog"]))
    data = [{"data": {"image": f"s3://bucket/{n}.jpg"}} for n in range(COUNT)]
    sdk.projects.import_tasks(made.id, request=data)
    return Project(client, int(made.id))


def test_annotation_is_read_whole(project: Project) -> None:
    prediction = project.call(
        "POST", "api/predictions/", {"task": project.tasks[0], "result": [REGION], "model_version": "v1"}
    )["id"]
    made = project.annotate(project.tasks[0], parent_prediction=prediction, ground_truth=True)
    skipped = project.annotate(project.tasks[1], was_cancelled=True)
    first, second, *rest = project.reader.read_after(0, changed_since=None, limit=99)
    (read,) = first.annotations
    assert (read.id, read.task_id, read.project_id) == (made, project.tasks[0], project.id)
    assert read.result == (REGION | {"image_rotation": 0},) or read.result == (REGION,)
    assert (read.lead_time, read.parent_prediction, read.is_ground_truth) == (2.5, prediction, True)
    assert read.annotator is not None and read.created_at <= read.updated_at
    assert [(a.id, a.is_cancelled) for a in second.annotations] == [(skipped, True)]
    assert all(found.annotations == () for found in rest)
    assert project.reader.read([project.tasks[0]]) == [first]
    assert project.reader.version_of_prediction(prediction) == "v1"
    project.call("DELETE", f"api/predictions/{prediction}/")
    assert project.reader.version_of_prediction(prediction) == ""


def test_page_holds_tasks_that_changed_since_the_moment_and_no_others(project: Project) -> None:
    moments = [read.task.id for read in project.reader.read_after(0, changed_since=None, limit=99)]
    assert moments == project.tasks
    project.annotate(project.tasks[4])
    project.annotate(project.tasks[1])
    newest = {a.updated_at for r in project.reader.read(project.tasks[1:2]) for a in r.annotations}.pop()
    older = {a.updated_at for r in project.reader.read(project.tasks[4:5]) for a in r.annotations}.pop()

    def since(moment: Any, after: int = 0) -> list[int | None]:
        return [r.task.id for r in project.reader.read_after(after, changed_since=moment, limit=99)]

    assert since(newest) == [project.tasks[1]]
    assert since(older) == [project.tasks[1], project.tasks[4]]
    assert since(older, after=project.tasks[1]) == [project.tasks[4]]
    assert older <= project.reader.now().replace(microsecond=999_999)


# The change, places of the tasks whose time it moves, and the counts after it. Before it the first task has
# an annotation, the second a skipped one, the fourth a prediction.
CHANGES: dict[str, tuple[Callable[[Project], object], list[int], ProjectCounts]] = {
    "created": (lambda p: p.annotate(p.tasks[2]), [2], ProjectCounts(6, 2, 1)),
    "updated": (lambda p: p.call("PATCH", p.first(0), {"result": []}), [0], ProjectCounts(6, 1, 1)),
    "starred": (lambda p: p.call("PATCH", p.first(0), {"ground_truth": True}), [0], ProjectCounts(6, 1, 1)),
    "skipped": (lambda p: p.call("PATCH", p.first(0), {"was_cancelled": True}), [0], ProjectCounts(6, 0, 2)),
    "skip taken back": (
        lambda p: p.call("POST", f"{p.first(1)}convert-to-draft"),
        [1],
        ProjectCounts(6, 1, 0),
    ),
    "deleted": (lambda p: p.call("DELETE", p.first(0)), [0], ProjectCounts(6, 0, 1)),
    "deleted by an action": (
        lambda p: p.act("delete_tasks_annotations", *p.tasks),
        [0, 1],
        ProjectCounts(6, 0, 0),
    ),
    "made from predictions": (
        lambda p: p.act("predictions_to_annotations", *p.tasks),
        [3],
        ProjectCounts(6, 2, 1),
    ),
    "label renamed": (
        lambda p: p.act("rename_labels", old_label_name="car", new_label_name="dog", control_tag="label"),
        [0, 1],
        ProjectCounts(6, 1, 1),
    ),
    "task deleted": (lambda p: p.call("DELETE", f"api/tasks/{p.tasks[0]}/"), [], ProjectCounts(5, 0, 1)),
    "drafted": (
        lambda p: p.call("POST", f"api/tasks/{p.tasks[5]}/drafts", {"result": [REGION]}),
        [],
        ProjectCounts(6, 1, 1),
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_change_moves_the_time_of_its_tasks_and_the_counters(project: Project, name: str) -> None:
    change, moved, counts = CHANGES[name]
    project.annotate(project.tasks[0])
    project.annotate(project.tasks[1], was_cancelled=True)
    project.call("POST", "api/predictions/", {"task": project.tasks[3], "result": [REGION]})
    assert project.reader.counts() == ProjectCounts(6, 1, 1)
    assert project.changed_by(lambda: change(project)) == moved
    assert project.reader.counts() == counts


def test_star_that_moves_leaves_the_other_annotations_own_time(project: Project) -> None:
    first, second = project.annotate(project.tasks[0]), project.annotate(project.tasks[0])
    for made in (first, second):
        project.call("PATCH", f"api/annotations/{made}/", {"ground_truth": True})
        (read,) = project.reader.read(project.tasks[:1])
        starred = {a.id: a.is_ground_truth for a in read.annotations}
        assert starred == {first: made == first, second: made == second}
        if made == first:
            before = {a.id: a.updated_at for a in read.annotations}[first]
    assert {a.id: a.updated_at for a in read.annotations}[first] == before


def test_project_that_is_gone_is_a_refusal_with_404(project: Project) -> None:
    project.call("DELETE", f"api/projects/{project.id}/")
    for call in (
        lambda: project.reader.read_after(0, changed_since=None, limit=1),
        lambda: project.reader.read([1]),
        project.reader.counts,
        project.reader.label_config,
    ):
        with pytest.raises(LabelStudioError) as caught:
            call()  # type: ignore[operator]
        assert caught.value.refused_with == 404


def test_other_address_on_the_same_server_says_nothing_of_the_project(
    label_studio: LabelStudioServer, project: Project
) -> None:
    client = LabelStudioClient(f"{label_studio.url}/elsewhere", label_studio.token)
    with closing(client), pytest.raises(LabelStudioError, match="LABEL_STUDIO_URL") as caught:
        ProjectAnnotations(client, project.id).counts()
    assert caught.value.refused_with is None
