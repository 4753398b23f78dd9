"""Fetching: never from where it may not, the token to Label Studio alone, and always within limits."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from backend.errors import LabelStudioError, MediaError
from backend.labelstudio.client import LabelStudioClient
from backend.media.fetch import Fetcher, FetchLimits
from backend.media.source import Source, resolve_source
from tests.backend.image_server import ImageServer

TOKEN = "legacy-token-of-label-studio"
BODY = b"bytes of an image"
MakeFetcher = Callable[..., Fetcher]


@pytest.fixture
def make_fetcher(image_server: ImageServer) -> Iterator[MakeFetcher]:
    made: list[Fetcher] = []

    def make(*, allowed: tuple[str, ...] = (), url: str = image_server.url, **limits: Any) -> Fetcher:
        given = {"max_bytes": 1000, "timeout": 5.0, "max_redirects": 3, **limits}
        client = LabelStudioClient(url, TOKEN)
        made.append(
            Fetcher(
                FetchLimits(**given),
                label_studio_url=url,
                allowed_hosts=allowed,
                auth_headers=client.auth_headers,
            )
        )
        return made[-1]

    yield make
    for fetcher in made:
        fetcher.close()


def fetch(fetcher: Fetcher, server: ImageServer, value: str) -> bytes:
    return fetcher.fetch(resolve_source(value, label_studio_url=server.url))


def refusal(fetcher: Fetcher, source: Source) -> MediaError:
    with pytest.raises(MediaError) as caught:
        fetcher.fetch(source)
    return caught.value


def test_label_studio_may_lie_on_a_private_address_and_gets_the_token(
    make_fetcher: MakeFetcher, image_server: ImageServer
) -> None:
    image_server.serve("/data/upload/a.png", BODY)
    assert fetch(make_fetcher(), image_server, "/data/upload/a.png") == BODY
    assert image_server.tokens() == [f"Token {TOKEN}"]
    assert image_server.seen[0].headers["host"] == f"127.0.0.1:{image_server.port}"


def test_allowed_host_on_a_private_address_gets_no_token(
    make_fetcher: MakeFetcher, image_server: ImageServer, other_server: ImageServer
) -> None:
    other_server.serve("/a.png", BODY)
    fetcher = make_fetcher(allowed=("localhost",))
    assert fetch(fetcher, image_server, f"{other_server.named_url}/a.png") == BODY
    assert other_server.tokens() == [None]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_token_is_not_sent_to_another_host_after_a_redirect(
    make_fetcher: MakeFetcher, image_server: ImageServer, other_server: ImageServer, status: int
) -> None:
    other_server.serve("/signed.png", BODY)
    image_server.redirect("/data/a.png", f"{other_server.named_url}/signed.png", status=status)
    assert fetch(make_fetcher(allowed=("localhost",)), image_server, "/data/a.png") == BODY
    assert image_server.tokens() == [f"Token {TOKEN}"]
    assert other_server.tokens() == [None]


def test_token_is_not_sent_to_another_port_after_a_redirect(
    make_fetcher: MakeFetcher, image_server: ImageServer, other_server: ImageServer
) -> None:
    other_server.serve("/a.png", BODY)
    image_server.redirect("/data/a.png", f"{other_server.url}/a.png")
    fetcher = make_fetcher(allowed=("127.0.0.1",))
    assert fetch(fetcher, image_server, "/data/a.png") == BODY
    assert other_server.tokens() == [None]


def test_user_and_password_of_an_address_are_not_sent(
    make_fetcher: MakeFetcher, image_server: ImageServer, other_server: ImageServer
) -> None:
    other_server.serve("/a.png", BODY)
    address = f"http://user:password@localhost:{other_server.port}/a.png"
    fetch(make_fetcher(allowed=("localhost",)), image_server, address)
    assert other_server.tokens() == [None]
    assert "password" not in str(other_server.seen)


def test_relative_redirect_stays_with_label_studio(
    make_fetcher: MakeFetcher, image_server: ImageServer
) -> None:
    image_server.serve("/data/b.png", BODY)
    image_server.redirect("/data/a.png", "b.png")
    assert fetch(make_fetcher(), image_server, "/data/a.png") == BODY
    assert image_server.tokens() == [f"Token {TOKEN}"] * 2


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


@pytest.mark.parametrize(
    ("location", "reasons"),
    [
        pytest.param("file:///etc/passwd", {"bad_scheme"}, id="file"),
        pytest.param("ftp://example.com/a", {"bad_scheme"}, id="ftp"),
        pytest.param("javascript:alert(1)", {"bad_scheme", "unreachable"}, id="script"),
        pytest.param("", {"too_many_redirects", "bad_address"}, id="nowhere"),
        pytest.param("http://[::1", {"unreachable", "bad_address"}, id="half an address"),
        pytest.param("http://host:99999/", {"unreachable", "bad_address"}, id="port too high"),
        pytest.param("http:///a.png", {"unreachable", "bad_address", "http_status"}, id="no host"),
    ],
)
def test_redirect_to_no_place_is_a_media_error(
    make_fetcher: MakeFetcher, image_server: ImageServer, location: str, reasons: set[str]
) -> None:
    image_server.redirect("/data/a.png", location)
    source = Source(f"{image_server.url}/data/a.png", is_own=True)
    assert refusal(make_fetcher(), source).reason in reasons


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://example.com/\x07.png", id="control character"),
        pytest.param("http://exa mple.com/a.png", id="space in the host"),
        pytest.param("http://example.com/" + "x" * 70_000, id="very long"),
        pytest.param("http://xn--a/a.png", id="no name"),
        pytest.param("http://" + "a" * 64 + ".invalid/a.png", id="part of a name too long"),
        pytest.param("http://nowhere.invalid/a.png", id="unknown name"),
    ],
)
def test_address_that_cannot_be_asked_is_a_media_error(make_fetcher: MakeFetcher, url: str) -> None:
    assert refusal(make_fetcher(), Source(url, is_own=False)).reason in ("unreachable", "bad_address")


def test_redirects_are_followed_up_to_the_limit(make_fetcher: MakeFetcher, image_server: ImageServer) -> None:
    for number in range(4):
        image_server.redirect(f"/data/{number}", f"/data/{number + 1}")
    image_server.serve("/data/4", BODY)
    assert fetch(make_fetcher(), image_server, "/data/1") == BODY
    error = refusal(make_fetcher(), Source(f"{image_server.url}/data/0", is_own=True))
    assert (error.reason, "MEDIA_MAX_REDIRECTS" in error.message) == ("too_many_redirects", True)


def test_body_over_the_limit_is_refused(make_fetcher: MakeFetcher, image_server: ImageServer) -> None:
    image_server.serve("/data/fits", b"x" * 1000)
    image_server.serve("/data/over", b"x" * 1001)
    assert len(fetch(make_fetcher(), image_server, "/data/fits")) == 1000
    error = refusal(make_fetcher(), Source(f"{image_server.url}/data/over", is_own=True))
    assert (error.reason, "MEDIA_MAX_MB" in error.message) == ("too_large", True)


def test_endless_body_is_cut_at_the_limit(make_fetcher: MakeFetcher, image_server: ImageServer) -> None:
    url = image_server.endless("/data/endless")
    fetcher = make_fetcher(max_bytes=10 * 2**20)
    assert refusal(fetcher, Source(url, is_own=True)).reason == "too_large"


def ends_in_time(fetcher: Fetcher, url: str, *, seconds: float) -> MediaError:
    """Fetch in a thread, so that a fetch without end fails its test instead of stopping the run."""
    caught: list[MediaError] = []
    thread = threading.Thread(target=lambda: caught.append(refusal(fetcher, Source(url, True))), daemon=True)
    started = time.monotonic()
    thread.start()
    thread.join(seconds)
    assert caught, f"still fetching after {time.monotonic() - started:.1f} s"
    return caught[0]


@pytest.mark.parametrize("way", ["silent", "drip", "drip_headers"])
def test_slow_host_is_given_up_after_the_time_for_one_image(
    make_fetcher: MakeFetcher, image_server: ImageServer, way: str
) -> None:
    url = getattr(image_server, way)("/data/slow")
    error = ends_in_time(make_fetcher(timeout=0.5), url, seconds=4.0)
    assert (error.reason, "MEDIA_TIMEOUT" in error.message) == ("timeout", True)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "access_denied"),
        (403, "access_denied"),
        (404, "http_status"),
        (204, "http_status"),
        (500, "http_status"),
    ],
)
def test_status_other_than_200_is_a_media_error(
    make_fetcher: MakeFetcher, image_server: ImageServer, status: int, reason: str
) -> None:
    url = image_server.serve("/data/a.png", b"", status=status)
    error = refusal(make_fetcher(), Source(url, is_own=True))
    assert (error.reason, str(status) in error.message) == (reason, True)


def test_host_that_speaks_no_http_is_unreachable(make_fetcher: MakeFetcher) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]

        def answer() -> None:
            connection, _ = listener.accept()
            with closing(connection):
                connection.recv(1000)
                connection.sendall(b"SSH-2.0-OpenSSH\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        error = refusal(make_fetcher(allowed=("localhost",)), Source(f"http://localhost:{port}/", False))
        thread.join()
    assert error.reason == "unreachable"


def test_certificates_are_checked(make_fetcher: MakeFetcher) -> None:
    context = make_fetcher()._client._transport._pool._ssl_context
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_token_that_cannot_be_refreshed_is_label_studios_error(image_server: ImageServer) -> None:
    def fail() -> dict[str, str]:
        raise LabelStudioError("refused")

    limits = FetchLimits(1000, 5.0, 3)
    fetcher = Fetcher(limits, label_studio_url=image_server.url, allowed_hosts=(), auth_headers=fail)
    with closing(fetcher), pytest.raises(LabelStudioError):
        fetcher.fetch(Source(f"{image_server.url}/data/a.png", is_own=True))
    assert image_server.seen == []
