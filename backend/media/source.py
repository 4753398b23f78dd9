"""Decide what a task's image address means. Pure: no file, no network.

Only Label Studio's own addresses and http(s) are images' places; everything else is refused by name.
"""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urljoin, urlsplit

from backend.errors import MediaError

# Paths that Label Studio serves files from (uploads, local files storage, storages' proxies).
_OWN_PATHS = ("/data/", "/storage-data/", "/tasks/", "/api/")
_SHOWN_CHARS = 120


@dataclass(frozen=True, slots=True)
class Source:
    """An absolute http(s) address. `is_own` is true where Label Studio serves it and wants our token."""

    url: str
    is_own: bool


def resolve_source(value: object, *, label_studio_url: str) -> Source:
    """Return where the image is.

    Args:
        value: The field of the task's data that the labeling config names.
        label_studio_url: Address of Label Studio without a closing slash; may hold a path.

    Raises:
        MediaError: nothing, another scheme, or a path that climbs out of its folder.
    """
    if not isinstance(value, str) or not value.strip():
        raise MediaError("no_image", f"The task's image field holds {shown(value)}; expected an address.")
    text = value.strip()
    parts = _split(text)
    _refuse_climbing(parts.path, parts.query, text)
    base = urlsplit(label_studio_url)
    if not parts.scheme and not parts.netloc and parts.path.startswith("/"):
        own_path = parts.path.removeprefix(base.path) if base.path else parts.path
        if not own_path.startswith(_OWN_PATHS):
            raise MediaError(
                "bad_address",
                f"{shown(text)} is a path that Label Studio serves no images from; expected one of "
                f"{', '.join(_OWN_PATHS)} or an http(s) address.",
            )
        rest = own_path + (f"?{parts.query}" if parts.query else "")
        return Source(urljoin(label_studio_url + "/", rest.lstrip("/")), is_own=True)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise MediaError(
            "bad_scheme",
            f"{shown(text)} is no address that images are read from; expected http:// or https://.",
        )
    same_host = (parts.scheme, parts.hostname, parts.port) == (base.scheme, base.hostname, base.port)
    return Source(text, is_own=same_host and parts.path.startswith(base.path + "/"))


def _split(text: str):  # type: ignore[no-untyped-def]
    try:
        parts = urlsplit(text)
        _ = parts.port  # parsed on access, and refused there
    except ValueError:
        raise MediaError("bad_address", f"{shown(text)} is not an address.") from None
    return parts


def _refuse_climbing(path: str, query: str, text: str) -> None:
    places = [path, *(value for _, value in parse_qsl(query))]
    for place in places:
        once = unquote(place)
        for form in (place, once, unquote(once)):
            if ".." in form.replace("\\", "/").split("/") or "\x00" in form:
                raise MediaError(
                    "bad_path", f"{shown(text)} climbs out of its folder; name the file without '..'."
                )


def shown(value: object) -> str:
    """Return `value` short enough for a message, without the query, which may hold a signature."""
    text = re.sub(r"//.*@", "//***@", str(value).split("?", 1)[0])
    return repr(text[:_SHOWN_CHARS] + ("..." if len(text) > _SHOWN_CHARS else ""))
