"""Addresses: never a private one that nobody allowed, however it is written or reached."""

import socket
from typing import Any

import pytest

from backend.media.source import Source
from tests.backend.image_server import ImageServer
from tests.backend.media.fetching import BODY, MakeFetcher, refusal

PRIVATE_HOSTS = [
    pytest.param("127.0.0.1", id="loopback"),
    pytest.param("localhost", id="loopback by name"),
    pytest.param("127.1", id="loopback, short"),
    pytest.param("2130706433", id="loopback, decimal"),
    pytest.param("0x7f000001", id="loopback, hexadecimal"),
    pytest.param("0x7f.0.0.1", id="loopback, first part hexadecimal"),
    pytest.param("0177.0.0.1", id="loopback, octal"),
    pytest.param("0.0.0.0", id="any"),
    pytest.param("10.1.2.3", id="class A"),
    pytest.param("172.16.0.1", id="class B, first"),
    pytest.param("172.31.255.254", id="class B, last"),
    pytest.param("192.168.1.1", id="class C"),
    pytest.param("169.254.169.254", id="cloud's metadata"),
    pytest.param("2852039166", id="cloud's metadata, decimal"),
    pytest.param("100.64.0.1", id="carrier"),
    pytest.param("198.18.0.1", id="benchmarks"),
    pytest.param("224.0.0.1", id="multicast"),
    pytest.param("255.255.255.255", id="broadcast"),
    pytest.param("[::1]", id="IPv6 loopback"),
    pytest.param("[::]", id="IPv6 any"),
    pytest.param("[fc00::1]", id="IPv6 unique local"),
    pytest.param("[fd12:3456::1]", id="IPv6 unique local, random"),
    pytest.param("[fe80::1]", id="IPv6 link local"),
    pytest.param("[fec0::1]", id="IPv6 site local"),
    pytest.param("[ff02::1]", id="IPv6 multicast"),
    pytest.param("[::ffff:127.0.0.1]", id="IPv4 loopback in IPv6"),
    pytest.param("[::ffff:7f00:1]", id="IPv4 loopback in IPv6, hexadecimal"),
    pytest.param("[::ffff:10.0.0.1]", id="IPv4 class A in IPv6"),
    pytest.param("[::ffff:169.254.169.254]", id="cloud's metadata in IPv6"),
    pytest.param("[::ffff:100.64.0.1]", id="carrier in IPv6"),
    pytest.param("[64:ff9b::7f00:1]", id="IPv4 loopback through NAT64"),
    pytest.param("[2002:7f00:1::1]", id="IPv4 loopback through 6to4"),
]


@pytest.mark.parametrize("host", PRIVATE_HOSTS)
def test_private_address_is_refused_before_anything_is_sent(
    make_fetcher: MakeFetcher, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    def connect(*_: Any, **__: Any) -> None:
        raise AssertionError("a connection was tried")

    fetcher = make_fetcher(timeout=1.0)
    monkeypatch.setattr(socket, "create_connection", connect)
    error = refusal(fetcher, Source(f"http://{host}:9/a.png", is_own=False))
    assert error.reason in ("private_address", "unreachable", "bad_address")
    if error.reason == "private_address":
        assert "MEDIA_ALLOWED_HOSTS" in error.message
    if error.reason == "unreachable":
        assert "cannot be found" in error.message, "it was taken for a public address"


def test_name_with_one_private_address_among_public_ones_is_refused(
    make_fetcher: MakeFetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [(2, 1, 6, "", (address, 80)) for address in ("93.184.216.34", "10.0.0.5")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    error = refusal(make_fetcher(), Source("http://two.example/a.png", is_own=False))
    assert (error.reason, "10.0.0.5" in error.message) == ("private_address", True)


def test_connection_goes_to_the_checked_address_whatever_the_name_server_says_next(
    make_fetcher: MakeFetcher, other_server: ImageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_server.serve("/a.png", BODY)
    real = socket.getaddrinfo
    answers = ["127.0.0.1", "192.0.2.1", "192.0.2.1"]

    def changing(host: str, *rest: Any, **named: Any) -> Any:
        return real(answers.pop(0) if host == "rebound.example" else host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", changing)
    fetcher = make_fetcher(allowed=("rebound.example",))
    source = Source(f"http://rebound.example:{other_server.port}/a.png", is_own=False)
    assert fetcher.fetch(source) == BODY
    assert other_server.seen[0].headers["host"] == f"rebound.example:{other_server.port}"
    assert answers == ["192.0.2.1", "192.0.2.1"]


@pytest.mark.parametrize(
    "location",
    [
        pytest.param("http://10.0.0.1/a.png", id="class A"),
        pytest.param("http://169.254.169.254/latest", id="cloud's metadata"),
        pytest.param("http://[::1]:9/a.png", id="IPv6 loopback"),
        pytest.param("//192.168.0.1/a.png", id="without scheme"),
    ],
)
def test_redirect_to_a_private_address_is_refused(
    make_fetcher: MakeFetcher, image_server: ImageServer, location: str
) -> None:
    image_server.redirect("/data/a.png", location)
    source = Source(f"{image_server.url}/data/a.png", is_own=True)
    assert refusal(make_fetcher(), source).reason == "private_address"
