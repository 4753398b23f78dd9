"""Connections: kept for the next image of their host."""

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from backend.media.source import Source, resolve_source
from tests.backend.image_server import ImageServer
from tests.backend.media.fetching import BODY, MakeFetcher, fetch, refusal


def test_images_of_one_host_share_a_connection_also_past_redirects_and_refusals(
    make_fetcher: MakeFetcher, image_server: ImageServer, other_server: ImageServer
) -> None:
    image_server.keeps_connections = other_server.keeps_connections = True
    old, new = ({"Authorization": f"Bearer {token}"} for token in ("old", "new"))
    image_server.serve_to("Bearer new", "/data/a.png", BODY)
    image_server.presign(3, "s3://pictures/b.png", f"{other_server.named_url}/b.png")
    other_server.serve("/b.png", BODY)
    fetcher = make_fetcher(
        allowed=("localhost",), auth={"auth_headers": lambda: old, "renew_auth": lambda _: new}
    )
    for _ in range(5):
        fetch(fetcher, image_server, "/data/a.png")
        fetcher.fetch(resolve_source("s3://pictures/b.png", label_studio_url=image_server.url, task_id=3))
    assert (image_server.connections(), other_server.connections()) == (1, 1)


def test_threads_keep_a_connection_each(make_fetcher: MakeFetcher, image_server: ImageServer) -> None:
    image_server.keeps_connections = True
    image_server.serve("/data/a.png", BODY)
    fetcher = make_fetcher()
    with ThreadPoolExecutor(4) as pool:
        bodies = list(pool.map(lambda _: fetch(fetcher, image_server, "/data/a.png"), range(100)))
    assert bodies == [BODY] * 100
    assert image_server.connections() <= 4


def test_host_is_looked_up_once_for_a_connection(
    make_fetcher: MakeFetcher, image_server: ImageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_server.keeps_connections = True
    real, asked = socket.getaddrinfo, []

    def noting(host: str, *rest: Any, **named: Any) -> Any:
        asked.append(host)
        return real(host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", noting)
    image_server.serve("/data/a.png", BODY)
    fetcher = make_fetcher(url=image_server.named_url)
    for _ in range(3):
        fetcher.fetch(resolve_source("/data/a.png", label_studio_url=image_server.named_url))
    assert asked.count("localhost") == 1


def test_kept_connection_that_the_host_closed_is_no_failure(
    make_fetcher: MakeFetcher, image_server: ImageServer
) -> None:
    image_server.keeps_connections = True
    image_server.serve("/data/a.png", BODY)
    fetcher = make_fetcher()
    fetch(fetcher, image_server, "/data/a.png")
    image_server.hang_up("/data/b.png")
    error = refusal(fetcher, Source(f"{image_server.url}/data/b.png", is_own=True))
    # Over the kept connection, and over a new one, of which the end says something about the host.
    assert (error.reason, len(image_server.seen), image_server.connections()) == ("unreachable", 3, 2)
