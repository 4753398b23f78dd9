"""Painted strokes and turned boxes as prompts: points that lie on the paint, logits in the padded square."""

import numpy as np
import pytest

from backend.entities import Box, ImageSize, Mask, RotatedBox
from backend.sam.entities import PromptPoint
from backend.sam.strokes import join_strokes, stroke_prompts, turned_box_prompts

SIZE = ImageSize(400, 200)


def is_painted(mask: Mask, point: PromptPoint) -> bool:
    return bool(mask.pixels[int(point.y) - mask.y, int(point.x) - mask.x])


def line(*, length: int, width: int, x: int = 20, y: int = 40) -> Mask:
    return Mask(x, y, np.ones((width, length), bool))


def test_blob_has_one_point_in_its_middle() -> None:
    ys, xs = np.mgrid[:41, :41]
    points, _ = stroke_prompts(Mask(100, 50, np.hypot(ys - 20, xs - 20) <= 20), SIZE, side=64)
    assert points == (PromptPoint(120.5, 70.5, True),)


def test_long_stroke_has_five_points_spread_over_it() -> None:
    mask = line(length=300, width=9)
    points, _ = stroke_prompts(mask, SIZE, side=64)
    xs = sorted(point.x for point in points)
    assert len(points) == 5 and all(point.is_positive and is_painted(mask, point) for point in points)
    assert xs[0] < 40 and xs[-1] > 300 and min(np.diff(xs)) > 40


def test_short_stroke_has_fewer_points_than_fit_no_nearer_than_it_is_wide() -> None:
    points, _ = stroke_prompts(line(length=40, width=20), SIZE, side=64)
    assert 1 <= len(points) <= 2


def test_points_of_equal_strokes_are_equal() -> None:
    mask = line(length=301, width=11)
    assert stroke_prompts(mask, SIZE, side=64)[0] == stroke_prompts(mask, SIZE, side=64)[0]


def test_points_of_a_wide_thin_ring_lie_on_the_paint() -> None:
    ys, xs = np.mgrid[:1001, :1001]
    away = np.hypot(ys - 500, xs - 500)
    mask = Mask(3, 5, (away <= 500) & (away >= 497))
    points, _ = stroke_prompts(mask, ImageSize(1010, 1010), side=256)
    assert len(points) == 5 and all(is_painted(mask, point) for point in points)


@pytest.mark.parametrize("size", [ImageSize(400, 200), ImageSize(200, 400), ImageSize(30, 20)])
def test_logits_lie_where_the_paint_does_on_the_padded_square(size: ImageSize) -> None:
    mask = Mask(size.width // 2, size.height // 4, np.ones((size.height // 4, size.width // 4), bool))
    _, logits = stroke_prompts(mask, size, side=64)
    scale = 64 / max(size.width, size.height)
    ys, xs = np.nonzero(logits > 0)
    assert (logits.shape, logits.dtype) == ((64, 64), np.float32)
    assert set(np.unique(logits)) == {-10, 10}
    edges = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
    height, width = mask.pixels.shape
    expected = np.array([mask.x, mask.y, mask.x + width, mask.y + height]) * scale
    assert np.abs(edges - expected).max() <= 1


def test_padding_beside_a_tall_image_holds_no_paint() -> None:
    _, logits = stroke_prompts(Mask(0, 0, np.ones((400, 200), bool)), ImageSize(200, 400), side=64)
    assert (logits[:, :32] > 0).all() and (logits[:, 32:] < 0).all()


def test_one_pixel_of_a_large_image_is_not_lost() -> None:
    points, logits = stroke_prompts(Mask(3999, 2999, np.ones((1, 1), bool)), ImageSize(4000, 3000), side=64)
    assert points == (PromptPoint(3999.5, 2999.5, True),)
    assert np.argwhere(logits > 0).tolist() == [[47, 63]]


def test_strokes_join_to_their_union() -> None:
    joined = join_strokes([line(length=10, width=2, x=0, y=0), line(length=3, width=4, x=20, y=8)])
    assert (joined.x, joined.y, joined.pixels.shape) == (0, 0, (12, 23))
    assert np.count_nonzero(joined.pixels) == 20 + 12
    assert joined.pixels[8:12, 20:23].all()


def test_turned_box_has_its_hull_its_centre_and_its_own_area() -> None:
    box, points, logits = turned_box_prompts(RotatedBox(200, 100, 80, 40, 90), SIZE, side=100)
    assert np.allclose([box.x1, box.y1, box.x2, box.y2], [180, 60, 220, 140])
    assert points == (PromptPoint(200, 100, True),)
    ys, xs = np.nonzero(logits > 0)
    assert [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1] == pytest.approx([45, 15, 55, 35], abs=1)
    assert np.count_nonzero(logits > 0) == pytest.approx(10 * 20, rel=0.2)


def test_turned_box_paints_a_diamond_and_not_its_hull() -> None:
    box, _, logits = turned_box_prompts(RotatedBox(200, 100, 100, 100, 45), SIZE, side=100)
    hull = box.width * box.height / 16
    assert np.count_nonzero(logits > 0) == pytest.approx(hull / 2, rel=0.1)


def test_turned_box_over_the_edge_is_clipped_and_says_nothing_of_a_centre_outside() -> None:
    box, points, logits = turned_box_prompts(RotatedBox(-10, 100, 80, 40, 30), SIZE, side=100)
    assert box.x1 == 0 and box.x2 > 0 and points == ()
    assert (logits > 0).any()


def test_turned_box_of_any_size_is_drawn() -> None:
    box, _, logits = turned_box_prompts(RotatedBox(200, 100, 1e10, 1e10, 10), SIZE, side=64)
    assert box == Box(0, 0, 400, 200)
    assert (logits > 0).all()
