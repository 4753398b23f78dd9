"""The report as one file: all in it, nothing from elsewhere."""

import re
from pathlib import Path

import pytest

from backend.errors import BadRequest, NotFound
from backend.services import Services
from backend.store.stored_reports import store_report
from tests.backend.makers import RunCommand
from tests.backend.report.makers import make_report
from tests.backend.tallies import PROJECT, know_project


@pytest.fixture
def written(run_command: RunCommand, services: Services, tmp_path: Path) -> str:
    know_project(services.database)
    store_report(services.database, make_report(PROJECT), basis="", seconds=1)
    target = tmp_path / "report.html"
    result = run_command("report", "--project", str(PROJECT), "--out", str(target), "--no-renew")
    assert result.exit_code == 0, result.output
    return target.read_text(encoding="utf-8")


def test_file_holds_the_figures_of_the_page(written: str) -> None:
    report = make_report(PROJECT)
    f1 = report.quality.versions[0].corrected.f1
    assert f1 is not None and f"{f1.value:.2f}" in written
    assert report.advice[1].reason in written


def test_file_asks_for_no_other_file(written: str) -> None:
    head = re.sub(r"<script>.*?</script>", "", written, flags=re.DOTALL)
    assert not re.findall(r"""<(?:script|link|img|iframe)[^>]+(?:src|href)=["'](?!data:)[^"']+""", head)
    assert "Plotly" in written


def test_file_has_no_action_and_no_way_to_the_server(written: str) -> None:
    assert "<form" not in written
    assert 'href="/dashboard' not in written


def test_file_that_cannot_be_written_is_named(
    run_command: RunCommand, services: Services, tmp_path: Path
) -> None:
    know_project(services.database)
    target = tmp_path / "missing" / "report.html"
    error = run_command("report", "--project", str(PROJECT), "--out", str(target)).exception
    assert isinstance(error, BadRequest) and "cannot be written" in error.message


def test_unknown_project_writes_nothing(run_command: RunCommand, tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    error = run_command("report", "--project", "404", "--out", str(target)).exception
    assert isinstance(error, NotFound) and not target.exists()
