"""Name the picture of a task, for people. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from backend.entities import ControlTag
from backend.labelstudio.label_config import image_address

# A picture may be written into its address; nobody reads more of it than this.
MAX_CHARS = 500


def task_image(data: Mapping[str, Any], controls: Sequence[ControlTag]) -> str | None:
    """Return the address of the first image, cut at `MAX_CHARS`; where no tag names one, the first text."""
    addresses = [image_address(control, data) for control in controls]
    found = next((a for a in (*addresses, *data.values()) if isinstance(a, str) and a), None)
    return found[:MAX_CHARS].replace("\x00", "?").encode("utf-8", "replace").decode() if found else None
