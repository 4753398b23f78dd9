"""The fetcher of a test: its Label Studio is the image server."""

from collections.abc import Iterator
from typing import Any

import pytest

from backend.labelstudio.client import LabelStudioClient
from backend.media.fetch import Fetcher, FetchLimits
from tests.backend.image_server import ImageServer
from tests.backend.media.fetching import TOKEN, MakeFetcher


@pytest.fixture
def make_fetcher(image_server: ImageServer) -> Iterator[MakeFetcher]:
    made: list[Fetcher] = []

    def make(
        *,
        allowed: tuple[str, ...] = (),
        url: str = image_server.url,
        auth: dict[str, Any] | None = None,
        **limits: Any,
    ) -> Fetcher:
        given = FetchLimits(**{"max_bytes": 1000, "timeout": 5.0, "max_redirects": 3, **limits})
        auth = auth or {"auth_headers": LabelStudioClient(url, TOKEN).auth_headers}
        made.append(Fetcher(given, label_studio_url=url, allowed_hosts=allowed, connections=4, **auth))
        return made[-1]

    yield make
    for fetcher in made:
        fetcher.close()
