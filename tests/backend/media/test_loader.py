"""Loading: resolve, fetch and decode as one."""

from contextlib import closing

import pytest

from backend.errors import MediaError
from backend.media.fetch import Fetcher, FetchLimits
from backend.media.loader import MediaLoader
from tests.backend.image_server import ImageServer
from tests.backend.pictures import png


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param("file:///etc/passwd", "bad_scheme", id="refused by its address"),
        pytest.param("/data/missing.png", "http_status", id="not fetched"),
        pytest.param("/data/text.txt", "unreadable", id="not decoded"),
        pytest.param("/data/large.png", "too_many_pixels", id="too large"),
    ],
)
def test_each_step_names_its_reason(image_server: ImageServer, value: str, reason: str) -> None:
    image_server.serve("/data/text.txt", b"text")
    image_server.serve("/data/large.png", png(101, 100))
    fetcher = Fetcher(
        FetchLimits(10**6, 5.0, 3), label_studio_url=image_server.url, allowed_hosts=(), auth_headers=dict
    )
    with closing(MediaLoader(fetcher, label_studio_url=image_server.url, max_pixels=10_000)) as loader:
        image_server.serve("/data/fits.png", png(100, 100))
        assert loader.load("/data/fits.png").shape == (100, 100, 3)
        with pytest.raises(MediaError) as caught:
            loader.load(value)
    assert caught.value.reason == reason
