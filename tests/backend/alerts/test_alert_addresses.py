"""Addresses of ALERT_URLS: how they are read and named, and which are refused."""

import pytest

from backend.alerts.addresses import check_addresses, read_addresses
from backend.errors import SettingsError

# apprise imports a module of Python's that goes with 3.13.


def test_addresses_are_parted_by_any_space_and_each_counts_once() -> None:
    found = read_addresses(" json://a/x \n json://b/y,z json://a/x ")
    assert [(each.place, each.url) for each in found] == [(1, "json://a/x"), (2, "json://b/y,z")]


def test_empty_setting_has_no_addresses() -> None:
    assert read_addresses("  ") == ()


def test_name_of_an_address_stays_while_its_place_changes() -> None:
    (alone,) = read_addresses("json://a")
    _, second = read_addresses("json://b json://a")
    assert (alone.name, alone.place, second.place) == (second.name, 1, 2)


def test_address_shows_no_secret() -> None:
    assert "s3cret" not in repr(read_addresses("json://robot:s3cret@host"))


@pytest.mark.parametrize(
    "url",
    [
        "mailto://robot:word@example.com",
        "mailtos://robot:word@mail.example.com?to=me@example.com",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#alerts",
        "tgram://123456789:abcdefghijklmnopqrstuvwxyz012345678/12315544",
        "jsons://host/path?+X-Token=word",
    ],
)
def test_addresses_of_the_docs_are_known(url: str) -> None:
    check_addresses(url)


def test_unknown_address_is_refused_by_its_place() -> None:
    with pytest.raises(SettingsError, match="3 addresses, of which number 1, 3 is none") as refusal:
        check_addresses("nonsense://s3cret json://host tgram://s3cret")
    assert "s3cret" not in refusal.value.message
