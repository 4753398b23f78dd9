"""Which image is for training, which for choosing (val) and which for judging (test). Pure.

An image keeps its side for ever, and images of one group, such as a camera's, go to one side. Which key goes
where follows from a hash of it, so neither the order nor the moment matters.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backend.training.entities import Side
from backend.training.names import MOST_HELD_OUT

# Val and test: one in so many of all images.
_SHARE = 10
# Below, a side of its own for each of them would leave none for training.
_FEWEST_KEYS = 3


@dataclass(frozen=True, slots=True)
class SplitKey:
    """Images that go together: one, or a group of `images`. `is_held`: one of them should be for judging."""

    key: str
    images: int = 1
    is_held: bool = False


@dataclass(frozen=True, slots=True)
class SplitImage:
    """One image by its SHA-256. `group` is the value that keeps images together, None for an image alone.

    `is_held` is true for ground truth and blind tasks, whose labels no model has influenced.
    """

    image: str
    group: str | None = None
    is_held: bool = False


def group_key(group: str) -> str:
    """Return the key of a group: SHA-256, hexadecimal, as images have."""
    return hashlib.sha256(group.encode("utf-8", "surrogatepass")).hexdigest()


def split_images(images: Sequence[SplitImage], known: Mapping[str, Side]) -> dict[str, Side]:
    """Return the side of every image, and of every group, by key.

    An image that has a side keeps it, also where it gets a group later. A group that is new takes the side
    of most of its images that have one.

    Args:
        images: All of the data set, each once.
        known: Sides by key; others than these images' may be among them.
    """
    bundles: dict[str, list[SplitImage]] = defaultdict(list)
    for image in images:
        bundles[image.image if image.group is None else group_key(image.group)].append(image)
    keys = [SplitKey(image.image) for image in images if image.image in known]
    inherited: dict[str, Side] = {}
    for key, members in bundles.items():
        before = Counter(known[m.image] for m in members if m.image in known)
        new = [m for m in members if m.image not in known]
        if before and key not in known:
            # At equal numbers to training: near-copies of what was trained on judge nothing.
            inherited[key] = max(before, key=lambda side: (before[side], side == Side.TRAIN, side))
        if new:
            keys.append(SplitKey(key, len(new), any(m.is_held for m in new)))
    sides = assign_sides(keys, {**inherited, **known}) | inherited
    for key, members in bundles.items():
        for member in members:
            sides.setdefault(member.image, sides.get(key) or known[key])
    return sides


def assign_sides(keys: Sequence[SplitKey], known: Mapping[str, Side]) -> dict[str, Side]:
    """Return the side of each key; a known one keeps its own.

    Val and test each get a tenth of the images (rounded down), at most `MOST_HELD_OUT`: keys in the order of
    their hash go to test, then to val, while there is room for all of their images. Held keys go to test
    before, until it has `MOST_HELD_OUT` or half of all. From 10 images on neither stays empty, if there are
    at least three keys: the smallest key goes there then, be it over the limit. Training is never left empty
    for new keys.

    Args:
        keys: All of the data set, each once.
        known: Sides by key.
    """
    assigned = {key.key: known[key.key] for key in keys if key.key in known}
    new = sorted((key for key in keys if key.key not in known), key=_order)
    total = sum(key.images for key in keys)
    counts = Counter({side: _count(keys, assigned, side) for side in Side})
    room, held_room = min(total // _SHARE, MOST_HELD_OUT), min(total // 2, MOST_HELD_OUT)
    # Held ones first, each in the order of their hash.
    for key in sorted(new, key=lambda key: not key.is_held):
        if key.is_held and counts[Side.TEST] + key.images <= held_room:
            side = Side.TEST
        else:
            side = next((s for s in (Side.TEST, Side.VAL) if counts[s] + key.images <= room), Side.TRAIN)
        assigned[key.key] = side
        counts[side] += key.images
    if room and len(keys) >= _FEWEST_KEYS:
        _fill_empty(new, assigned)
    if new and Side.TRAIN not in assigned.values():
        last = max(new, key=lambda key: (not key.is_held, _order(key)))
        assigned[last.key] = Side.TRAIN
    return assigned


def _fill_empty(new: Sequence[SplitKey], assigned: dict[str, Side]) -> None:
    """Move a new key to each of test and val that has none, the smallest of training if there are others."""
    for side in (Side.TEST, Side.VAL):
        keys = Counter(assigned.values())
        movable = [key for key in new if keys[assigned[key.key]] > 1]
        if not keys[side] and movable:
            chosen = min(movable, key=lambda k: (assigned[k.key] != Side.TRAIN, k.images, _order(k)))
            assigned[chosen.key] = side


def _count(keys: Sequence[SplitKey], sides: Mapping[str, Side], side: Side) -> int:
    return sum(key.images for key in keys if sides.get(key.key) == side)


def _order(key: SplitKey) -> str:
    return hashlib.sha256(key.key.encode("utf-8", "surrogatepass")).hexdigest()
