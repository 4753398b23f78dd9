"""Alerts: once while open, one message for each change, tried until it is noted as delivered."""

from datetime import UTC, datetime, timedelta

import pytest

from backend.alerts.entities import Alert
from backend.errors import BadRequest, NotFound
from backend.store.alerts import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    acknowledge_alert,
    claim_delivery,
    due_alerts,
    get_alert,
    list_alerts,
    list_open_keys,
    mark_delivered,
    note_failure,
    open_key,
    pause_after,
    raise_alert,
    resolve_alert,
)
from backend.store.database import Database

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
PROJECT = 7


def begin(
    database: Database, *, project_id: int | None = PROJECT, kind: str = "run_failed", key: str = ""
) -> bool:
    with database.write() as session:
        return raise_alert(
            session, project_id=project_id, kind=kind, key=key, message=f"{kind} is wrong", now=NOW
        )


def end(
    database: Database, *, project_id: int | None = PROJECT, kind: str = "run_failed", key: str = ""
) -> bool:
    with database.write() as session:
        return resolve_alert(
            session, project_id=project_id, kind=kind, key=key, message=f"{kind} is over", now=NOW
        )


def deliver(database: Database, *, now: datetime = NOW) -> Alert:
    """Claim the only due message and note that it went out."""
    claimed = claim(database, now=now)
    mark_delivered(database, claimed, now=now)
    return claimed


def claim(database: Database, *, now: datetime = NOW) -> Alert:
    (due,) = due_alerts(database, now=now)
    claimed = claim_delivery(database, due, now=now)
    assert claimed is not None
    return claimed


def only(database: Database) -> Alert:
    (alert,) = list_alerts(database)
    return alert


def test_alert_is_raised_once_while_it_is_open(database: Database) -> None:
    assert (begin(database), begin(database)) == (True, False)
    assert only(database).is_open
    assert (end(database), end(database)) == (True, False)
    assert not only(database).is_open
    assert begin(database) is True
    assert [alert.is_open for alert in list_alerts(database)] == [True, False]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"project_id": 8}, id="project"),
        pytest.param({"project_id": None}, id="no project"),
        pytest.param({"kind": "no_reviews"}, id="kind"),
        pytest.param({"key": "x"}, id="key"),
    ],
)
def test_alerts_of_another_kind_project_or_key_stand_beside_it(database: Database, other: dict) -> None:
    assert begin(database) and begin(database, **other)
    assert end(database, **other)
    assert [alert.is_open for alert in list_alerts(database)] == [False, True]
    assert list_open_keys(database, PROJECT) == {open_key(PROJECT, "run_failed", "")}


def test_alerts_are_listed_by_project_and_state(database: Database) -> None:
    begin(database)
    end(database)
    begin(database)
    begin(database, project_id=8)
    assert [alert.id for alert in list_alerts(database, limit=2)] == [3, 2]
    assert [alert.id for alert in list_alerts(database, project_id=PROJECT)] == [2, 1]
    assert [alert.id for alert in list_alerts(database, is_open=True)] == [3, 2]
    assert [alert.id for alert in list_alerts(database, is_open=False)] == [1]


def test_first_who_acknowledges_an_alert_is_remembered(database: Database) -> None:
    begin(database)
    assert (only(database).acknowledged_at, only(database).acknowledged_by) == (None, None)
    taken = acknowledge_alert(database, only(database).id, "ada", NOW)
    assert (taken.acknowledged_by, taken.acknowledged_at, taken.is_open) == ("ada", NOW, True)
    acknowledge_alert(database, taken.id, "grace", NOW + timedelta(hours=1))
    assert only(database) == taken == get_alert(database, taken.id)


def test_acknowledging_changes_nothing_of_what_is_sent(database: Database) -> None:
    begin(database)
    acknowledge_alert(database, only(database).id, "ada", NOW)
    assert [alert.id for alert in due_alerts(database, now=NOW)] == [only(database).id]
    end(database)
    assert only(database).acknowledged_by == "ada"


def test_resolved_alert_cannot_be_acknowledged(database: Database) -> None:
    begin(database)
    end(database)
    with pytest.raises(BadRequest, match="resolved at 2026-05-01"):
        acknowledge_alert(database, only(database).id, "ada", NOW)
    assert only(database).acknowledged_by is None


