"""What several people agree on in one image, and how far they do. Pure.

Regions of different people are one thing as `backend.review.matching` has it: an IoU of 0.5 at least, equal
labels before unequal ones.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from backend.entities import Box, Point, Region
from backend.review.matching import match_regions


@dataclass(frozen=True, slots=True)
class Consensus:
    """What people agree on. Of `things` that anybody marked, `disputed` have no majority.

    A thing is disputed where at most half of the people marked it, or at most half of them give it one label.
    """

    regions: tuple[Region, ...]
    things: int
    disputed: int


@dataclass(slots=True)
class _Thing:
    """Regions of different people that are one thing; `first` is that of the newest of them."""

    first: Region
    members: list[Region]


def consensus(versions: Sequence[Sequence[Region]], *, images: Mapping[str, str]) -> Consensus:
    """Return what more than half of the people marked.

    A box has the median of each coordinate; another shape is the newest one's. The label is the one that most
    give, the newest of those where they are as many. A key point goes with the box that it is a part of, and
    one of no box with the newest person's.

    Args:
        versions: The regions of each person, the newest first.
        images: The image of each control tag, as in `AnnotatedRegions`.
    """
    things: list[_Thing] = []
    for regions in versions:
        _add(things, [region for region in regions if not isinstance(region.geometry, Point)], images)
    agreed = [thing for thing in things if 2 * len(thing.members) > len(versions)]
    regions = [_agreed(thing) for thing in agreed]
    kept = {id(thing.first) for thing in agreed}
    points = [point for version in versions for point in _points_of(version, kept)]
    loose = [region for region in versions[0] if isinstance(region.geometry, Point) and not region.parent]
    disputed = sum(not _has_majority(thing, len(versions)) for thing in things)
    return Consensus((*regions, *points, *loose), len(things), disputed)


def _add(things: list[_Thing], regions: Sequence[Region], images: Mapping[str, str]) -> None:
    """Add one person's regions to the things that they are; the others are new things."""
    known = list(things)
    # Where most put it so far, lest the newest person's slip split it.
    places = [_agreed(thing) for thing in known]
    found = {match.annotated: match.shown for match in match_regions(places, regions, images=images)}
    for place, region in enumerate(regions):
        if place in found:
            known[found[place]].members.append(region)
        else:
            things.append(_Thing(region, [region]))


def _label(thing: _Thing) -> tuple[str, int]:
    """Return the label that most give, and how many."""
    # Among equals `most_common` keeps the order of first sight: the newest person's goes first.
    return Counter(region.label for region in thing.members).most_common(1)[0]


def _has_majority(thing: _Thing, people: int) -> bool:
    return 2 * _label(thing)[1] > people


def _agreed(thing: _Thing) -> Region:
    region = replace(thing.first, label=_label(thing)[0])
    boxes = [m.geometry for m in thing.members if isinstance(m.geometry, Box) and m.size == region.size]
    if isinstance(region.geometry, Box):
        sides = (median(getattr(box, side) for box in boxes) for side in ("x1", "y1", "x2", "y2"))
        return replace(region, geometry=Box(*sides))
    return region


def _points_of(version: Sequence[Region], kept: set[int]) -> list[Region]:
    """Return the key points that belong to boxes of this person that are kept."""
    boxes = {region.id for region in version if id(region) in kept}
    return [r for r in version if isinstance(r.geometry, Point) and r.parent in boxes]
