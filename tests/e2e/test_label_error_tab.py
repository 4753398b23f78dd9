"""Labels spoiled in a real Label Studio: `errors` names their tasks, and its tab lists them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from label_studio_sdk.client import LabelStudio

from backend.labelstudio.task_lists import ERRORS_TITLE
from backend.stats.label_errors import ErrorKind
from backend.store.database import Database

from .conftest import RunCommand, SmallProjectFactory
from .projects import Project, call
from .records import EventLog

# How often model and labels agree must be known well before one slip stands out.
COUNT = 40
Regions = list[dict[str, Any]]


@dataclass(frozen=True)
class Accepted:
    """A project all of whose predictions were submitted as they are; `annotations` by task."""

    project: Project
    annotations: dict[int, dict[str, Any]]
    events: EventLog

    def surest(self, count: int) -> list[int]:
        """Return the tasks with the surest regions, of each task its own."""
        best = {task: max(map(_score, made["result"])) for task, made in self.annotations.items()}
        return sorted(best, key=best.__getitem__, reverse=True)[:count]


@pytest.fixture(scope="module")
def accepted(
    sdk: LabelStudio,
    database: Database,
    new_small_project: SmallProjectFactory,
    run_backend_command: RunCommand,
) -> Accepted:
    project = new_small_project("Label errors", COUNT)
    for command in ("connect", "prelabel"):
        done = run_backend_command(command, "--project", str(project.id))
        assert done.returncode == 0, done.stdout + done.stderr
    events = EventLog(database, project.id)
    selected = {"selectedItems": {"all": True, "excluded": []}}
    action = {"id": "predictions_to_annotations", "project": project.id}
    call(sdk, "POST", "api/dm/actions", params=action, json=selected)
    events.expect("ANNOTATIONS_CREATED")
    annotations = {}
    for task in project.tasks.values():
        (annotations[task],) = call(sdk, "GET", f"api/tasks/{task}")["annotations"]
    found = [task for task, made in annotations.items() if made["result"]]
    assert len(found) > COUNT / 2, "the tiny weights find something in most pictures"
    return Accepted(project, {task: annotations[task] for task in found}, events)


def test_what_was_accepted_as_shown_is_not_suspect(
    sdk: LabelStudio, accepted: Accepted, run_backend_command: RunCommand
):
    said = _errors(accepted, run_backend_command)
    assert f"in {COUNT} tasks. Suspected: none." in said
    assert _listed(sdk, accepted.project) == []


def test_spoiled_labels_are_named_and_their_tasks_listed_until_they_are_mended(
    sdk: LabelStudio, accepted: Accepted, run_backend_command: RunCommand
):
    unlabelled, renamed = accepted.surest(2)
    _change(sdk, accepted, unlabelled, _without_the_surest)
    _change(sdk, accepted, renamed, _with_the_surest_renamed)

    said = _errors(accepted, run_backend_command)

    rows = {tuple(line.split()[:3]) for line in said.splitlines()}
    assert (str(unlabelled), *ErrorKind.MISSING.split()) in rows
    assert (str(renamed), *ErrorKind.WRONG_CLASS.split()) in rows
    assert "Suspected: missing label: 1, wrong class: 1." in said
    assert sorted(_listed(sdk, accepted.project)) == sorted([unlabelled, renamed])

    _change(sdk, accepted, renamed, list)

    assert "Suspected: missing label: 1." in _errors(accepted, run_backend_command)
    assert _listed(sdk, accepted.project) == [unlabelled]


def _errors(accepted: Accepted, run_backend_command: RunCommand) -> str:
    done = run_backend_command("errors", "--project", str(accepted.project.id), "--tab")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _listed(sdk: LabelStudio, project: Project) -> list[int]:
    """Return what the tab of label errors lists, in its order."""
    views = call(sdk, "GET", "api/dm/views/", params={"project": project.id})
    (view,) = [view for view in views if view["data"].get("title") == ERRORS_TITLE]
    answer = call(sdk, "GET", "api/tasks/", params={"project": project.id, "view": view["id"]})
    return [task["id"] for task in answer["tasks"]]


def _change(sdk: LabelStudio, accepted: Accepted, task: int, change: Callable[[Regions], Regions]) -> None:
    """Submit the task's annotation once more, `change` applied to what was accepted; wait until we know."""
    made = accepted.annotations[task]
    call(sdk, "PATCH", f"api/annotations/{made['id']}/", json={"result": change(made["result"])})
    accepted.events.expect("ANNOTATION_UPDATED")


def _without_the_surest(regions: Regions) -> Regions:
    return [region for region in regions if region is not max(regions, key=_score)]


def _with_the_surest_renamed(regions: Regions) -> Regions:
    surest = max(regions, key=_score)
    (label,) = surest["value"]["rectanglelabels"]
    other = {"rectanglelabels": ["person" if label == "car" else "car"]}
    renamed = surest | {"value": surest["value"] | other}
    return [renamed if region is surest else region for region in regions]


def _score(region: dict[str, Any]) -> float:
    return float(region["score"])
