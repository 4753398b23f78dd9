"""`advice` on the command line: what people see."""

from dataclasses import replace

import pytest

from backend.errors import NotFound
from backend.services import Services
from backend.store.stored_reports import store_report
from tests.backend.makers import RunCommand
from tests.backend.report.makers import make_report
from tests.backend.tallies import PROJECT, know_project

COMMAND = ("advice", "--project", str(PROJECT))


@pytest.fixture(autouse=True)
def project(services: Services) -> None:
    know_project(services.database)


def test_lines_come_with_urgency_number_reason_and_command(
    services: Services, run_command: RunCommand
) -> None:
    store_report(services.database, make_report(PROJECT), basis="", seconds=1)
    result = run_command(*COMMAND)
    assert result.exit_code == 0, result.output
    lines = [line.strip() for line in result.output.splitlines() if line.strip()]
    assert lines[0] == f"Project {PROJECT} (Street scenes), figures of 2026-03-02 09:30 UTC"
    assert lines[1:4] == ["Now: Look at the new images.", "PSI 0.31", "They are darker."]
    assert lines[4] == "Soon: Review about 320 more images."
    assert lines[7] == "python -m backend next --project 1"
    assert lines[8] == "Fine: Nothing to do."


def test_project_without_a_title_is_named_by_its_id(services: Services, run_command: RunCommand) -> None:
    store_report(services.database, replace(make_report(PROJECT), title=""), basis="", seconds=1)
    assert run_command(*COMMAND).output.startswith(f"Project {PROJECT}, figures of")


def test_new_project_is_told_to_import_images(run_command: RunCommand) -> None:
    output = run_command(*COMMAND).output
    assert "Soon: Import images in Label Studio" in output
    assert f"python -m backend prelabel --project {PROJECT}" in output


def test_unknown_project_is_an_error(run_command: RunCommand) -> None:
    assert isinstance(run_command("advice", "--project", "99").exception, NotFound)
