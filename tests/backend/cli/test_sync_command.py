"""`sync` on the command line: what was read, what was found, and who had told of it."""

from functools import partial

import pytest

from backend.errors import NotFound
from tests.backend.makers import RunCommand
from tests.backend.review.fake_annotated_project import PROJECT, FakeAnnotatedProject


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> FakeAnnotatedProject:
    made = FakeAnnotatedProject(30)
    made.annotate(20, 2)
    made.annotate(30, 3)
    monkeypatch.setattr("backend.cli.sync.ProjectAnnotations", lambda client, project_id: made)
    return made


@pytest.fixture
def run(run_command: RunCommand) -> RunCommand:
    """Run `sync` of the project."""
    return partial(run_command, "sync", "--project", str(PROJECT))


def test_first_sync_reports_what_it_filled_in(run: RunCommand, project: FakeAnnotatedProject) -> None:
    result = run()
    assert result.exit_code == 0, result.output
    assert "Read 30 tasks (all) with 2 annotations." in result.output
    assert "Found by this sync: 2 missing, 0 changed, 0 deleted." in result.output
    assert "Annotations in the ledger: 0 seen by webhook, 2 found by sync." in result.output


def test_next_sync_reads_what_changed_unless_all_is_asked_for(
    run: RunCommand, project: FakeAnnotatedProject
) -> None:
    run()
    project.delete(20)
    assert "(that changed)" in (output := run().output) and "0 changed, 1 deleted." in output
    assert "Read 30 tasks (all)" in run("--full").output


def test_difference_that_stays_is_a_note(run: RunCommand, project: FakeAnnotatedProject) -> None:
    project.unreadable = {3}
    assert "Note: Label Studio counts otherwise" in run().output


def test_project_that_is_gone_is_an_error(run: RunCommand, project: FakeAnnotatedProject) -> None:
    project.is_there = False
    result = run()
    assert isinstance(result.exception, NotFound) and "marked as deleted" in result.exception.message
