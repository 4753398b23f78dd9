"""Messages arrive once at every address, however often the sending fails or the process is killed."""

import io
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from backend.alerts import delivery
from backend.alerts.delivery import deliver_due
from backend.alerts.entities import Alert
from backend.settings import Settings
from backend.store.alerts import FIRST_PAUSE, list_alerts, pause_after, raise_alert, resolve_alert
from backend.store.database import Database
from tests.backend.alerts.hook_server import HookServer
from tests.backend.makers import MakeSettings

# apprise imports a module of Python's that goes with 3.13.

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
RAISED, RESOLVED = "Label Studio backend: run failed", "Label Studio backend: resolved: run failed"


@pytest.fixture
def told(make_settings: MakeSettings, hooks: HookServer) -> Settings:
    """Settings with one address."""
    return make_settings(alert_urls=hooks.address())


@pytest.fixture
def both_told(make_settings: MakeSettings, hooks: HookServer) -> Settings:
    """Settings with two addresses."""
    return make_settings(alert_urls=f"{hooks.address('/first')}  {hooks.address('/second')}\n")


@pytest.fixture
def libraries_log() -> Iterator[io.StringIO]:
    """What libraries write into the log of the process; pytest's own listens to silenced ones too."""
    handler = logging.StreamHandler(io.StringIO())
    logging.getLogger().addHandler(handler)
    yield handler.stream
    logging.getLogger().removeHandler(handler)


def begin(database: Database, key: str = "") -> None:
    with database.write() as session:
        raise_alert(
            session, project_id=7, kind="run_failed", key=key, message="Project 7: run a failed.", now=NOW
        )


def end(database: Database) -> None:
    with database.write() as session:
        resolve_alert(
            session, project_id=7, kind="run_failed", key="", message="Project 7: run b is done.", now=NOW
        )


def only(database: Database) -> Alert:
    (alert,) = list_alerts(database)
    return alert


def test_alert_and_its_end_are_each_sent_once(database: Database, told: Settings, hooks: HookServer) -> None:
    begin(database)
    assert [deliver_due(database, told, now=NOW) for _ in range(3)] == [1, 0, 0]
    end(database)
    assert [deliver_due(database, told, now=NOW) for _ in range(3)] == [1, 0, 0]
    (_, first), (_, second) = hooks.taken
    assert (first["title"], first["message"], first["type"]) == (
        RAISED,
        "Project 7: run a failed.",
        "warning",
    )
    assert (second["title"], second["message"], second["type"]) == (
        RESOLVED,
        "Project 7: run b is done.",
        "success",
    )


def test_alert_that_ended_untold_is_one_message_with_both(
    database: Database, told: Settings, hooks: HookServer
) -> None:
    begin(database)
    end(database)
    assert deliver_due(database, told, now=NOW) == 1
    ((_, message),) = hooks.taken
    assert message["title"] == RESOLVED
    assert "2026-05-01 12:00 UTC" in message["message"]
    assert "run a failed." in message["message"] and "run b is done." in message["message"]
    assert deliver_due(database, told, now=NOW) == 0


def test_refused_message_is_tried_until_it_is_taken(
    database: Database, told: Settings, hooks: HookServer
) -> None:
    hooks.statuses["/hook"] = 503
    begin(database)
    now = NOW
    for attempts in (1, 2, 3):
        assert deliver_due(database, told, now=now) == 0
        assert only(database).error == "address 1 of 1 refused it with HTTP status 503"
        assert deliver_due(database, told, now=now + pause_after(attempts) / 2) == 0
        now += pause_after(attempts)
        assert len(hooks.refused) == attempts
    hooks.statuses.clear()
    assert deliver_due(database, told, now=now) == 1
    assert hooks.titles() == [RAISED] and only(database).error is None


def test_message_reaches_each_address_once_though_one_refuses_it_at_first(
    database: Database, both_told: Settings, hooks: HookServer
) -> None:
    hooks.statuses["/second"] = 500
    begin(database)
    assert deliver_due(database, both_told, now=NOW) == 0
    assert only(database).error == "address 2 of 2 refused it with HTTP status 500"
    hooks.statuses.clear()
    assert deliver_due(database, both_told, now=NOW + FIRST_PAUSE) == 1
    assert (hooks.titles("/first"), hooks.titles("/second")) == ([RAISED], [RAISED])
    end(database)
    assert deliver_due(database, both_told, now=NOW + FIRST_PAUSE) == 1
    assert hooks.titles("/first")[1:] == hooks.titles("/second")[1:] == [RESOLVED]


