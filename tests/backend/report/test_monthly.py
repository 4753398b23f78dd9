"""The report of a month goes out once, with its file, after the month is over."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from backend.alerts.delivery import deliver_due
from backend.errors import ArtifactError
from backend.report import monthly
from backend.report.monthly import raise_monthly_reports
from backend.review.entities import Tally
from backend.services import Services
from backend.store.alerts import list_alerts
from backend.store.project_settings import set_project_settings
from tests.backend.alerts.hook_server import HookServer, run_hook_server
from tests.backend.makers import MakeServices, MakeSettings
from tests.backend.tallies import PROJECT, know_project, store_tallies

# Annotations of the makers are of November 2024.
DECEMBER = datetime(2024, 12, 1, 0, 5, tzinfo=UTC)


@pytest.fixture
def told(make_services: MakeServices, make_settings: MakeSettings, hooks: HookServer) -> Services:
    services = make_services(make_settings(alert_urls=hooks.address()))
    know_project(services.database)
    store_tallies(services.database, 1, {"cat": Tally(kept=3, deleted=1)})
    set_project_settings(services.database, PROJECT, {"REPORT_MONTHLY": True}, services.settings)
    return services


@pytest.fixture
def hooks() -> Iterator[HookServer]:
    with run_hook_server() as server:
        yield server


def test_month_that_is_over_is_reported_once(told: Services, hooks: HookServer) -> None:
    assert [raise_monthly_reports(told, now=DECEMBER) for _ in range(2)] == [1, 0]
    assert deliver_due(told.database, told.settings, now=DECEMBER) == 1
    later = DECEMBER + timedelta(minutes=5)
    assert raise_monthly_reports(told, now=later) == 0
    assert deliver_due(told.database, told.settings, now=later) == 0
    ((_, message),) = hooks.taken
    assert message["title"] == "Label Studio backend: monthly report"
    assert "in November 2024" in message["message"]


def test_file_goes_along_and_is_deleted_then(told: Services, hooks: HookServer) -> None:
    raise_monthly_reports(told, now=DECEMBER)
    file = told.settings.data_dir / "reports" / f"project-{PROJECT}-2024-11.html"
    assert file.is_file()
    deliver_due(told.database, told.settings, now=DECEMBER)
    ((_, message),) = hooks.taken
    assert [each["filename"] for each in message["attachments"]] == [file.name]
    raise_monthly_reports(told, now=DECEMBER)
    assert not file.exists()


def test_next_month_is_reported_anew(told: Services, hooks: HookServer) -> None:
    for now in (DECEMBER, DECEMBER + timedelta(days=31)):
        assert raise_monthly_reports(told, now=now) == 1
        deliver_due(told.database, told.settings, now=now)
    assert len(hooks.taken) == 2


def test_report_that_was_sent_is_no_open_alert(told: Services) -> None:
    raise_monthly_reports(told, now=DECEMBER)
    deliver_due(told.database, told.settings, now=DECEMBER)
    raise_monthly_reports(told, now=DECEMBER + timedelta(minutes=5))
    assert list_alerts(told.database, is_open=True) == []


def test_month_in_which_nobody_had_begun_is_not_reported(told: Services) -> None:
    assert raise_monthly_reports(told, now=datetime(2024, 11, 20, tzinfo=UTC)) == 0


def test_project_that_wants_none_gets_none(told: Services) -> None:
    set_project_settings(told.database, PROJECT, {"REPORT_MONTHLY": None}, told.settings)
    assert raise_monthly_reports(told, now=DECEMBER) == 0


def test_report_that_fails_is_tried_again(told: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ArtifactError("out of reach")

    with monkeypatch.context() as patched:
        patched.setattr(monthly, "make_report", fail)
        assert raise_monthly_reports(told, now=DECEMBER) == 0
    assert raise_monthly_reports(told, now=DECEMBER) == 1
