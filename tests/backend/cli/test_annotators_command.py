"""`annotators` on the command line: what people see."""

from dataclasses import replace

import pytest

from backend.errors import NotFound
from backend.services import Services
from backend.store.stored_reports import store_report
from tests.backend.makers import RunCommand
from tests.backend.report.makers import make_report
from tests.backend.tallies import PROJECT, know_project

COMMAND = ("annotators", "--project", str(PROJECT))


@pytest.fixture(autouse=True)
def project(services: Services) -> None:
    know_project(services.database)


def cells_of(output: str, name: str) -> list[str]:
    """Return the words after the name in its row of the table."""
    lines = [line.strip() for line in output.splitlines()]
    row = next(line for line in lines if line.startswith(name) and ":" not in line)
    return row.removeprefix(name).split()


def test_each_annotator_has_a_row_with_name_time_and_untouched_rate(
    services: Services, run_command: RunCommand
) -> None:
    store_report(services.database, make_report(PROJECT), basis="", seconds=1)
    result = run_command(*COMMAND)
    assert result.exit_code == 0, result.output
    assert cells_of(result.output, "Ada Byron")[:10] == "200 0 40 (36 to 45) 20 (15 to 25)".split()
    assert cells_of(result.output, "Edsger Wybe")[:10] == "200 6 10 (6 to 15) 98 (93 to 100)".split()
    assert "Edsger Wybe: Leaves 98 % of what is shown as it is." in result.output
    assert "2026-01-05" not in result.output
    assert max(map(len, result.output.splitlines())) <= 110


def test_weeks_are_an_option(services: Services, run_command: RunCommand) -> None:
    store_report(services.database, make_report(PROJECT), basis="", seconds=1)
    output = run_command(*COMMAND, "--weeks").output
    assert "grace@example.org, week of" in output
    assert cells_of(output, "2026-03-23") == ["16", "29", "20"]


def test_unnamed_annotators_go_by_id_and_unknown_figures_are_dashes(
    services: Services, run_command: RunCommand
) -> None:
    report = make_report(PROJECT)
    first, second, _ = report.annotators
    unknown = replace(first, seconds=None, untouched=None, weeks=())
    nameless = replace(report, names={}, annotators=(unknown, replace(second, annotator=None)))
    store_report(services.database, nameless, basis="", seconds=1)
    output = run_command(*COMMAND).output
    assert cells_of(output, "annotator 5")[:4] == ["200", "0", "-", "-"]
    assert cells_of(output, "the annotator without a name")[0] == "200"


def test_project_without_annotations_is_told_what_helps(run_command: RunCommand) -> None:
    result = run_command(*COMMAND)
    assert result.exit_code == 0
    assert f"python -m backend sync --project {PROJECT}" in result.output


def test_unknown_project_is_an_error(run_command: RunCommand) -> None:
    assert isinstance(run_command("annotators", "--project", "99").exception, NotFound)
