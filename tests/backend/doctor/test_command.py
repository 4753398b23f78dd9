"""`doctor` on the command line: lines for people, JSON for programs, exit codes for scripts."""

import json
from collections.abc import Callable

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from backend.cli.doctor import doctor
from backend.doctor.case import Case
from backend.doctor.check import Check, CheckState

Run = Callable[..., Result]
GOOD = Check("weights", CheckState.OK, "tiny-1234: detect")
BAD = Check("redis", CheckState.FAILED, "Redis does not answer: " + "x" * 200, "make run")
DARK = Check("webhook", CheckState.UNKNOWN, "not checked, because it is dark", project=3)


@pytest.fixture
def run(case: Case, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command over these checks."""
    app = typer.Typer()
    app.command()(doctor)
    monkeypatch.setattr("backend.cli.doctor.read_settings", lambda: case.settings)

    def call(*arguments: str, found: list[Check]) -> Result:
        monkeypatch.setattr("backend.cli.doctor.examine", lambda case, project_id: iter(found))
        return CliRunner(env={"COLUMNS": "100"}).invoke(app, list(arguments))

    return call


def test_each_check_is_one_line_and_each_fix_another(run: Run) -> None:
    result = run(found=[GOOD, BAD, DARK])
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["ok", "weights", "tiny-1234:", "detect"]
    assert lines[1].split()[:2] == ["failed", "redis"] and lines[1].endswith("x" * 200)
    assert lines[2].strip() == "fix: make run"
    assert "project 3" in lines and lines[-1] == "1 ok, 1 failed, 1 not checked"
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("found", "code"), [([GOOD], 0), ([GOOD, DARK], 0), ([GOOD, BAD], 1)], ids=["ok", "unknown", "failed"]
)
def test_exit_code_is_1_only_if_something_is_wrong(run: Run, found: list[Check], code: int) -> None:
    assert run(found=found).exit_code == code
    assert run("--json", found=found).exit_code == code


def test_json_holds_a_list_of_objects(run: Run) -> None:
    found = json.loads(run("--json", found=[BAD, DARK]).stdout)
    assert found == [
        {"name": "redis", "state": "failed", "message": BAD.message, "fix": "make run"},
        {"name": "project 3: webhook", "state": "unknown", "message": DARK.message, "fix": ""},
    ]
