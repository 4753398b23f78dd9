"""Image files made on the spot."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image as PillowImage


def picture(width: int = 64, height: int = 48, *, seed: int = 1) -> PillowImage.Image:
    """Return an RGB picture of coloured noise in blocks of 8 pixels, so that JPEG keeps it."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(40, 256, ((height + 7) // 8, (width + 7) // 8, 3), dtype=np.uint8)
    pixels = blocks.repeat(8, axis=0).repeat(8, axis=1)[:height, :width]
    return PillowImage.fromarray(np.ascontiguousarray(pixels))


def encoded(image: PillowImage.Image, kind: str = "PNG", **options: Any) -> bytes:
    """Return the image as a file of this kind."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png(width: int = 64, height: int = 48, *, seed: int = 1) -> bytes:
    """Return a PNG file."""
    return encoded(picture(width, height, seed=seed))


def png_header(width: int, height: int) -> bytes:
    """Return a PNG file that claims a size and holds next to no pixels."""
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\x00" * 64)),
        (b"IEND", b""),
    )
    chunks = [
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
