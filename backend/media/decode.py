"""Decode image bytes to upright BGR pixels, after a look at the header to refuse what is too large."""

import io

import cv2
import numpy as np
from PIL import Image as PillowImage
from PIL import ImageOps, UnidentifiedImageError

from backend.entities import Image
from backend.errors import MediaError

# The limit of pixels is ours alone; Pillow's own, and its warnings, would come before it.
PillowImage.MAX_IMAGE_PIXELS = None
# Bound here: ultralytics replaces `Image.open` by one that installs a package for what is no image.
_open = PillowImage.open

_ORIENTATION = 0x0112  # EXIF's tag
_ERRORS = (
    UnidentifiedImageError,
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    ImportError,
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
    try:
        with _open(io.BytesIO(data)) as header:
            _refuse_large(header.size, max_pixels)
            # OpenCV decodes twice as fast, but knows the orientation of JPEG and PNG only.
            pixels = None
            if header.format in ("JPEG", "PNG") or header.getexif().get(_ORIENTATION, 1) == 1:
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
