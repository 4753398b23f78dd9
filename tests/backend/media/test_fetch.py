"""Fetching: always within limits, and whatever goes wrong is a media error with its reason."""

import socket
import ssl
import threading
import time
from contextlib import closing

import pytest

from backend.errors import MediaError
from backend.media.fetch import Fetcher
from backend.media.source import Source, resolve_source
from tests.backend.image_server import ImageServer
from tests.backend.media.fetching import BODY, MakeFetcher, fetch, refusal


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


@pytest.mark.parametrize("status", [404, 424])
def test_bucket_that_label_studio_cannot_open_is_named_with_what_to_look_at(
    make_fetcher: MakeFetcher, image_server: ImageServer, status: int
) -> None:
    source = resolve_source("s3://pictures/a.png", label_studio_url=image_server.url, task_id=3)
    image_server.serve(source.url.removeprefix(image_server.url), b"", status=status)
    error = refusal(make_fetcher(), source)
    assert (error.reason, str(status) in error.message) == ("http_status", True)
    assert "s3://pictures/a.png" in error.message and "Cloud Storage" in error.message
