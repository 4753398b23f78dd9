"""`drift` on the command line: what people see."""

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from backend.errors import NotFound
from backend.services import Services
from backend.stats.change import Measure
from backend.store.stored_reports import store_report
from tests.backend.drifting import draw, predict, serve
from tests.backend.makers import RunCommand
from tests.backend.registry.makers import PROJECT
from tests.backend.report.makers import make_report
from tests.backend.tallies import know_project


@pytest.fixture
def run(run_command: RunCommand) -> RunCommand:
    """Run `drift` of the project."""
    return partial(run_command, "drift", "--project", str(PROJECT))


@pytest.fixture
def darker(services: Services, tiny_weights: Path) -> str:
    """Predictions of two days, which are of darker images than those held out of training."""
    version = serve(services.database, services.artifacts, tiny_weights, draw(100, seed=1)).version
    at = datetime.now(UTC) - timedelta(days=2)
    predict(services.database, version, draw(100, seed=2, light=0.2), at=at)
    return version


def test_each_measure_is_shown_with_figure_limit_verdict_and_sentence(run: RunCommand, darker: str) -> None:
    result = run()
    assert result.exit_code == 0, result.output
    assert f"Model: {darker}" in result.output
    assert "Images: 100 held out of its training, 100 of the period" in result.output
    lines = result.output.split("training %")[0].splitlines()
    lines = [line for line in lines if line.split()[-1:] in [["none"], ["large"]]]
    rows = {
        re.split(r" \d", line)[0].strip(): re.split(r" (?=\d)", line, maxsplit=1)[1].split() for line in lines
    }
    verdicts = {measure: rows[measure][-1] for measure in set(Measure) - {Measure.PREDICTION_BIAS}}
    assert verdicts == {**dict.fromkeys(verdicts, "none"), Measure.BRIGHTNESS: "large"}
    assert rows[Measure.BRIGHTNESS][:2] == ["100,", "100"]
    assert float(rows[Measure.BRIGHTNESS][2]) > float(rows[Measure.BRIGHTNESS][-2])
    assert "The brightnesses of images have changed much: the median was 0.4" in result.output
    assert "No change of the sizes of images can be seen" in result.output
    assert (
        "Note: To tell whether some classes are predicted too often takes 20 reviewed tasks" in result.output
    )


def test_bins_that_have_changed_most_are_shown_of_what_has_changed(run: RunCommand, darker: str) -> None:
    output = run().output
    _, table = output.split("training %")
    figures = [re.findall(r"(\S+) \(", line)[-1] for line in table.splitlines() if line.count("(") == 3]
    differences = [abs(float(figure)) for figure in figures]
    assert len(differences) == 5 and differences == sorted(differences, reverse=True)


def test_other_number_of_days_is_worked_out_anew(run: RunCommand, darker: str) -> None:
    result = run("--days", "1")
    assert "Images: 100 held out of its training, 0 of the period" in result.output
    assert f"python -m backend prelabel --project {PROJECT}" in result.output


def test_figures_are_those_of_the_kept_report(run: RunCommand, services: Services) -> None:
    know_project(services.database, PROJECT)
    kept = make_report(PROJECT)
    store_report(services.database, kept, basis="", seconds=1)
    output = run().output
    assert all(drift.sentence in output for drift in kept.drift.measures)


def test_project_without_a_trained_model_is_told_what_to_do(run: RunCommand, services: Services) -> None:
    know_project(services.database, PROJECT)
    result = run()
    assert result.exit_code == 0
    assert "Model: the weights of the settings" in result.output and "Images:" not in result.output
    assert f"python -m backend train --project {PROJECT}" in result.output


@pytest.mark.parametrize("options", [(), ("--days", "3")], ids=["kept", "anew"])
def test_unknown_project_is_an_error(run: RunCommand, options: tuple[str, ...]) -> None:
    assert isinstance(run(*options).exception, NotFound)


def test_tables_fit_a_terminal_of_110_columns(run: RunCommand, darker: str) -> None:
    rows = [line for line in run().output.splitlines() if not line.endswith((".", ").")) and "  " in line]
    assert rows and max(map(len, rows)) <= 110
