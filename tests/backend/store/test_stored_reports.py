from dataclasses import replace
from datetime import timedelta

from backend.store.base import table_of
from backend.store.database import Database, upsert
from backend.store.report_tables import SqlStoredReport
from backend.store.stored_reports import StoredBasis, read_basis, read_report, read_report_title, store_report
from tests.backend.report.makers import NOW, make_report


def test_stored_report_is_read_as_it_was(database: Database) -> None:
    report = make_report(7)
    store_report(database, report, basis="a" * 64, seconds=1.5)
    assert read_report(database, 7) == report
    assert read_basis(database, 7) == StoredBasis("a" * 64, NOW, 1.5)


def test_project_without_report_has_none(database: Database) -> None:
    assert read_report(database, 7) is None
    assert read_basis(database, 7) is None


def test_title_is_that_of_the_report(database: Database) -> None:
    assert read_report_title(database, 7) is None
    store_report(database, make_report(7, title=""), basis="a", seconds=1)
    assert read_report_title(database, 7) is None
    store_report(database, make_report(7, title="Street"), basis="a", seconds=1)
    assert read_report_title(database, 7) == "Street"


def test_older_report_replaces_no_newer_one(database: Database) -> None:
    store_report(database, make_report(7, title="new"), basis="b", seconds=1)
    store_report(
        database, replace(make_report(7, title="old"), made_at=NOW - timedelta(1)), basis="a", seconds=1
    )
    found = read_report(database, 7)
    assert found is not None and found.title == "new"


def test_report_of_another_program_version_counts_as_none(database: Database) -> None:
    row = {"project_id": 7, "basis": "", "made_at": NOW, "seconds": 1.0, "body": {"other": 1}}
    with database.write() as session:
        upsert(session, table_of(SqlStoredReport), row)
    assert read_report(database, 7) is None
