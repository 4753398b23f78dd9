"""`outlook` on the command line: what people see."""

import pytest

from backend.errors import NotFound
from backend.services import Services
from backend.store.stored_reports import store_report
from tests.backend.makers import RunCommand
from tests.backend.report.makers import make_report
from tests.backend.tallies import PROJECT, know_project

COMMAND = ("outlook", "--project", str(PROJECT))


@pytest.fixture(autouse=True)
def project(services: Services) -> None:
    know_project(services.database)


def test_answer_comes_first_then_notes_versions_and_labels(
    services: Services, run_command: RunCommand
) -> None:
    store_report(services.database, make_report(PROJECT), basis="", seconds=1)
    result = run_command(*COMMAND)
    assert result.exit_code == 0, result.output
    lines = [line for line in result.output.splitlines() if line.strip()]
    assert lines[:2] == ["F1 0.85 takes about 320 more reviewed images.", "Note: A note."]
    rows = [line.split() for line in lines]
    assert ["v2", "120", "0.700", "0.020"] in rows
    assert ["car", "500", "80.0", "170", "60", "0.80"] in rows


def test_another_target_may_be_asked_for(run_command: RunCommand) -> None:
    assert "until F1 0.85 cannot be told" in run_command(*COMMAND).output
    assert "until F1 0.6 cannot be told" in run_command(*COMMAND, "--target", "0.6").output


@pytest.mark.parametrize("target", ["0", "1", "85", "nan"])
def test_target_that_is_no_f1_is_refused(run_command: RunCommand, target: str) -> None:
    assert run_command(*COMMAND, "--target", target).exit_code != 0


def test_unknown_project_is_an_error(run_command: RunCommand) -> None:
    assert isinstance(run_command("outlook", "--project", "99").exception, NotFound)
