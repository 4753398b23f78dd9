"""Which shown and which annotated regions are one thing. Pure.

Two regions are one thing only if they lie on the same image with an IoU of at least `SAME_IOU`
(or what the caller says):

1. those that share their id (Label Studio keeps a region's id while it is edited), where ids repeat because a
   region has several labels those of equal label first, then by IoU;
2. of the rest, those of equal label, by the assignment with the greatest IoU in all;
3. of the rest, whatever their label, likewise.

Equal labels go before unequal ones so that hits are counted as an evaluation by class counts them. Which is
matched does not depend on the order of either side, nor on which of them is called shown, ties included.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from backend.entities import Box, Geometry, Mask, Point, Polygon, Region, RotatedBox
from backend.review.entities import Match, MatchedBy
from backend.review.overlap import Overlaps, Pairs, compared_as

# From this IoU on two regions are one thing, and from `KEPT_IOU` on it has not been moved (the design).
SAME_IOU = 0.5
KEPT_IOU = 0.9


def match_regions(
    shown: Sequence[Region],
    annotated: Sequence[Region],
    *,
    images: Mapping[str, str],
    least: float = SAME_IOU,
) -> tuple[Match, ...]:
    """Return the pairs that are one thing, one-to-one, in order of the shown regions.

    Args:
        shown: What the annotator started from.
        annotated: What the annotator submitted.
        images: The image of each control tag; one that is not named lies on the same image as any other.
            Points, and classes of the whole image, are one thing only within one control tag.
        least: IoU from which on two regions are one thing, above 0.
    """
    # Ties are broken by place, so both the places and which side has the rows must not depend on the caller.
    ones, others = _Side(shown), _Side(annotated)
    is_swapped = others.keys < ones.keys
    if is_swapped:
        ones, others = others, ones
    matches = []
    for row, column, iou, matched_by in _pairs(ones.regions, others.regions, images, least):
        places = ones.places[row], others.places[column]
        first, second = reversed(places) if is_swapped else places
        compared = compared_as(shown[first].geometry, annotated[second].geometry)
        assert compared is not None, "what cannot be compared has no overlap"
        matches.append(Match(first, second, iou, matched_by, compared))
    return tuple(sorted(matches, key=lambda match: (match.shown, match.annotated)))


class _Side:
    """Regions in an order of their own; `places` are those that the caller gave them."""

    def __init__(self, regions: Sequence[Region]) -> None:
        keys = [_key(region) for region in regions]
        self.places = sorted(range(len(regions)), key=lambda place: keys[place])
        self.keys = [keys[place] for place in self.places]
        self.regions = [regions[place] for place in self.places]


_Key = tuple[str, str, str, str, tuple[float, ...], bytes, float, str, int, int]


def _key(region: Region) -> _Key:
    """Return all that tells a region from others, to sort by."""
    numbers, content = _geometry_key(region.geometry)
    return (
        region.id,
        region.label,
        region.control,
        type(region.geometry).__name__,
        numbers,
        content,
        region.score,
        region.parent or "",
        region.size.width,
        region.size.height,
    )


def _geometry_key(geometry: Geometry | None) -> tuple[tuple[float, ...], bytes]:
    match geometry:
        case Box():
            return (geometry.x1, geometry.y1, geometry.x2, geometry.y2), b""
        case RotatedBox():
            return (geometry.x, geometry.y, geometry.width, geometry.height, geometry.angle), b""
        case Polygon(points=points):
            return tuple(number for point in points for number in point), b""
        case Mask(x=x, y=y, pixels=pixels):
            return (x, y, *pixels.shape), np.packbits(pixels).tobytes()
        case Point(x=x, y=y):
            return (x, y), b""
        case None:
            return (), b""


def _pairs(
    ones: Sequence[Region], others: Sequence[Region], images: Mapping[str, str], least: float
) -> Iterator[tuple[int, int, float, MatchedBy]]:
    """Yield the pairs that are one thing by their places, with their IoU."""
    overlaps = Overlaps(ones, others)
    pairs = overlaps.touching()
    pairs = pairs[_is_same_place(ones, others, images, pairs)]
    has_equal_id = _is_equal([one.id for one in ones], [other.id for other in others], pairs)
    has_equal_label = _is_equal([one.label for one in ones], [other.label for other in others], pairs)
    ious = np.zeros(len(pairs))
    ious[has_equal_id] = overlaps.ious(pairs[has_equal_id])
    chosen = _greedy(pairs, ious, has_equal_label, (has_equal_id & (ious >= least)).nonzero()[0])
    for place in chosen:
        yield *pairs[place].tolist(), float(ious[place]), MatchedBy.REGION_ID
    is_free = _is_free(pairs, chosen)
    # Only now the rest, since most regions keep their id and masks take long to compare.
    ious[is_free] = overlaps.ious(pairs[is_free], least=least)
    for is_allowed in (has_equal_label, np.ones_like(has_equal_label)):
        chosen = _assign(pairs, ious, (is_allowed & is_free & (ious >= least)).nonzero()[0])
        for place in chosen:
            yield *pairs[place].tolist(), float(ious[place]), MatchedBy.OVERLAP
        is_free &= _is_free(pairs, chosen)


def _is_same_place(
    ones: Sequence[Region], others: Sequence[Region], images: Mapping[str, str], pairs: Pairs
) -> NDArray[np.bool_]:
    """Return which pairs lie on one image, and within one control tag where that matters."""
    sides = (ones, others)
    one_control, other_control = ([region.control for region in side] for side in sides)
    one_image, other_image = ([images.get(region.control, "") for region in side] for side in sides)
    has_equal_control = _is_equal(one_control, other_control, pairs)
    has_equal_image = _is_equal(one_image, other_image, pairs)
    is_unnamed = np.zeros(len(pairs), bool)
    is_bound = np.zeros(len(pairs), bool)
    for side, places in zip(sides, pairs.T, strict=True):
        is_unnamed |= np.array([region.control not in images for region in side], bool)[places]
        is_bound |= np.array([isinstance(region.geometry, Point | None) for region in side], bool)[places]
    return np.asarray((has_equal_image | is_unnamed) & (has_equal_control | ~is_bound))


def _is_equal(ones: Sequence[str], others: Sequence[str], pairs: Pairs) -> NDArray[np.bool_]:
    """Return for which pairs the name of the one equals that of the other."""
    numbers = {name: number for number, name in enumerate({*ones, *others})}
    one, other = (np.array([numbers[name] for name in side], np.intp) for side in (ones, others))
    return np.asarray(one[pairs[:, 0]] == other[pairs[:, 1]])


def _is_free(pairs: Pairs, chosen: Sequence[int]) -> NDArray[np.bool_]:
    """Return which pairs share no region with the chosen ones."""
    return ~(np.isin(pairs[:, 0], pairs[chosen, 0]) | np.isin(pairs[:, 1], pairs[chosen, 1]))


def _greedy(
    pairs: Pairs, ious: NDArray[np.float64], has_equal_label: NDArray[np.bool_], places: NDArray[np.intp]
) -> list[int]:
    """Choose one-to-one from the pairs at these places: equal labels first, then the greater IoU."""
    rows, columns = pairs[places].T
    # At last by places: where the two sides are equal, each region goes with itself.
    order = np.lexsort((columns, rows, -ious[places], ~has_equal_label[places]))
    taken: tuple[set[int], set[int]] = set(), set()
    chosen = []
    for place in places[order].tolist():
        row, column = pairs[place].tolist()
        if row not in taken[0] and column not in taken[1]:
            taken[0].add(row)
            taken[1].add(column)
            chosen.append(place)
    return chosen


def _assign(pairs: Pairs, ious: NDArray[np.float64], places: NDArray[np.intp]) -> list[int]:
    """Choose one-to-one from the pairs at these places, so that the sum of their IoUs is the greatest."""
    if not places.size:
        return []
    rows, columns = pairs[places].T
    size = int(max(rows.max(), columns.max())) + 1
    graph = coo_array((np.ones(places.size, bool), (rows, columns + size)), shape=(2 * size, 2 * size))
    _, groups = connected_components(graph, directed=False)
    order = np.argsort(groups[rows], kind="stable")
    starts = np.flatnonzero(np.diff(groups[rows][order])) + 1
    return [
        int(place) for part in np.split(places[order], starts) for place in _assign_group(pairs, ious, part)
    ]


def _assign_group(pairs: Pairs, ious: NDArray[np.float64], places: NDArray[np.intp]) -> NDArray[np.intp]:
    """Choose as `_assign` does, in a table of all regions that occur."""
    if places.size == 1:
        return places
    (rows, row), (columns, column) = (np.unique(side, return_inverse=True) for side in pairs[places].T)
    table, place_of = np.zeros((rows.size, columns.size)), np.full((rows.size, columns.size), -1)
    table[row, column], place_of[row, column] = ious[places], places
    chosen = place_of[linear_sum_assignment(table, maximize=True)]
    return np.asarray(chosen[chosen >= 0])
