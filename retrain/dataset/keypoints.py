"""Which thing each annotated key point belongs to. Pure."""

from collections.abc import Mapping, Sequence

from backend.entities import Box, Point, Region
from retrain.dataset.outlines import box_around

# By the label of a key point, the region that marks it.
Points = Mapping[str, Region]


def assign_points(
    things: Sequence[Region], points: Sequence[Region]
) -> tuple[tuple[Points, ...], tuple[str, ...]]:
    """Return the key points of each thing, and in words which points belong to none.

    A point belongs to its parent; one without goes to the smallest thing whose upright box holds it and that
    has no such point yet. Those with a parent come first, so that no other takes their place.

    Args:
        things: Regions with an area, the persons of a pose.
        points: Regions whose geometry is a `Point`.
    """
    boxes = [box_around(thing.geometry, thing.size) for thing in things]
    found: list[dict[str, Region]] = [{} for _ in things]
    problems: list[str] = []
    strays: list[Region] = []
    for point in points:
        places = [place for place, thing in enumerate(things) if thing.id == point.parent]
        if not places:
            strays.append(point)
        # A thing with two labels is two regions of one id.
        for place in places:
            if found[place].setdefault(point.label, point) is not point:
                problems.append(f'Region {things[place].id} has the key point "{point.label}" twice.')
    for point in strays:
        holding = [place for place, box in enumerate(boxes) if box is not None and _holds(box, point)]
        free = [place for place in holding if point.label not in found[place]]
        if free:
            found[min(free, key=lambda place: _area(boxes[place]))][point.label] = point
        else:
            why = "is there twice" if holding else "lies in no labelled box"
            problems.append(f'The key point "{point.label}" (region {point.id}) {why}; it is left out.')
    return tuple(found), tuple(problems)


def _holds(box: Box, region: Region) -> bool:
    point = region.geometry
    return isinstance(point, Point) and box.x1 <= point.x <= box.x2 and box.y1 <= point.y <= box.y2


def _area(box: Box | None) -> float:
    return box.width * box.height if box else 0.0
