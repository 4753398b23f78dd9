"""Take out detections that would cost an annotator more than they help: nested, double, slivers, outside.

Pure. Sizes and overlaps are measured on what a detection is: a mask by its pixels, a rotated box by its
area, else a box by the part of it that lies in the image. So a person who stands before another one stays
where there are masks, though one box lies within the other.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.entities import Detection, ImageSize, Mask, RotatedBox
from backend.geometry import overlap_area, overlap_pixels, rotated_box_corners

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HygieneLimits:
    """When a detection is taken out.

    `nested`: share of it inside a surer one of its label, `duplicates`: IoU with a surer one of another
    label, both from this value on; `slivers`: pixels of its shorter side, below this; `outside`: share of it
    outside the image, above this. 0 switches the first three off, 1 the last.
    """

    nested: float
    duplicates: float
    slivers: float
    outside: float


@dataclass(frozen=True, slots=True)
class _Measures:
    """Detections as numbers, one row each: pixels, and `outside` as a share in [0, 1].

    `extents` (x1, y1, x2, y2) enclose what is measured, `areas` are those of the shapes themselves.
    """

    extents: Floats
    areas: Floats
    shorter_sides: Floats
    outside: Floats


def filter_detections(
    detections: Sequence[Detection], labels: Sequence[str], *, size: ImageSize, limits: HygieneLimits
) -> tuple[list[Detection], dict[str, int]]:
    """Return the detections that are worth showing, in their order, and how many each filter took out.

    The surest is judged first, and one that was taken out takes out no other. Detections without a box,
    which are classes of the whole image, all stay. The filters are outside, sliver, nested and duplicate;
    a detection counts for the first that it fails.

    Args:
        detections: Detections of one image.
        labels: The label that each will have.
        size: The image's size.
        limits: When a detection is taken out.
    """
    surest_first = sorted(range(len(detections)), key=lambda i: detections[i].score, reverse=True)
    order = [i for i in surest_first if detections[i].box is not None]
    things = [detections[i] for i in order]
    measures = _measure(things, size)
    flaws = dict.fromkeys(np.flatnonzero(measures.shorter_sides < limits.slivers).tolist(), "sliver")
    flaws |= dict.fromkeys(np.flatnonzero(measures.outside > limits.outside).tolist(), "outside")
    flaws |= _clashes(things, [labels[i] for i in order], measures, limits, gone=set(flaws))
    taken_out = {order[place]: flaw for place, flaw in flaws.items()}
    kept = [detection for i, detection in enumerate(detections) if i not in taken_out]
    return kept, dict(Counter(taken_out.values()))


def _measure(things: Sequence[Detection], size: ImageSize) -> _Measures:
    """Return the measures of detections that all have a box."""
    boxes = np.array([(d.box.x1, d.box.y1, d.box.x2, d.box.y2) for d in things if d.box], float)
    boxes = boxes.reshape(-1, 4)
    extents = np.clip(boxes, 0, [size.width, size.height] * 2)
    sides = extents[:, 2:] - extents[:, :2]
    areas = sides.prod(axis=1)
    whole = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    outside = 1 - np.divide(areas, whole, out=np.ones_like(whole), where=whole > 0)
    shorter_sides = sides.min(axis=1, initial=np.inf)
    image = RotatedBox(size.width / 2, size.height / 2, size.width, size.height, 0)
    for place, thing in enumerate(things):
        shape = thing.shape
        if isinstance(shape, Mask):
            height, width = shape.pixels.shape
            extents[place] = shape.x, shape.y, shape.x + width, shape.y + height
            areas[place] = np.count_nonzero(shape.pixels)
            outside[place] = 0
        elif isinstance(shape, RotatedBox):
            xs, ys = zip(*rotated_box_corners(shape), strict=True)
            extents[place] = min(xs), min(ys), max(xs), max(ys)
            areas[place] = area = shape.width * shape.height
            shorter_sides[place] = min(shape.width, shape.height)
            is_inside = min(*xs, *ys) >= 0 and max(xs) <= size.width and max(ys) <= size.height
            outside[place] = 0 if is_inside or area <= 0 else 1 - overlap_area(image, shape) / area
    return _Measures(extents, areas, shorter_sides, outside)


def _clashes(
    things: Sequence[Detection],
    labels: Sequence[str],
    measures: _Measures,
    limits: HygieneLimits,
    *,
    gone: set[int],
) -> dict[int, str]:
    """Return which things a surer one takes out, and why; those in `gone` take no part."""
    areas = measures.areas.tolist()
    shared = _most_shared(measures)
    # Whatever IoU two things have, at least that share of either lies in the other.
    least = min(limit or np.inf for limit in (limits.nested, limits.duplicates))
    possible = np.triu(shared >= least * np.where(measures.areas > 0, measures.areas, np.inf), 1)
    flaws: dict[int, str] = {}
    for lesser in np.flatnonzero(possible.any(axis=0)).tolist():
        for surer in () if lesser in gone else np.flatnonzero(possible[:, lesser]).tolist():
            if surer in gone or surer in flaws:
                continue
            overlap = _overlap(things[surer], things[lesser], float(shared[surer, lesser]))
            if flaw := _clash(overlap, areas[surer], areas[lesser], labels[surer] == labels[lesser], limits):
                flaws[lesser] = flaw
                break
    return flaws


def _most_shared(measures: _Measures) -> Floats:
    """Return for each pair the area that they share at most: (n, n), exact for boxes."""
    left, top, right, bottom = np.ascontiguousarray(measures.extents.T)
    # In place, since most of the time goes into getting memory.
    shared: Floats = np.minimum(right[:, None], right)
    shared -= np.maximum(left[:, None], left)
    height = np.minimum(bottom[:, None], bottom)
    height -= np.maximum(top[:, None], top)
    np.maximum(shared, 0, out=shared)
    shared *= np.maximum(height, 0, out=height)
    for areas in (measures.areas, measures.areas[:, None]):
        np.minimum(shared, areas, out=shared)
    return shared


def _overlap(one: Detection, other: Detection, at_most: float) -> float:
    """Return the area that two things share; `at_most` is that of what encloses them."""
    if isinstance(one.shape, Mask) and isinstance(other.shape, Mask):
        return overlap_pixels(one.shape, other.shape)
    if isinstance(one.shape, RotatedBox) and isinstance(other.shape, RotatedBox):
        return overlap_area(one.shape, other.shape)
    return at_most


def _clash(shared: float, surer: float, lesser: float, is_same: bool, limits: HygieneLimits) -> str | None:
    """Return which filter takes out the less sure thing, given areas; None for neither."""
    if is_same:
        return "nested" if limits.nested and shared >= limits.nested * lesser else None
    union = surer + lesser - shared
    return "duplicate" if limits.duplicates and shared >= limits.duplicates * union else None
