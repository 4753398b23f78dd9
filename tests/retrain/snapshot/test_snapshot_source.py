"""Where a snapshot reads: Label Studio is asked first, and nothing is lost where it does not answer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr

from backend.errors import LabelStudioError
from backend.services import Services
from backend.settings import Settings
from backend.store.runs import get_run
from backend.training.entities import Side
from retrain.context import RunCancelled
from retrain.snapshot.build import build_snapshot
from retrain.snapshot.errors import SnapshotError
from tests.backend.image_server import ImageServer
from tests.backend.makers import MakeSettings
from tests.backend.pictures import png
from tests.backend.review.fake_annotated_project import FakeAnnotatedProject, box
from tests.retrain.snapshot.conftest import CONFIG, MakeContext


@dataclass
class FakeProject(FakeAnnotatedProject):
    """The project, which also lists its tasks' data; `config` is its labeling config."""

    config: str = CONFIG
    gone: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def label_config(self) -> str:
        self._called("label_config")
        return self.config

    def rows_of(self, ids: Sequence[int], include: str) -> Iterator[list[dict[str, Any]]]:
        assert include == "id,data" and list(ids) == sorted(ids)
        yield [{"id": i, "data": self.tasks[i]} for i in ids if i in self.tasks and i not in self.gone]


@pytest.fixture
def settings(make_settings: MakeSettings, database_address: str) -> Settings:
    return make_settings(database_url=database_address, label_studio_api_key=SecretStr("token"))


@pytest.fixture
def project(services: Services, image_server: ImageServer, monkeypatch: pytest.MonkeyPatch) -> FakeProject:
    """Twelve tasks of four cameras, all annotated, of which nobody has told us."""
    made = FakeProject()
    for task in range(1, 13):
        address = image_server.serve(f"/data/upload/{task}.png?{'a' * 600}", png(40, 20, seed=task))
        made.add_task(task)
        made.tasks[task] = data(address, camera=f"camera {task % 4}")
        made.annotate(10 * task, task)
    monkeypatch.setattr("retrain.snapshot.source.ProjectAnnotations", lambda client, project_id: made)
    monkeypatch.setattr("retrain.snapshot.source.ProjectTasks", lambda client, project_id: made)
    return made


def data(address: str, **fields: Any) -> Mapping[str, Any]:
    return {"image": address, **fields}


def test_what_no_webhook_told_is_in_the_snapshot(make_context: MakeContext, project: FakeProject) -> None:
    snapshot = build_snapshot(make_context())
    assert [e.tasks for e in sorted(snapshot.examples, key=lambda e: e.tasks)] == [
        (task,) for task in range(1, 13)
    ]


def test_what_changed_since_is_read_before_each_snapshot(
    make_context: MakeContext, project: FakeProject
) -> None:
    context = make_context()
    build_snapshot(context)
    project.annotate(999, 3, box("person"))
    project.delete_task(5)
    examples = {task: e for e in build_snapshot(context).examples for task in e.tasks}
    assert 5 not in examples and examples[3].labels[0].startswith("1 ")


def test_labels_follow_the_config_of_label_studio(make_context: MakeContext, project: FakeProject) -> None:
    project.config = CONFIG.replace("person", "tram")
    assert build_snapshot(make_context()).target.labels == ("car", "tram")


def test_images_of_one_group_are_on_one_side(make_context: MakeContext, project: FakeProject) -> None:
    snapshot = build_snapshot(make_context(split_group="camera"))
    sides = {(e.group, e.side) for e in snapshot.examples}
    assert len(sides) == 4 and {side for _, side in sides} == set(Side)
    assert {group for group, _ in sides} == {f"camera {n}" for n in range(4)}


def test_task_that_goes_meanwhile_is_left_out(make_context: MakeContext, project: FakeProject) -> None:
    project.gone = {4}
    snapshot = build_snapshot(make_context())
    assert len(snapshot.examples) == 11 and not any("task 4" in text for text in snapshot.warnings)


def test_attempt_fails_where_label_studio_is_out_of_reach(
    make_context: MakeContext, project: FakeProject
) -> None:
    def away(call: str) -> None:
        raise LabelStudioError("Label Studio does not answer.")

    project.before = away
    with pytest.raises(LabelStudioError):
        build_snapshot(make_context())


def test_refused_sync_is_noted_and_the_ledger_taken(make_context: MakeContext, project: FakeProject) -> None:
    context = make_context()
    build_snapshot(context)

    def refuse(call: str) -> None:
        raise LabelStudioError("The token is of a user who may not.", refused_with=403)

    project.before = refuse
    # Its addresses are too long for the ledger, so that none of the images can be fetched.
    with pytest.raises(SnapshotError) as caught:
        build_snapshot(context)
    assert caught.value.unfetched == 12
    (note,) = get_run(context.services.database, context.run.id).notes
    assert "may not" in note


def test_project_that_is_gone_ends_the_run(make_context: MakeContext, project: FakeProject) -> None:
    project.is_there = False
    with pytest.raises(SnapshotError, match="no project 7") as caught:
        build_snapshot(make_context())
    assert caught.value.is_final


def test_cancelled_run_stops_between_two_pages_of_the_sync(
    make_context: MakeContext, project: FakeProject
) -> None:
    context = make_context()
    context.is_cancelled.set()
    with pytest.raises(RunCancelled):
        build_snapshot(context)
    assert project.calls.count("read_after") == 1
