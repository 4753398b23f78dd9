"""Load one task's image: resolve, read from the cache or fetch, decode."""

import hashlib

from backend.entities import Image
from backend.errors import MediaError
from backend.media.cache import MediaCache
from backend.media.data_uri import is_data_uri, read_data_uri
from backend.media.decode import decode_image
from backend.media.fetch import Fetcher
from backend.media.source import Source, resolve_source


class MediaLoader:
    """Images of tasks; safe for any number of threads. Without a cache each is fetched each time."""

    def __init__(
        self, fetcher: Fetcher, cache: MediaCache | None = None, *, label_studio_url: str, max_pixels: int
    ) -> None:
        self._fetcher = fetcher
        self._cache = cache
        self._label_studio_url = label_studio_url
        self._max_pixels = max_pixels

    def load(self, value: object, *, task_id: int | None) -> Image:
        """Return the image that a task's field names or holds, (H, W, 3) uint8 BGR, upright.

        Args:
            value: The field of the task's data that the labeling config names.
            task_id: Label Studio's id of the task, without which it opens no bucket.

        Raises:
            MediaError: it cannot be had; `reason` says why in one word.
        """
        return self.load_file(value, task_id=task_id)[1]

    def load_file(self, value: object, *, task_id: int | None) -> tuple[bytes, Image]:
        """Return the image's file as it came, with what `load` returns; it raises the same."""
        if isinstance(value, str) and is_data_uri(value):
            data = self._read_inline(value)
            return data, self._decode(data)
        source = self._resolve(value, task_id)
        kept = self._kept(source)
        if kept is not None:
            try:
                return kept, self._decode(kept)
            except MediaError:
                pass  # only what could be decoded was kept, so the disk changed it: fetch it anew
        return self._fetch(source)

    def digest(self, value: object, *, task_id: int | None) -> str | None:
        """Return the SHA-256 of the image's file, hexadecimal; None where that takes fetching it.

        It is that of the file as it was fetched: one that changes where it lies is known by its old digest as
        long as it is kept. Raises as `load` does.
        """
        if isinstance(value, str) and is_data_uri(value):
            return digest_of(self._read_inline(value))
        source = self._resolve(value, task_id)
        known = self._cache.digest(source.url) if self._cache else None
        if known is not None:
            return known
        kept = self._kept(source)
        return None if kept is None else digest_of(kept)

    def close(self) -> None:
        """Close the connections."""
        self._fetcher.close()
        if self._cache:
            self._cache.close()

    def _read_inline(self, value: str) -> bytes:
        return read_data_uri(value, max_bytes=self._fetcher.limits.max_bytes)

    def _decode(self, data: bytes) -> Image:
        return decode_image(data, max_pixels=self._max_pixels)

    def _resolve(self, value: object, task_id: int | None) -> Source:
        return resolve_source(value, label_studio_url=self._label_studio_url, task_id=task_id)

    def _kept(self, source: Source) -> bytes | None:
        # An object of a bucket is kept for its task alone: whether another task's project may see it is for
        # Label Studio to say.
        return self._cache.get(source.url) if self._cache else None

    def _fetch(self, source: Source) -> tuple[bytes, Image]:
        data = self._fetcher.fetch(source)
        image = self._decode(data)
        if self._cache:
            self._cache.put(source.url, data)
        return data, image


def digest_of(data: bytes) -> str:
    """Return by which digest an image's file is known: its SHA-256, hexadecimal."""
    return hashlib.sha256(data).hexdigest()
