from datetime import UTC, datetime, timedelta

import pytest

from backend.errors import NotFound
from backend.report.build import basis_of, current_report, make_report, renew_reports
from backend.review.entities import Tally
from backend.services import Services
from backend.store.database import Database
from backend.store.stored_reports import read_basis, store_report
from tests.backend.report import makers
from tests.backend.tallies import PROJECT, know_project, store_tallies

NOW = datetime(2026, 3, 2, tzinfo=UTC)


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


def test_report_is_renewed_only_where_something_changed(services: Services) -> None:
    assert renew_reports(services) == 1
    assert renew_reports(services) == 0
    store_report(services.database, makers.make_report(PROJECT), basis="old", seconds=1)
    # What was stored last is newer than the makers' report, which therefore replaced nothing.
    assert renew_reports(services) == 0


def test_report_that_took_long_is_not_renewed_at_once(services: Services) -> None:
    report = make_report(services, PROJECT)
    store_report(services.database, report, basis="old", seconds=60)
    assert renew_reports(services) == 0


def test_report_of_something_else_is_renewed(services: Services) -> None:
    report = make_report(services, PROJECT)
    store_report(services.database, report, basis="old", seconds=0.0)
    assert renew_reports(services) == 1
    found = read_basis(services.database, PROJECT)
    assert found is not None and found.basis != "old"


def test_basis_changes_with_the_day_and_with_what_is_stored(database: Database) -> None:
    know_project(database)
    first = basis_of(database, PROJECT, now=NOW)
    assert basis_of(database, PROJECT, now=NOW + timedelta(hours=1)) == first
    assert basis_of(database, PROJECT, now=NOW + timedelta(days=1)) != first
    store_tallies(database, 1, {"cat": Tally(kept=1)})
    assert basis_of(database, PROJECT, now=NOW) != first
