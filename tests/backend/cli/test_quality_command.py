"""`quality` on the command line: what people see."""

from functools import partial

import pytest

from backend.errors import NotFound
from backend.review.entities import Tally
from backend.services import Services
from tests.backend.makers import RunCommand
from tests.backend.tallies import PROJECT, know_project, store_relabelled, store_tallies


@pytest.fixture
def run(run_command: RunCommand) -> RunCommand:
    """Run `quality` of the project."""
    return partial(run_command, "quality", "--project", str(PROJECT))


@pytest.fixture
def corrected(services: Services) -> None:
    know_project(services.database)
    store_tallies(services.database, 1, {"cat": Tally(kept=3, deleted=1), "dog": Tally(deleted=1)})
    store_relabelled(services.database, 1, ("cat", "dog"))
    store_tallies(services.database, 2, {"cat": Tally(kept=1, deleted=1)}, is_blind=True, annotator=None)


@pytest.mark.usefixtures("corrected")
def test_version_is_shown_with_its_labels_and_the_anchoring_effect(run: RunCommand) -> None:
    result = run()
    assert result.exit_code == 0, result.output
    assert "v1: weeks from 2024-11-04 to 2024-11-04" in result.output
    rows = {line.split()[0]: line.split() for line in result.output.splitlines() if line.strip()}
    assert rows["corrected"][1:6] == ["1", "3", "2", "0", "60.0"]
    assert rows["blind"][1:6] == ["1", "1", "1", "0", "50.0"]
    # Nothing of the label dog was annotated, so there is no recall.
    assert rows["dog"][1:5] == ["1", "0", "1", "0"] and rows["dog"][-3] == "-"
    assert "cat, blind" in result.output
    assert "Corrected minus blind, in points: precision +10.0 (" in result.output
    assert "Most relabelled: cat to dog (1)" in result.output


@pytest.mark.usefixtures("corrected")
def test_tables_fit_a_terminal_of_110_columns(run: RunCommand) -> None:
    lines = run("--annotators", "--weeks").output.splitlines()
    assert max(len(line) for line in lines if not line.startswith("Corrected minus")) <= 110


@pytest.mark.usefixtures("corrected")
def test_annotators_and_weeks_are_shown_when_asked_for(run: RunCommand) -> None:
    assert "annotator 5" not in run().output
    output = run("--annotators", "--weeks").output
    assert "annotator 5" in output and "annotator unknown, blind" in output and "2024-11-04, blind" in output


@pytest.mark.usefixtures("corrected")
def test_project_without_such_corrections_is_told_what_to_do(run: RunCommand) -> None:
    result = run("--version", "v9", "--since", "2024-11-20")
    assert result.exit_code == 0
    assert f"Project {PROJECT} has no corrections of version v9 since 2024-11-20." in result.output
    assert f"python -m backend sync --project {PROJECT}" in result.output


def test_unknown_project_is_an_error(run: RunCommand) -> None:
    assert isinstance(run().exception, NotFound)
