"""The audit log: what is kept of an act, and in which order it is read."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backend.dashboard.list_actions import ACKNOWLEDGE, RENEW, TAB_OF_ERRORS, TAB_OF_NEXT
from backend.dashboard.model_actions import CANCEL_RUN, PRELABEL, PROMOTE, ROLL_BACK, TRAIN_NOW
from backend.store.audit import add_audit, list_audit
from backend.store.database import Database

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def add(database: Database, project_id: int | None, **changes: Any) -> None:
    fields: dict[str, Any] = {
        "who": "ada",
        "address": "192.0.2.7",
        "action": "promote",
        "detail": "v3",
        "is_done": True,
        "now": NOW,
    }
    add_audit(database, project_id, **{**fields, **changes})


def test_entry_says_who_did_what_from_where_and_when(database: Database) -> None:
    add(database, 7)
    (entry,) = list_audit(database, 7)
    assert (entry.project_id, entry.who, entry.address, entry.at) == (7, "ada", "192.0.2.7", NOW)
    assert (entry.action, entry.detail, entry.is_done) == ("promote", "v3", True)


@pytest.mark.parametrize(
    ("action", "is_done", "words"),
    [
        pytest.param("cancel-run", True, "Cancelled a training run", id="done"),
        pytest.param("rollback", False, "Tried to go back to the model before", id="refused"),
        pytest.param("own-tool", True, "own-tool", id="of another program"),
    ],
)
def test_act_is_said_in_words(database: Database, action: str, is_done: bool, words: str) -> None:
    add(database, 7, action=action, is_done=is_done)
    assert list_audit(database, 7)[0].words == words


def test_each_act_of_page_and_routes_has_its_words(database: Database) -> None:
    page = (
        TRAIN_NOW,
        CANCEL_RUN,
        PROMOTE,
        ROLL_BACK,
        PRELABEL,
        ACKNOWLEDGE,
        RENEW,
        TAB_OF_NEXT,
        TAB_OF_ERRORS,
    )
    names = {*(action.name for action in page), "cancel-job", "settings"}
    for name in names:
        add(database, 7, action=name)
    assert not {entry.words for entry in list_audit(database, 7)} & names


def test_latest_comes_first_and_no_more_than_asked_for(database: Database) -> None:
    for minute, word in enumerate(("first", "second", "third")):
        add(database, 7, detail=word, now=NOW + timedelta(minutes=minute))
    assert [entry.detail for entry in list_audit(database, 7, limit=2)] == ["third", "second"]


def test_project_is_shown_its_own_acts_and_those_on_all_projects(database: Database) -> None:
    for project_id in (7, 8, None):
        add(database, project_id, detail=str(project_id))
    assert [entry.detail for entry in list_audit(database, 7)] == ["None", "7"]
    assert [entry.detail for entry in list_audit(database)] == ["None", "8", "7"]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param("a\x00b", "a?b", id="NUL, which PostgreSQL refuses"),
        pytest.param("a\ud800b", "a?b", id="half of a surrogate pair"),
        pytest.param("Zoë", "Zoë", id="letters of any language"),
    ],
)
def test_any_name_and_detail_can_be_kept(database: Database, text: str, kept: str) -> None:
    add(database, 7, who=text, detail=text)
    (entry,) = list_audit(database, 7)
    assert (entry.who, entry.detail) == (kept, kept)


def test_long_detail_is_cut(database: Database) -> None:
    add(database, 7, detail="x" * 5000)
    (entry,) = list_audit(database, 7)
    assert len(entry.detail) == 1000 and entry.detail.endswith("...")