@pytest.mark.parametrize("alert_id", [1, 2**63, 10**30])
def test_alert_that_is_not_there_is_not_found(database: Database, alert_id: int) -> None:
    with pytest.raises(NotFound, match="no alert"):
        get_alert(database, alert_id)
    with pytest.raises(NotFound, match="no alert"):
        acknowledge_alert(database, alert_id, "ada", NOW)


def test_both_messages_are_due_once(database: Database) -> None:
    begin(database)
    assert deliver(database).is_open
    assert due_alerts(database, now=NOW) == [] and not only(database).is_due
    end(database)
    assert only(database).is_due
    assert not deliver(database).is_open
    assert due_alerts(database, now=NOW) == [] and not only(database).is_due
    assert (only(database).delivered_at, only(database).resolved_delivered_at) == (NOW, NOW)


def test_alert_that_ended_untold_has_one_message_for_both(database: Database) -> None:
    begin(database)
    end(database)
    claimed = deliver(database)
    assert (claimed.delivered_at, claimed.message, claimed.resolved_message) == (
        None,
        "run_failed is wrong",
        "run_failed is over",
    )
    assert due_alerts(database, now=NOW) == []
    assert (only(database).delivered_at, only(database).resolved_delivered_at) == (NOW, NOW)


def test_message_is_tried_again_after_growing_pauses(database: Database) -> None:
    begin(database)
    now, waits = NOW, []
    for attempt in range(1, 4):
        claimed = claim(database, now=now)
        assert claimed.attempts == attempt
        note_failure(database, claimed, "out of reach", reached=())
        assert due_alerts(database, now=now) == []
        alert = only(database)
        assert alert.error == "out of reach" and alert.retry_at is not None
        waits.append(alert.retry_at - now)
        now = alert.retry_at
    assert waits == [FIRST_PAUSE, FIRST_PAUSE * 2, FIRST_PAUSE * 4]
    deliver(database, now=now)
    alert = only(database)
    assert (alert.attempts, alert.retry_at, alert.error) == (0, None, None)


def test_pauses_grow_no_longer_than_six_hours() -> None:
    assert pause_after(9) < LONGEST_PAUSE == pause_after(10) == pause_after(10_000) == timedelta(hours=6)


def test_two_processes_never_claim_one_message(database: Database) -> None:
    begin(database)
    (seen_by_one,), (seen_by_other,) = due_alerts(database, now=NOW), due_alerts(database, now=NOW)
    assert claim_delivery(database, seen_by_one, now=NOW) is not None
    assert claim_delivery(database, seen_by_other, now=NOW) is None


def test_message_of_a_killed_process_is_due_again_after_its_pause(database: Database) -> None:
    begin(database)
    claim(database)
    assert due_alerts(database, now=NOW + FIRST_PAUSE / 2) == []
    assert claim(database, now=NOW + FIRST_PAUSE).attempts == 2


def test_addresses_that_took_a_message_are_remembered_until_all_did(database: Database) -> None:
    begin(database)
    note_failure(database, claim(database), "address 2 of 2 is out of reach", reached=("aa", "bb"))
    alert = only(database)
    assert (alert.error, alert.reached) == ("address 2 of 2 is out of reach", ("aa", "bb"))
    end(database)
    assert only(database).reached == ()


def test_end_is_told_at_once_though_the_alert_waits_for_its_next_try(database: Database) -> None:
    begin(database)
    note_failure(database, claim(database), "out of reach", reached=())
    end(database)
    assert claim(database).attempts == 1


def test_end_that_came_while_its_alert_was_sent_is_still_told(database: Database) -> None:
    begin(database)
    claimed = claim(database)
    end(database)
    mark_delivered(database, claimed, now=NOW)
    alert = deliver(database)
    assert alert.delivered_at == NOW and alert.resolved_at == NOW
    assert due_alerts(database, now=NOW) == []


def test_failure_of_a_message_that_is_due_no_more_is_not_noted(database: Database) -> None:
    begin(database)
    claimed = claim(database)
    end(database)
    note_failure(database, claimed, "out of reach", reached=("aa",))
    assert (only(database).error, only(database).reached) == (None, ())
