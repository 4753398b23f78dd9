"""Read an image that a task's data holds itself, as a `data:` URI (RFC 2397). Pure: no file, no network."""

import base64
import re
from urllib.parse import unquote_to_bytes

from backend.errors import MediaError
from backend.media.source import shown

_DATA_URI = re.compile(r"\s*data:", re.IGNORECASE)
_SPACES = re.compile(rb"\s+")


def is_data_uri(value: object) -> bool:
    """Tell whether the field holds its image instead of an address."""
    return isinstance(value, str) and _DATA_URI.match(value) is not None


def read_data_uri(uri: str, *, max_bytes: int) -> bytes:
    """Return the bytes that the URI holds. What they are is left to who decodes them.

    Args:
        uri: `data:[media type][;base64],` and the data, percent-encoded where it need be.
        max_bytes: Most bytes of the result.

    Raises:
        MediaError: no comma, no base64, or too many bytes.
    """
    head, comma, text = uri.strip().partition(",")
    if not comma:
        raise MediaError("bad_address", f"{shown(uri)} holds no data; expected a comma after the media type.")
    try:
        data = unquote_to_bytes(text)
        if head.rstrip().lower().endswith(";base64"):
            data = _SPACES.sub(b"", data).rstrip(b"=")
            _refuse_large(len(data) * 3 // 4, max_bytes)
            # Closing signs are left out by some writers.
            data = base64.b64decode(data + b"=" * (-len(data) % 4), validate=True)
    except ValueError:
        raise MediaError("unreadable", f"{shown(uri)} holds no base64 after its comma.") from None
    _refuse_large(len(data), max_bytes)
    return data


def _refuse_large(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise MediaError(
            "too_large",
            f"The image in the task's data is larger than {max_bytes // 2**20} MB (MEDIA_MAX_MB).",
        )
