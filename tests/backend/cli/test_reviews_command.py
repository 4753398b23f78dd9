"""`reviews` on the command line: the table, its totals, and CSV files."""

from functools import partial
from pathlib import Path

import pytest
from click.testing import Result

from backend.errors import BadRequest, NotFound
from backend.services import Services
from backend.store.projects import store_project
from tests.backend.makers import RunCommand
from tests.backend.review_rows import NOON, PROJECT, log_predictions, open_task, store_rows, viewed_task


@pytest.fixture
def run(run_command: RunCommand) -> RunCommand:
    """Run `reviews` of the project."""
    return partial(run_command, "reviews", "--project", str(PROJECT))


@pytest.fixture
def table(services: Services) -> None:
    """Three tasks: not viewed with six regions waiting, viewed by 3, viewed blind by 9."""
    blind = viewed_task(3, annotator=9, is_blind=True, image="s3://bucket/Müller.jpg")
    store_rows(services.database, open_task(1), viewed_task(2), blind)
    log_predictions(services.database, [(1, 6)])


def words_of(result: Result, first: str) -> list[str]:
    """Return the words of the table's line that begins with this one."""
    (words,) = (line.split() for line in result.output.splitlines() if line.split()[:1] == [first])
    return words


@pytest.mark.usefixtures("table")
def test_table_shows_counts_and_totals(run: RunCommand) -> None:
    result = run()
    assert result.exit_code == 0, result.output
    heading = result.output.split("───")[0]
    assert heading.split() == "task state pred kept adj relab del add by reviewed image".split()
    assert words_of(result, "1") == "1 not viewed 6 1.jpg".split()
    assert words_of(result, "2") == "2 viewed 5 2 1 1 1 1 3 2025-03-01 2.jpg".split()
    assert words_of(result, "3") == "3 viewed (blind) 5 2 1 1 1 1 9 2025-03-01 Müller.jpg".split()
    assert "Project 7: 1 not viewed, 2 viewed, 0 in training." in result.output


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    ("options", "tasks"),
    [
        pytest.param(["--state", "not_viewed"], ["1"], id="state"),
        pytest.param(["--annotator", "9"], ["3"], id="annotator"),
        pytest.param(["--corrected", "--no-blind"], ["2"], id="corrected, not blind"),
        pytest.param(["--version", "v1", "--blind"], ["3"], id="version, blind"),
        pytest.param(["--since", "2025-03-01"], ["2", "3"], id="since"),
    ],
)
def test_options_filter_table_and_file_alike(run: RunCommand, options: list[str], tasks: list[str]) -> None:
    lines = run(*options, "--csv", "-").output.splitlines()[1:]
    assert [line.split(",")[0] for line in lines] == tasks
    shown = [
        words[0]
        for words in map(str.split, run(*options).output.splitlines())
        if words and words[0].isdigit()
    ]
    assert shown == tasks


@pytest.mark.usefixtures("table")
def test_limit_says_that_there_is_more(run: RunCommand) -> None:
    assert "These are the first 1" in run("--limit", "1").output
    assert "These are the first" not in run("--limit", "3").output


@pytest.mark.usefixtures("table")
def test_filter_that_nothing_matches_says_so(run: RunCommand) -> None:
    assert "No task matches." in run("--annotator", "1").output


@pytest.mark.usefixtures("table")
def test_csv_file_is_written_whole_for_a_spreadsheet(run: RunCommand, tmp_path: Path) -> None:
    target = tmp_path / "reviews.csv"
    target.write_text("old")
    result = run("--csv", str(target), "--limit", "1")
    assert (result.exit_code, result.output) == (0, f"Wrote {target}.\n")
    assert target.read_bytes().startswith(b"\xef\xbb\xbftask,image")
    assert target.read_bytes().count(b"\r\n") == 4 and "Müller" in target.read_text("utf-8")
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.usefixtures("table")
def test_csv_to_the_output_is_csv_alone(run: RunCommand) -> None:
    result = run("--csv", "-")
    assert result.stdout_bytes.startswith(b"task,image")
    assert result.stdout_bytes.count(b"\r\n") == 4


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("target", ["missing/reviews.csv", "."])
def test_file_that_cannot_be_written_is_named(run: RunCommand, target: str, tmp_path: Path) -> None:
    error = run("--csv", str(tmp_path / target)).exception
    assert isinstance(error, BadRequest) and "cannot be written" in error.message


def test_empty_project_says_how_to_read_its_tasks(run: RunCommand, services: Services) -> None:
    store_project(services.database, PROJECT, label_config="<View/>", model_version=None, now=NOON)
    result = run()
    assert result.exit_code == 0 and "python -m backend sync --project 7" in result.output


def test_unknown_project_and_bad_date_are_refused(run: RunCommand) -> None:
    assert isinstance(run().exception, NotFound)
    assert isinstance(run("--since", "monday").exception, BadRequest)
    assert run("--state", "seen").exit_code == 2
