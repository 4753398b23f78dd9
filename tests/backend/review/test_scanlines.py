"""Outlines are compared and drawn in bounded memory and time, however often their rows cross them."""

import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from backend.entities import ImageSize, Polygon
from backend.review import scanlines
from backend.review.scanlines import fill, polygon_iou

_MOST_MB = 300
_MOST_SECONDS = 20  # a fraction of this; what is not bounded takes minutes


def zigzag(points: int, *, height: float, width: float = 1000.0) -> Polygon:
    """Return an outline that runs between top and bottom with each point, and back along the bottom."""
    ys = np.arange(points) % 2 * height
    return Polygon(tuple(zip(np.linspace(0.0, width, points).tolist(), ys.tolist(), strict=True)))


def square(side: float) -> Polygon:
    return Polygon(((0.0, 0.0), (side, 0.0), (side, side), (0.0, side)))


@contextmanager
def bounded() -> Iterator[None]:
    tracemalloc.start()
    started = time.perf_counter()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()
    assert peak < _MOST_MB and time.perf_counter() - started < _MOST_SECONDS


@pytest.mark.parametrize("height", [1.0, 1000.0, 1e6], ids=lambda height: f"{height:g} pixels")
@pytest.mark.parametrize("points", [5_000, 50_000], ids=lambda points: f"{points} points")
def test_zigzag_is_compared_with_itself_in_bounded_memory(points: int, height: float) -> None:
    outline = zigzag(points, height=height)
    with bounded():
        assert polygon_iou(outline, outline) == pytest.approx(1.0, abs=1e-3)


def test_zigzag_is_half_of_the_square_around_it() -> None:
    with bounded():
        found = polygon_iou(zigzag(20_001, height=1000.0), square(1000.0))
    assert found == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("height", [1000, 100_000], ids=lambda height: f"{height} rows")
def test_zigzag_is_drawn_in_bounded_memory(height: int) -> None:
    with bounded():
        drawn = fill(zigzag(50_000, height=height), ImageSize(1000, height))
    assert drawn.x + drawn.pixels.shape[1] <= 1000 and drawn.y + drawn.pixels.shape[0] <= height
    assert drawn.pixels.any()


def test_outline_with_more_pixels_around_it_than_a_mask_has_none() -> None:
    with bounded():
        assert fill(square(1e6), ImageSize(10**6, 10**6)).pixels.size == 0


def test_tall_outline_is_drawn_as_it_is() -> None:
    with bounded():
        drawn = fill(square(10.0), ImageSize(10, 10**6))
        tall = fill(Polygon(((0.0, 0.0), (10.0, 0.0), (10.0, 1e6), (0.0, 1e6))), ImageSize(10, 10**6))
    assert drawn.pixels.shape == (10, 10) and drawn.pixels.all()
    assert tall.pixels.shape == (10**6, 10) and tall.pixels.all()


@pytest.mark.parametrize(
    "measure",
    [
        pytest.param(lambda outline: polygon_iou(outline, square(60.0)), id="compared"),
        pytest.param(lambda outline: fill(outline, ImageSize(60, 60)).pixels.sum() / 3600, id="drawn"),
    ],
)
def test_fewer_rows_tell_about_the_same(
    monkeypatch: pytest.MonkeyPatch, measure: Callable[[Polygon], float]
) -> None:
    outline = Polygon(((0.0, 0.0), (60.0, 0.0), (30.0, 50.0), (60.0, 57.0), (0.0, 60.0)))
    exact = measure(outline)
    monkeypatch.setattr(scanlines, "_MOST_CROSSINGS", 40)
    coarse = measure(outline)
    assert coarse != exact and coarse == pytest.approx(exact, abs=0.05)
