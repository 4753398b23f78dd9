"""`next` on the command line: the table, the file, and the tabs in Label Studio."""

import csv
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.errors import BadRequest, NotFound
from backend.labelstudio.client import LabelStudioClient
from backend.services import Services
from backend.store.database import Database
from tests.backend.labelstudio.fake_task_tabs import FakeTaskTabs, person
from tests.backend.makers import RunCommand
from tests.backend.review_rows import PROJECT, log_predictions, open_task, store_rows
from tests.backend.tallies import know_project


@pytest.fixture
def label_studio(monkeypatch: pytest.MonkeyPatch) -> FakeTaskTabs:
    fake = FakeTaskTabs([person(3, "Ann"), person(4, "Bo")])

    def connect(*arguments: Any, **options: Any) -> LabelStudioClient:
        return LabelStudioClient("http://h", "token", transport=httpx.MockTransport(fake.answer))

    monkeypatch.setattr("backend.services.LabelStudioClient", connect)
    return fake


@pytest.fixture
def database(label_studio: FakeTaskTabs, services: Services) -> Database:
    """Three open tasks, the last one with the lowest score."""
    know_project(services.database)
    store_rows(services.database, *map(open_task, (1, 2, 3)))
    for task_id in (1, 2, 3):
        log_predictions(services.database, [(task_id, 1)], score=0.9 - 0.2 * task_id)
    return services.database


def test_table_names_tasks_figures_and_reasons(database: Database, run_command: RunCommand) -> None:
    result = run_command("next", "--project", str(PROJECT))
    assert result.exit_code == 0, result.output
    rows = [line.strip().split(maxsplit=6) for line in result.output.splitlines() if line.strip()]
    assert rows[0][:6] == ["task", "value", "unsure", "disagree", "rare", "unlike"]
    assert [row[0] for row in rows[2:5]] == ["3", "2", "1"]
    assert rows[2] == ["3", "0.42", "0.70", "-", "0.00", "-", "The model is unsure."]
    assert "Only one version has predicted" in result.output
    assert "Label Studio lists" not in result.output


def test_count_is_an_option_and_else_the_projects_setting(
    database: Database, run_command: RunCommand
) -> None:
    assert "why (of 3 tasks)" in run_command("next", "--project", str(PROJECT), "--count", "1").output
    run_command("configure", "--project", str(PROJECT), "next_tasks=2")
    lines = run_command("next", "--project", str(PROJECT)).output.splitlines()
    assert [line.split()[0] for line in lines if line.strip()[:1].isdigit()] == ["3", "2"]


def test_tabs_list_the_tasks_for_all_and_for_each_annotator(
    database: Database, run_command: RunCommand, label_studio: FakeTaskTabs
) -> None:
    result = run_command("next", "--project", str(PROJECT), "--tabs")
    assert "in: Next to label, Ann: next to label, Bo: next to label." in result.output
    assert label_studio.listed("Next to label") == [3, 2, 1]
    assert label_studio.listed("Ann: next to label") == [3, 1]
    assert label_studio.listed("Bo: next to label") == [2]


def test_without_tabs_label_studio_is_left_alone(
    database: Database, run_command: RunCommand, label_studio: FakeTaskTabs
) -> None:
    run_command("next", "--project", str(PROJECT))
    assert label_studio.writes == []


def test_file_holds_what_the_table_does(database: Database, run_command: RunCommand, tmp_path: Path) -> None:
    target = tmp_path / "next.csv"
    result = run_command("next", "--project", str(PROJECT), "--out", str(target))
    assert f"3 tasks were written to {target}." in result.output
    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["task_id"] for row in rows] == ["3", "2", "1"]
    assert rows[0]["reason"] == "The model is unsure." and rows[0]["novelty"] == ""


def test_file_that_cannot_be_written_is_an_error(
    database: Database, run_command: RunCommand, tmp_path: Path
) -> None:
    result = run_command("next", "--project", str(PROJECT), "--out", str(tmp_path / "no" / "next.csv"))
    assert isinstance(result.exception, BadRequest) and "No such file" in result.exception.message


def test_project_without_predictions_is_told_what_to_do(services: Services, run_command: RunCommand) -> None:
    know_project(services.database)
    store_rows(services.database, open_task(1))
    output = run_command("next", "--project", str(PROJECT), "--tabs").output
    assert "No task was predicted yet: python -m backend prelabel" in output


def test_unknown_project_is_an_error(run_command: RunCommand) -> None:
    assert isinstance(run_command("next", "--project", "99").exception, NotFound)
