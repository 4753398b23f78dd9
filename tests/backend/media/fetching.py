"""What tests of fetching share: a body, the fetcher of a test and a refusal."""

from collections.abc import Callable

import pytest

from backend.errors import MediaError
from backend.media.fetch import Fetcher
from backend.media.source import Source, resolve_source
from tests.backend.image_server import ImageServer

TOKEN = "legacy-token-of-label-studio"
BODY = b"bytes of an image"
MakeFetcher = Callable[..., Fetcher]


def fetch(fetcher: Fetcher, server: ImageServer, value: str) -> bytes:
    return fetcher.fetch(resolve_source(value, label_studio_url=server.url))


def refusal(fetcher: Fetcher, source: Source) -> MediaError:
    with pytest.raises(MediaError) as caught:
        fetcher.fetch(source)
    return caught.value
