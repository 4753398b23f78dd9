"""Reports are queued where something changed, the oldest first, and no more than there is time for."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from backend.errors import NotFound
from backend.report.build import make_report
from backend.report.renew import queue_old_reports, renew_report
from backend.review.entities import Tally
from backend.services import Services
from backend.store.ledger_tables import SqlSync
from backend.store.project_settings import set_project_settings
from backend.store.report_tables import SqlStoredReport
from backend.store.stored_reports import read_report, store_report
from backend.store.training_tables import SqlProjectSetting
from tests.backend.makers import MakeServices, MakeSettings
from tests.backend.report import makers
from tests.backend.tallies import PROJECT, know_project, store_tallies


@pytest.fixture
def served(make_services: MakeServices, make_settings: MakeSettings, redis_address: str) -> Services:
    services = make_services(make_settings(redis_url=redis_address))
    know_project(services.database)
    return services


def age(services: Services, *, minutes: float, seconds: float) -> None:
    """Let all reports be so much older, and have taken so long."""
    with services.database.write() as session:
        for row in session.scalars(select(SqlStoredReport)):
            row.made_at, row.seconds = row.made_at - timedelta(minutes=minutes), seconds


def test_project_without_a_report_gets_one(served: Services) -> None:
    assert queue_old_reports(served) == [PROJECT]


def test_report_is_queued_only_where_something_changed(served: Services) -> None:
    make_report(served, PROJECT)
    age(served, minutes=1, seconds=0.1)
    assert queue_old_reports(served) == []
    store_tallies(served.database, 1, {"cat": Tally(kept=3)})
    assert queue_old_reports(served) == [PROJECT]


def test_report_that_took_long_is_not_made_again_at_once(served: Services) -> None:
    make_report(served, PROJECT)
    store_tallies(served.database, 1, {"cat": Tally(kept=3)})
    age(served, minutes=1, seconds=60)
    assert queue_old_reports(served) == []
    age(served, minutes=30, seconds=60)
    assert queue_old_reports(served) == [PROJECT]


def test_projects_that_wait_longest_come_first_and_others_with_the_next_look(served: Services) -> None:
    for number in (1, 2, 3):
        know_project(served.database, number)
        report = makers.make_report(number)
        store_report(
            served.database, replace(report, made_at=report.made_at - timedelta(number)), basis="", seconds=15
        )
    make_report(served, PROJECT)
    assert queue_old_reports(served) == [3, 2]


def test_project_that_is_gone_gets_none(served: Services) -> None:
    with served.database.write() as session:
        zero = dict.fromkeys(("cursor", "tasks", "annotations", "missing", "changed", "deleted"), 0)
        session.add(SqlSync(project_id=PROJECT, gone_at=makers.NOW, **zero))
    assert queue_old_reports(served) == []


def test_project_with_a_bad_setting_harms_no_other(served: Services) -> None:
    know_project(served.database, 8)
    make_report(served, PROJECT)
    make_report(served, 8)
    age(served, minutes=1, seconds=0.1)
    set_project_settings(served.database, 8, {"TARGET_F1": 0.5}, served.settings)
    with served.database.write() as session:
        session.get_one(SqlProjectSetting, (8, "target_f1")).value = 7
    store_tallies(served.database, 1, {"cat": Tally(kept=3)})
    assert queue_old_reports(served) == [PROJECT]
    assert not renew_report(served, 8)


def test_queued_project_gets_its_report(served: Services) -> None:
    assert renew_report(served, PROJECT)
    assert read_report(served.database, PROJECT) is not None


def test_queued_project_that_is_unknown_by_now_is_left_alone(served: Services) -> None:
    assert not renew_report(served, 404)
    with pytest.raises(NotFound):
        make_report(served, 404)
