"""Fetch tasks' images, and keep their files by content where training finds them."""

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import cv2
import numpy as np
from PIL import Image as PillowImage

from backend.entities import Image, ImageSize
from backend.errors import LabelStudioError, MediaError
from backend.media.loader import MediaLoader
from backend.store.artifacts import ArtifactStore
from backend.training.names import image_artifact
from retrain.snapshot.examples import StoredImage

# Of what Pillow calls a file, the ending by which ultralytics reads it as OpenCV does. MPO is a JPEG with
# further pictures behind the first.
_SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp"}
# ultralytics leaves out smaller images (`check_image` in its data/utils.py).
_LEAST_PIXELS = 10


class ImageStore:
    """Images of tasks, fetched by several threads at once.

    Args:
        media: Fetches and decodes.
        artifacts: Keeps the files.
        threads: Images that are fetched at once; each holds one in memory.
    """

    def __init__(self, media: MediaLoader, artifacts: ArtifactStore, *, threads: int) -> None:
        self._media = media
        self._artifacts = artifacts
        self._threads = threads

    def keep_all(
        self, addresses: Mapping[int, object], *, check: Callable[[], None]
    ) -> Iterator[tuple[int, StoredImage | str]]:
        """Yield each task with its image as it is kept, or with the reason why it cannot be had.

        Args:
            addresses: By task, what its data says of the image.
            check: Called between two images; ends the work by raising.

        Raises:
            ArtifactError: an image cannot be stored.
        """
        pool = ThreadPoolExecutor(self._threads, thread_name_prefix="snapshot")
        try:
            futures: dict[int, Future[StoredImage | str]] = {
                task_id: pool.submit(self._keep, task_id, address) for task_id, address in addresses.items()
            }
            for task_id, future in futures.items():
                check()
                yield task_id, future.result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _keep(self, task_id: int, address: object) -> StoredImage | str:
        try:
            data, image = self._media.load_file(address, task_id=task_id)
        except (MediaError, LabelStudioError) as error:  # the latter where the token cannot be refreshed
            return error.message
        height, width = image.shape[:2]
        if min(height, width) < _LEAST_PIXELS:
            return f"The image has {width} x {height} pixels; at least {_LEAST_PIXELS} a side are trained on."
        data, suffix = training_file(data, image)
        digest = hashlib.sha256(data).hexdigest()
        name = image_artifact(digest, suffix)
        if not self._artifacts.exists(name):
            self._artifacts.put_bytes(data, name)
        return StoredImage(digest, suffix, ImageSize(width, height))


def training_file(data: bytes, image: Image) -> tuple[bytes, str]:
    """Return the file from which ultralytics reads the very pixels that we do, and its ending.

    That is the file itself where it can be: ultralytics reads JPEG, PNG and WebP by OpenCV, which turns only
    some of them upright. Else it is a PNG of the upright pixels, 8 bit.

    Args:
        data: Any file that was decoded.
        image: Its pixels, upright.
    """
    suffix = _suffix(data, image)
    if suffix is not None:
        read = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if read is not None and np.array_equal(read, image):
            return data, suffix
    return cv2.imencode(".png", image)[1].tobytes(), ".png"


def _suffix(data: bytes, image: Image) -> str | None:
    """Return the ending of a file that may be trained on as it is; None for others."""
    try:
        with PillowImage.open(io.BytesIO(data)) as header:
            suffix, size = _SUFFIXES.get(header.format or ""), header.size
            header.verify()
    # What Pillow's formats raise for files that are damaged; ultralytics asks too, and leaves these out.
    except (OSError, SyntaxError, ValueError, EOFError):
        return None
    # Of JPEG alone ultralytics surely knows the size that an EXIF orientation gives it.
    return suffix if suffix == ".jpg" or size == image.shape[1::-1] else None
