"""Files that pages need: style, scripts and plotly's own JavaScript.

Each has an address that changes with its content, so that a browser may keep the file for ever.
"""

import gzip
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from markupsafe import Markup

from backend.errors import NotFound

PLOTLY = "plotly.js"
# Kept by their media types; nothing else is served.
_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_DIGEST_CHARS = 16


@dataclass(frozen=True, slots=True)
class Asset:
    """One file; `digest` names its content."""

    media_type: str
    content: bytes
    digest: str


class Assets:
    """The files, each read at its first use, and compressed once: plotly's 5 MB take half a second."""

    def __init__(self) -> None:
        self._read = lru_cache(maxsize=None)(_read)
        self._compress = lru_cache(maxsize=None)(lambda name: gzip.compress(self.get(name).content, mtime=0))

    def get(self, name: str) -> Asset:
        """Return a file of `static/` by its name, or plotly's.

        Raises:
            NotFound: there is no such file.
        """
        return self._read(name)

    def compressed(self, name: str) -> bytes:
        """Return a file's content as gzip.

        Raises:
            NotFound: there is no such file.
        """
        return self._compress(name)

    def address(self, name: str) -> str:
        """Return where pages find the file."""
        folder = "/dashboard" if name == PLOTLY else "/dashboard/static"
        return f"{folder}/{name}?v={self.get(name).digest}"

    def inlined(self, name: str) -> Markup:
        """Return the file's text as it may stand within an element of a page, which it must not end."""
        text = self.get(name).content.decode()
        return Markup(text.replace("</script", "<\\/script").replace("</style", "<\\/style"))


def _read(name: str) -> Asset:
    ending = name.rpartition(".")[2]
    # Names come from addresses; no folder is ever looked into.
    if ending not in _TYPES or not name.replace(".", "").replace("_", "").isalnum():
        raise _no_such_file(name)
    folder = files("plotly") / "package_data" if name == PLOTLY else files("backend.dashboard") / "static"
    try:
        content = (folder / ("plotly.min.js" if name == PLOTLY else name)).read_bytes()
    except OSError:  # not there, or a name that no file can have
        raise _no_such_file(name) from None
    return Asset(
        media_type=_TYPES[ending],
        content=content,
        digest=hashlib.sha256(content).hexdigest()[:_DIGEST_CHARS],
    )


def _no_such_file(name: str) -> NotFound:
    return NotFound(f"The pages have no file {name[:80]!r}.")