def test_one_message_that_fails_holds_up_no_other(
    database: Database, told: Settings, hooks: HookServer
) -> None:
    hooks.statuses["/hook"] = 500
    begin(database, "x")
    deliver_due(database, told, now=NOW)
    hooks.statuses.clear()
    begin(database, "y")
    assert deliver_due(database, told, now=NOW) == 1
    assert [alert.is_due for alert in list_alerts(database)] == [False, True]


class Killed(BaseException):
    """Ends the process at this line, as far as the code can tell."""


def killed(*arguments: object, **options: object) -> None:
    raise Killed


def test_process_killed_before_the_sending_loses_nothing(
    database: Database, told: Settings, hooks: HookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(database)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(delivery, "send", killed)
        deliver_due(database, told, now=NOW)
    assert deliver_due(database, told, now=NOW + FIRST_PAUSE) == 1
    assert hooks.titles() == [RAISED]


def test_process_killed_between_sending_and_noting_sends_once_more(
    database: Database, told: Settings, hooks: HookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(database)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(delivery, "mark_delivered", killed)
        deliver_due(database, told, now=NOW)
    assert [deliver_due(database, told, now=NOW + FIRST_PAUSE) for _ in range(2)] == [1, 0]
    assert hooks.titles() == [RAISED, RAISED]


def test_two_processes_at_once_send_one_message(
    database: Database, told: Settings, hooks: HookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(database)
    claim = delivery.claim_delivery

    def other_first(*arguments: object, **options: object) -> Alert | None:
        monkeypatch.setattr(delivery, "claim_delivery", claim)
        assert deliver_due(database, told, now=NOW) == 1
        return claim(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(delivery, "claim_delivery", other_first)
    assert deliver_due(database, told, now=NOW) == 0
    assert hooks.titles() == [RAISED]


def test_message_late_in_a_round_is_left_alone_by_others_for_the_whole_pause(
    database: Database, told: Settings, hooks: HookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks.statuses["/hook"] = 500
    begin(database)
    # The round begins, and comes to the message half a minute later.
    moments = iter([100.0, 130.0])
    monkeypatch.setattr(delivery, "monotonic", lambda: next(moments))
    assert deliver_due(database, told, now=NOW) == 0
    assert only(database).retry_at == NOW + timedelta(seconds=30) + FIRST_PAUSE


def test_address_that_never_answers_is_given_up(
    database: Database, both_told: Settings, hooks: HookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_ADDRESS_SECONDS", 0.1)
    hooks.statuses["/first"] = 0
    begin(database)
    assert deliver_due(database, both_told, now=NOW) == 0
    assert only(database).error == "address 1 of 2 has not taken it within 0.1 seconds"
    assert hooks.titles("/second") == [RAISED]


def test_address_that_is_none_keeps_the_message_due_until_it_is_mended(
    database: Database, make_settings: MakeSettings, hooks: HookServer
) -> None:
    begin(database)
    bad = make_settings(alert_urls=f"{hooks.address('/first')} nonsense://s3cret-word")
    assert deliver_due(database, bad, now=NOW) == 0
    assert only(database).error == "address 2 of 2 is none that apprise can send to"
    mended = make_settings(alert_urls=f"{hooks.address('/first')} {hooks.address('/second')}")
    assert deliver_due(database, mended, now=NOW + FIRST_PAUSE) == 1
    assert (hooks.titles("/first"), hooks.titles("/second")) == ([RAISED], [RAISED])


def test_line_in_the_log_is_the_message_where_there_is_no_address(
    database: Database, settings: Settings, read_log: Callable[[], str]
) -> None:
    begin(database)
    assert [deliver_due(database, settings, now=NOW) for _ in range(2)] == [1, 0]
    assert read_log().count("Project 7: run a failed.") == 1
    end(database)
    assert [deliver_due(database, settings, now=NOW) for _ in range(2)] == [1, 0]
    assert read_log().count("Project 7: run b is done.") == 1


def test_no_secret_of_an_address_is_logged_or_stored(
    database: Database,
    make_settings: MakeSettings,
    hooks: HookServer,
    read_log: Callable[[], str],
    libraries_log: io.StringIO,
) -> None:
    hooks.statuses["/hook"] = 500
    begin(database)
    urls = f"{hooks.address()} nonsense://s3cret-word mailto://robot:s3cret-word@ slack://s3cret-word"
    settings = make_settings(alert_urls=urls)
    assert deliver_due(database, settings, now=NOW) == 0
    error = only(database).error or ""
    for text in (read_log(), libraries_log.getvalue(), error, repr(settings)):
        assert "s3cret" not in text and "robot" not in text
    assert "address 1 of 4" in error and "address 4 of 4" in error
