"""`explain` on the command line: one image in words, and in a picture."""

from pathlib import Path

import cv2
import pytest

from backend.entities import Task
from backend.labelstudio.project_tasks import ListedTask
from backend.services import Services
from backend.store.projects import store_project
from tests.backend.image_server import ImageServer
from tests.backend.label_configs import BOXES
from tests.backend.makers import RunCommand
from tests.backend.pictures import png
from tests.backend.review.events import annotation, at, created, process, region, result_of, show

SHOWN = [region("a1", "car"), region("b2", "person", x=400)]


@pytest.fixture
def corrected(services: Services) -> None:
    """Task 1 was shown a car and a person; its annotator made the car a bus and added a dog."""
    show(services.database, SHOWN)
    submitted = annotation(3, [region("a1", "bus"), region("n1", "dog", x=700)])
    unlabelled = {**result_of(region("x1")), "value": {"x": 1, "y": 1, "width": 2, "height": 2}}
    submitted["result"].append(unlabelled)
    process(services.database, created(submitted))


def test_each_region_is_a_line(run_command: RunCommand, corrected: None) -> None:
    result = run_command("explain", "--task", "1")
    assert result.exit_code == 0
    lines = [" ".join(line.split()) for line in result.output.splitlines()]
    assert "relabelled car 0.90 bus 1.00 region id box a1" in lines
    assert "deleted person 0.90 b2" in lines
    assert "added dog n1" in lines
    assert any("Annotation 3 by annotator 5" in line and "count for the task" in line for line in lines)
    assert any(line.startswith("Left out:") and "x1" in line for line in lines)


def test_task_without_annotations_says_so(run_command: RunCommand, services: Services) -> None:
    show(services.database, SHOWN, is_blind=True)
    output = run_command("explain", "--task", "1").output
    assert "2 regions, blind, not shown." in output and "Nobody has submitted" in output


@pytest.mark.parametrize("number", [2**63, -1])
@pytest.mark.parametrize(
    "command",
    [
        pytest.param("explain --task", id="explain task"),
        pytest.param("explain --task 1 --annotation", id="explain annotation"),
        pytest.param("sync --project", id="sync"),
        pytest.param("quality --project", id="quality"),
        pytest.param("reviews --project", id="reviews"),
        pytest.param("reviews --project 7 --annotator", id="reviews annotator"),
    ],
)
def test_number_beyond_any_id_is_a_wrong_option(run_command: RunCommand, command: str, number: int) -> None:
    result = run_command(*command.split(), str(number))
    assert result.exit_code == 2 and "Invalid value for" in result.output


def test_unknown_task_is_an_error(run_command: RunCommand) -> None:
    result = run_command("explain", "--task", "99")
    assert result.exit_code == 1 and "99" in str(result.exception)


@pytest.fixture
def with_image(services: Services, image_server: ImageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Label Studio has the task and its image."""
    image_server.serve("/data/1.png", png())
    store_project(services.database, 7, label_config=BOXES, model_version="v", now=at(0))
    listed = ListedTask(Task(1, {"image": "/data/1.png"}), frozenset())
    monkeypatch.setattr("backend.cli.explain.ProjectTasks.read", lambda *_: [listed])


def test_picture_is_drawn(run_command: RunCommand, corrected: None, with_image: None, tmp_path: Path) -> None:
    target = tmp_path / "task.png"
    result = run_command("explain", "--task", "1", "--picture", str(target))
    assert result.exit_code == 0, result.output
    assert cv2.imread(str(target)).shape[1] >= 900


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("--picture", "no/such/folder/task.png"), id="folder missing"),
        pytest.param(("--picture", "task.nothing"), id="no kind of picture"),
        pytest.param(("--picture", "task.png", "--annotation", "77"), id="no such annotation"),
    ],
)
def test_picture_that_cannot_be_drawn_says_why(
    run_command: RunCommand, corrected: None, with_image: None, arguments: tuple[str, ...]
) -> None:
    result = run_command("explain", "--task", "1", *arguments)
    assert result.exit_code == 1
    assert "could not be written" in str(result.exception) or "Nothing to draw" in str(result.exception)
