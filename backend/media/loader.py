"""Load one task's image: resolve, read from the cache or fetch, decode."""

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
        if is_data_uri(value):
            data = self.read_file(value, task_id=task_id)
            return data, self.decode(data)
        source = self._resolve(value, task_id)
        kept = self._kept(source)
        if kept is not None:
            try:
                return kept, self.decode(kept)
            except MediaError:
                pass  # only what could be decoded was kept, so the disk changed it: fetch it anew
        return self._fetch(source)

    def read_file(self, value: object, *, task_id: int | None) -> bytes:
        """Return the image's file alone, which takes no decoding where it is kept; it raises as `load`.

        A kept file that the disk has changed is returned too: `decode` refuses it, `load_file` mends it.
        """
        if isinstance(value, str) and is_data_uri(value):
            return read_data_uri(value, max_bytes=self._fetcher.limits.max_bytes)
        source = self._resolve(value, task_id)
        kept = self._kept(source)
        return self._fetch(source)[0] if kept is None else kept

    def decode(self, data: bytes) -> Image:
        """Return what `load` returns for a file.

        Raises:
            MediaError: it is no image, or too large.
        """
        return decode_image(data, max_pixels=self._max_pixels)

    def close(self) -> None:
        """Close the connections."""
        self._fetcher.close()
        if self._cache:
            self._cache.close()

    def _resolve(self, value: object, task_id: int | None) -> Source:
        return resolve_source(value, label_studio_url=self._label_studio_url, task_id=task_id)

    def _kept(self, source: Source) -> bytes | None:
        # An object of a bucket is kept for its task alone: whether another task's project may see it is for
        # Label Studio to say.
        return self._cache.get(source.url) if self._cache else None

    def _fetch(self, source: Source) -> tuple[bytes, Image]:
        data = self._fetcher.fetch(source)
        image = self.decode(data)
        if self._cache:
            self._cache.put(source.url, data)
        return data, image
