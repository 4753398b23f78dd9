"""`agreement` and `overlap` on the command line: what people see."""

from typing import Any

import httpx
import pytest

from backend.errors import BadRequest, NotFound
from backend.labelstudio.client import LabelStudioClient
from backend.services import Services
from backend.store.database import Database
from tests.backend.annotations_of_several import annotate, predict
from tests.backend.labelstudio.fake_project import FakeProject
from tests.backend.makers import RunCommand
from tests.backend.tallies import PROJECT, know_project


@pytest.fixture
def database(services: Services) -> Database:
    know_project(services.database)
    return services.database


def rows_of(output: str) -> dict[str, list[str]]:
    """Return the cells of each line by the first two words."""
    lines = [line.split() for line in output.splitlines() if line.strip()]
    return {" ".join(words[:2]): words for words in lines}


def test_tables_show_labels_pairs_and_tasks(database: Database, run_command: RunCommand) -> None:
    for number in range(8):
        annotate(database, 2 * number + 1, number, 3, "cat")
        annotate(database, 2 * number + 2, number, 4, "dog" if number == 5 else "cat")
    result = run_command("agreement", "--project", str(PROJECT))
    assert result.exit_code == 0, result.output
    rows = rows_of(result.output)
    assert rows["all 8"][:4] == ["all", "8", "16", "88"]
    assert rows["dog 1"][:4] == ["dog", "1", "1", "0"]
    assert rows["3 and"][:6] == ["3", "and", "4", "8", "16", "88"]
    assert rows["task 5"][2:5] == ["0", "1", "1"]
    assert "task 4" not in rows, "full agreement is no task to look at"
    assert max(map(len, result.output.splitlines())) <= 110


def test_iou_and_model_are_options(database: Database, run_command: RunCommand) -> None:
    predict(database, 10, "cat")
    annotate(database, 1, 10, 3, "cat", shown_id=1)
    annotate(database, 2, 10, 4, "cat")
    command = ("agreement", "--project", str(PROJECT), "--iou", "0.75")
    assert "3 and model" in run_command(*command).output
    assert "model" not in run_command(*command, "--model", "left-out").output
    assert "from an IoU of 0.75 on" in run_command(*command).output


def test_choices_are_shown_with_kappa(database: Database, run_command: RunCommand) -> None:
    for number, said in enumerate(["sun", "rain", "sun", "rain"]):
        chosen = {"type": "choices", "from_name": "weather", "to_name": "image", "value": {"choices": [said]}}
        annotate(database, 2 * number + 1, number, 3, result=[chosen])
        annotate(database, 2 * number + 2, number, 4, result=[chosen])
    output = run_command("agreement", "--project", str(PROJECT)).output
    assert "weather: 3 and 4" in output and "100 (" in output


def test_project_without_overlap_is_told_how_to_get_it(database: Database, run_command: RunCommand) -> None:
    annotate(database, 1, 10, 3, "cat")
    result = run_command("agreement", "--project", str(PROJECT))
    assert result.exit_code == 0
    assert f"python -m backend overlap --project {PROJECT} --share 0.1 --annotators 2" in result.output


def test_unknown_project_is_an_error(run_command: RunCommand) -> None:
    assert isinstance(run_command("agreement", "--project", "99").exception, NotFound)


@pytest.fixture
def project(services: Services, monkeypatch: pytest.MonkeyPatch) -> FakeProject:
    fake = FakeProject(PROJECT)
    answer = fake.answer

    def connect(*arguments: Any, **options: Any) -> LabelStudioClient:
        return LabelStudioClient("http://h", "token", transport=httpx.MockTransport(answer))

    monkeypatch.setattr("backend.services.LabelStudioClient", connect)
    return fake


@pytest.mark.usefixtures("project")
def test_overlap_says_what_it_set_and_that_it_is_set(run_command: RunCommand) -> None:
    command = ("overlap", "--project", str(PROJECT), "--share", "0.1", "--annotators", "2")
    said = "10 % of its tasks (31 of 305) labelled by 2 people each, served before the others."
    assert f"Project {PROJECT} now has {said}" in run_command(*command).output
    assert f"Project {PROJECT} already has {said}" in run_command(*command).output


@pytest.mark.usefixtures("project")
def test_overlap_is_switched_off(run_command: RunCommand) -> None:
    run_command("overlap", "--project", str(PROJECT), "--share", "0.5", "--no-first")
    assert "now has one annotator for every task" in run_command("overlap", "--project", "7", "--off").output
    assert "already has one annotator" in run_command("overlap", "--project", "7", "--off").output


def test_every_whole_percent_is_a_share(project: FakeProject, run_command: RunCommand) -> None:
    for share in ("0.01", "0.29", "0.57", "1"):
        run_command("overlap", "--project", str(PROJECT), "--share", share)
    assert [patch["overlap_cohort_percentage"] for patch in project.patches] == [1, 29, 57, 100]


@pytest.mark.parametrize("share", ["0", "0.001", "0.125", "1.5", "-1", "nan"])
def test_share_that_label_studio_cannot_keep_is_refused(
    project: FakeProject, run_command: RunCommand, share: str
) -> None:
    error = run_command("overlap", "--project", str(PROJECT), "--share", share).exception
    assert isinstance(error, BadRequest) and "from 0.01 to 1 in whole percent" in error.message
    assert project.patches == []
