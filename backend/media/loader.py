"""Load one task's image: resolve, fetch, decode."""

from backend.entities import Image
from backend.media.decode import decode_image
from backend.media.fetch import Fetcher
from backend.media.source import resolve_source


class MediaLoader:
    """Images of tasks; safe for any number of threads."""

    def __init__(self, fetcher: Fetcher, *, label_studio_url: str, max_pixels: int) -> None:
        self._fetcher = fetcher
        self._label_studio_url = label_studio_url
        self._max_pixels = max_pixels

    def load(self, value: object) -> Image:
        """Return the image that a task's field names, (H, W, 3) uint8 BGR, upright.

        Raises:
            MediaError: it cannot be had; `reason` says why in one word.
        """
        source = resolve_source(value, label_studio_url=self._label_studio_url)
        return decode_image(self._fetcher.fetch(source), max_pixels=self._max_pixels)

    def close(self) -> None:
        """Close the connections."""
        self._fetcher.close()
