"""Decode image bytes to upright BGR pixels, after a look at the header to refuse what is too large."""

import io
import warnings

import cv2
import numpy as np
from PIL import Image as PillowImage
from PIL import ImageOps, UnidentifiedImageError

from backend.entities import Image
from backend.errors import MediaError

_ERRORS = (
    UnidentifiedImageError,
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    PillowImage.DecompressionBombError,
)


def decode_image(data: bytes, *, max_pixels: int) -> Image:
    """Return the image as (H, W, 3) uint8 BGR, its EXIF orientation applied.

    Args:
        data: A file in any format that OpenCV or Pillow reads.
        max_pixels: Most pixels; read from the header before anything is decoded.

    Raises:
        MediaError: too many pixels, truncated, or no image.
    """
    if not data:
        raise MediaError("unreadable", "The image file is empty.")
    with warnings.catch_warnings():
        # Pillow warns of large images; the limit here is ours.
        warnings.simplefilter("ignore", PillowImage.DecompressionBombWarning)
        try:
            with PillowImage.open(io.BytesIO(data)) as header:
                _refuse_large(header.size, max_pixels)
                # OpenCV decodes JPEG, PNG and the like twice as fast; Pillow reads more formats.
                pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
                if pixels is None:
                    upright = ImageOps.exif_transpose(header).convert("RGB")
                    pixels = cv2.cvtColor(np.asarray(upright), cv2.COLOR_RGB2BGR)
        except _ERRORS as error:
            raise MediaError("unreadable", f"The file is no readable image: {error}.") from None
        except cv2.error as error:
            raise MediaError("unreadable", f"The image cannot be decoded: {error.err}.") from None
    return np.ascontiguousarray(pixels, dtype=np.uint8)


def _refuse_large(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise MediaError(
            "too_many_pixels",
            f"The image has {width} x {height} pixels; at most {max_pixels / 1e6:g} million are decoded "
            "(MEDIA_MAX_MEGAPIXELS).",
        )
