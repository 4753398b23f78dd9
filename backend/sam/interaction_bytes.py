"""An interaction as bytes and back. Pure."""

import json
import struct
import zlib

import numpy as np

from backend.entities import Box, ImageSize, Mask
from backend.sam.entities import PromptPoint
from backend.sam.interaction import Interaction, Thing

_HEAD = struct.Struct(">I")
_FAST = 1
# What damaged bytes may lead to, also those that happen to be JSON and say other sizes.
DAMAGE = (
    zlib.error,
    struct.error,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    OverflowError,
    MemoryError,
)


def to_bytes(interaction: Interaction, turn: int) -> bytes:
    """Return an interaction as bytes: a head of JSON after its length, the mask, the logits.

    The mask's bits are compressed; the logits are noise, on which that would take most of the time.
    """
    thing, mask = interaction.thing, interaction.mask
    bits = zlib.compress(np.packbits(mask.pixels).tobytes(), _FAST)
    given = interaction.logits
    logits = b"" if given is None else np.ascontiguousarray(given, np.float16).tobytes()
    head = {
        "turn": turn,
        "engine": interaction.engine,
        "size": [interaction.size.width, interaction.size.height],
        "region_id": thing.region_id,
        "page_ids": thing.page_ids,
        "clicks": {name: _point_to_json(click) for name, click in thing.clicks.items()},
        "drawn_ids": thing.drawn_ids,
        "drawn": [_point_to_json(point) for point in thing.drawn],
        "box": thing.box and [thing.box.x1, thing.box.y1, thing.box.x2, thing.box.y2],
        "mask": [mask.x, mask.y, *mask.pixels.shape],
        "mask_bytes": len(bits),
        "logits": None if given is None else given.shape,
        "check": zlib.crc32(logits),
    }
    text = json.dumps(head).encode()
    return _HEAD.pack(len(text)) + text + bits + logits


def from_bytes(value: bytes) -> tuple[int, Interaction]:
    """Return what `to_bytes` wrote: the turn and the interaction.

    Raises:
        One of `DAMAGE`: it did not write that.
    """
    [length] = _HEAD.unpack_from(value)
    head = json.loads(value[_HEAD.size : _HEAD.size + length])
    mask_at = _HEAD.size + length
    logits_at = mask_at + head["mask_bytes"]
    x, y, height, width = head["mask"]
    bits = np.frombuffer(zlib.decompress(value[mask_at:logits_at]), np.uint8)
    if zlib.crc32(value[logits_at:]) != head["check"]:
        raise ValueError("its logits are not those that were written")
    thing = Thing(
        region_id=head["region_id"],
        page_ids=tuple(head["page_ids"]),
        clicks={name: PromptPoint(*click) for name, click in head["clicks"].items()},
        drawn_ids=tuple(head["drawn_ids"]),
        drawn=tuple(PromptPoint(*point) for point in head["drawn"]),
        box=Box(*head["box"]) if head["box"] else None,
    )
    pixels = np.unpackbits(bits, count=height * width).reshape(height, width).view(bool)
    logits = None
    if head["logits"]:
        logits = np.frombuffer(value[logits_at:], np.float16).reshape(head["logits"]).astype(np.float32)
    size = ImageSize(*head["size"])
    return int(head["turn"]), Interaction(thing, Mask(x, y, pixels), logits, head["engine"], size)


def _point_to_json(point: PromptPoint) -> tuple[float, float, bool]:
    return point.x, point.y, point.is_positive
