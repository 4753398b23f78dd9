"""`errors` on the command line: the table, the files, the tab in Label Studio, and looking again."""

import csv
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.entities import Box, ImageSize
from backend.errors import BadRequest, NotFound
from backend.labelstudio.client import LabelStudioClient
from backend.services import Services
from backend.stats.label_errors import Found, Mark
from backend.store.database import Database
from tests.backend.annotations_of_several import annotate, predict
from tests.backend.labelstudio.fake_task_tabs import FakeTaskTabs
from tests.backend.makers import RunCommand
from tests.backend.review_rows import PROJECT, store_rows, viewed_task
from tests.backend.tallies import know_project

TAB = "Suspected label errors"
COMMAND = ("errors", "--project", str(PROJECT))
COUNT = 80


@pytest.fixture
def label_studio(monkeypatch: pytest.MonkeyPatch) -> FakeTaskTabs:
    fake = FakeTaskTabs(tasks=COUNT)

    def connect(*arguments: Any, **options: Any) -> LabelStudioClient:
        return LabelStudioClient("http://h", "token", transport=httpx.MockTransport(fake.answer))

    monkeypatch.setattr("backend.services.LabelStudioClient", connect)
    return fake


@pytest.fixture
def database(label_studio: FakeTaskTabs, services: Services) -> Database:
    """Cars and dogs; task 5 is labelled car where the model says dog, in task 8 the model finds nothing."""
    know_project(services.database)
    for task in range(1, COUNT + 1):
        said = "car" if task % 2 else "dog"
        if task != 8:
            predict(services.database, task, "dog" if task == 5 else said)
        store_rows(services.database, viewed_task(task))
        annotate(services.database, 10 * task, task, 3, said)
    return services.database


def rows_of(output: str) -> list[list[str]]:
    """Return the cells of the lines that begin with a task."""
    lines = [line.split() for line in output.splitlines()]
    return [line for line in lines if line and line[0].isdigit() and len(line) > 3]


def test_table_says_what_is_wrong_where_and_why(database: Database, run_command: RunCommand) -> None:
    result = run_command(*COMMAND)
    assert result.exit_code == 0, result.output
    (row,) = [line for line in result.output.splitlines() if line.strip().startswith("5 ")]
    assert row.split()[:5] == ["5", "wrong", "class", "car", "dog"]
    assert "Labelled car; the model says dog with 90 %." in " ".join(result.output.split())
    assert f"Looked at {COUNT - 1} labels in {COUNT - 1} tasks. Suspected: wrong class: 1." in result.output
    assert "--predict" in result.output, "task 8 has no prediction"


def test_kinds_are_filtered_and_the_rest_is_still_counted(
    database: Database, run_command: RunCommand
) -> None:
    result = run_command(*COMMAND, "--kind", "missing label", "--kind", "loose box")
    assert "the model says" not in result.output
    assert "Suspected: wrong class: 1." in result.output
    assert "the model says" in run_command(*COMMAND, "--kind", "wrong class").output


def test_file_holds_each_error_in_pixels(database: Database, run_command: RunCommand, tmp_path: Path) -> None:
    target = tmp_path / "errors.csv"
    assert f"Suspected errors written to {target}: 1." in run_command(*COMMAND, "--out", str(target)).output
    with target.open(newline="", encoding="utf-8-sig") as file:
        (row,) = csv.DictReader(file)
    assert (row["task"], row["annotation"], row["what"]) == ("5", "50", "wrong class")
    assert (row["label"], row["model_label"], row["model_score"]) == ("car", "dog", "0.9")
    assert [float(row[name]) for name in ("x1", "y1", "x2", "y2")] == [10, 10, 30, 30]
    assert 0 < float(row["score"]) < 1
    assert row["image"] == "/data/upload/5.jpg"


def test_file_can_be_json(database: Database, run_command: RunCommand, tmp_path: Path) -> None:
    target = tmp_path / "errors.json"
    run_command(*COMMAND, "--out", str(target))
    (row,) = json.loads(target.read_text())
    assert (row["task_id"], row["kind"], row["predicted_label"]) == (5, "wrong class", "dog")
    assert row["box"] == {"x1": 10, "y1": 10, "x2": 30, "y2": 30}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param("errors.txt", "expected a file that ends in .csv or .json", id="ending"),
        pytest.param("none/errors.csv", "cannot be written", id="folder"),
    ],
)
def test_file_that_cannot_be_written_is_an_error(
    database: Database, run_command: RunCommand, tmp_path: Path, name: str, said: str
) -> None:
    error = run_command(*COMMAND, "--out", str(tmp_path / name)).exception
    assert isinstance(error, BadRequest) and said in error.message


def test_tab_lists_the_tasks(database: Database, run_command: RunCommand, label_studio: FakeTaskTabs) -> None:
    result = run_command(*COMMAND, "--tab")
    assert f'Tasks listed in Label Studio in the tab "{TAB}": 1.' in result.output
    assert label_studio.listed(TAB) == [5]


def test_without_tab_label_studio_is_left_alone(
    database: Database, run_command: RunCommand, label_studio: FakeTaskTabs
) -> None:
    run_command(*COMMAND)
    assert label_studio.writes == []


def test_most_shortens_the_table(database: Database, run_command: RunCommand, services: Services) -> None:
    predict(services.database, 4, "car")
    result = run_command(*COMMAND, "--most", "1")
    assert len(rows_of(result.output)) == 1
    assert "These are the first 1 of 2; --most shows more." in result.output


def test_looking_again_judges_what_the_log_cannot(
    database: Database, run_command: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = ImageSize(100, 100)
    again = {8: Found("v9", size, (Mark("car", "label", Box(10, 10, 30, 30), 0.9),))}
    monkeypatch.setattr("backend.cli.errors.predict_again", lambda *given, **told: again)
    result = run_command(*COMMAND, "--predict")
    assert {row[0] for row in rows_of(result.output)} == {"5", "8"}
    assert "without a prediction" not in result.output


def test_unknown_project_is_an_error(run_command: RunCommand) -> None:
    assert isinstance(run_command("errors", "--project", "99").exception, NotFound)


def test_project_without_reviews_has_no_errors(services: Services, run_command: RunCommand) -> None:
    know_project(services.database)
    assert "Looked at 0 labels in 0 tasks. Suspected: none." in run_command(*COMMAND).output
