"""Regions of the prediction log: whatever is written is read back the same."""

import json

import numpy as np
import pytest

from backend.entities import Box, Geometry, ImageSize, Mask, Point, Polygon, Region, RotatedBox
from backend.store.region_rows import region_from_row, region_to_row


def region(geometry: Geometry | None, parent: str | None = None) -> Region:
    return Region("abc", "label", "Car", 0.5, geometry, ImageSize(640, 480), parent)


def through_json(written: Region) -> Region:
    return region_from_row(json.loads(json.dumps(region_to_row(written))))


@pytest.mark.parametrize(
    "geometry",
    [
        pytest.param(Box(1.5, 2, 30, 40), id="box"),
        pytest.param(RotatedBox(10, 20, 5, 6, 33.3), id="rotated box"),
        pytest.param(Polygon(((0.5, 1.5), (3.0, 4.0), (5.0, 0.0)), 0.97), id="polygon"),
        pytest.param(Polygon(((0.0, 0.0), (3.0, 4.0), (5.0, 0.0))), id="polygon of no mask"),
        pytest.param(Point(3.25, 4.75), id="point"),
        pytest.param(None, id="whole image"),
    ],
)
def test_region_is_read_back_as_it_was_written(geometry: Geometry | None) -> None:
    written = region(geometry, parent="def")
    assert through_json(written) == written


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (8, 8), (101, 33)])
def test_mask_is_read_back_pixel_by_pixel(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).random(shape) > 0.5
    read = through_json(region(Mask(7, 9, pixels))).geometry
    assert isinstance(read, Mask) and (read.x, read.y) == (7, 9)
    assert np.array_equal(read.pixels, pixels) and read.pixels.dtype == bool


def test_mask_of_a_large_thing_takes_little_room() -> None:
    rows, columns = np.mgrid[:1000, :1000]
    disc = (rows - 500) ** 2 + (columns - 500) ** 2 < 490**2
    assert len(json.dumps(region_to_row(region(Mask(0, 0, disc))))) < 10_000


def test_region_of_an_older_row_has_no_parent() -> None:
    row = region_to_row(region(Box(0, 0, 1, 1)))
    del row["parent"]
    assert region_from_row(row).parent is None
