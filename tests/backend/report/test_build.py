import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from filelock import FileLock

from backend.errors import NotFound, ReportBusy
from backend.report import build
from backend.report.build import current_report
from backend.report.entities import ProjectReport
from backend.review.entities import Tally
from backend.services import Services
from backend.store.stored_reports import store_report
from tests.backend.report import makers
from tests.backend.tallies import PROJECT, know_project, store_tallies


@pytest.fixture(autouse=True)
def project(services: Services) -> None:
    know_project(services.database)


def test_first_report_is_worked_out_and_kept(services: Services) -> None:
    store_tallies(services.database, 1, {"cat": Tally(kept=3, deleted=1)})
    made = current_report(services, PROJECT)
    assert made.quality.versions[0].corrected.tally == Tally(kept=3, deleted=1)
    assert current_report(services, PROJECT) == made


def test_kept_report_is_shown_as_it_is(services: Services) -> None:
    stored = makers.make_report(PROJECT)
    store_report(services.database, stored, basis="", seconds=1)
    assert current_report(services, PROJECT) == stored


def test_unknown_project_has_no_report(services: Services) -> None:
    with pytest.raises(NotFound):
        current_report(services, 404)


def test_many_who_ask_at_once_have_it_worked_out_once(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def slowly(*arguments: object, **named: object) -> ProjectReport:
        made.append(arguments)
        started.wait(timeout=30)
        return makers.make_report(PROJECT)

    started = threading.Event()
    monkeypatch.setattr(build, "_work_out", slowly)
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(current_report, services, PROJECT) for _ in range(4)]
        started.set()
        assert [each.result().project_id for each in asked] == [PROJECT] * 4
    assert len(made) == 1


def test_who_waits_too_long_for_anothers_work_is_told_so(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = services.settings.data_dir / "report-locks"
    folder.mkdir(parents=True)
    monkeypatch.setattr(build, "_LOCK_SECONDS", 0.01)
    with FileLock(folder / f"project-{PROJECT}.lock"), pytest.raises(ReportBusy, match="in a moment"):
        current_report(services, PROJECT)
