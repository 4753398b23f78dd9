import pytest

from backend.errors import NotFound
from backend.report.build import current_report
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
