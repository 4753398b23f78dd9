"""Found masks without stray islands and small holes."""

import numpy as np
import pytest
from scipy import ndimage

from backend.entities import Mask
from backend.sam.cleaning import clean_mask


def drawn(*rows: str) -> Mask:
    """Return a mask at (5, 7) from rows of "#" and "."."""
    return Mask(5, 7, np.array([[mark == "#" for mark in row] for row in rows]))


def rows_of(mask: Mask) -> list[str]:
    return ["".join("#" if is_set else "." for is_set in row) for row in mask.pixels]


def test_islands_below_the_area_are_dropped_on_the_same_cut_out() -> None:
    mask = drawn("##..#", "##...", "...##")
    cleaned = clean_mask(mask, min_area=3, fill_holes=False)
    assert rows_of(cleaned) == ["##...", "##...", "....."]
    assert (cleaned.x, cleaned.y) == (5, 7)
    assert rows_of(mask) == ["##..#", "##...", "...##"]  # what was found is left as it is


def test_island_of_just_the_area_stays() -> None:
    assert rows_of(clean_mask(drawn("###..##"), min_area=2, fill_holes=False)) == ["###..##"]


def test_pixels_that_touch_by_a_corner_are_one_island() -> None:
    rows = ["##..", "..#.", "...#"]
    assert rows_of(clean_mask(drawn(*rows), min_area=4, fill_holes=False)) == rows


def test_biggest_island_stays_however_small() -> None:
    assert rows_of(clean_mask(drawn("#..##"), min_area=100, fill_holes=False)) == ["...##"]


RING = ("######", "#...##", "######", "#.####", "######")


def test_holes_below_the_area_are_filled() -> None:
    cleaned = clean_mask(drawn(*RING), min_area=2, fill_holes=False)
    assert rows_of(cleaned) == ["######", "#...##", "######", "######", "######"]


def test_all_holes_are_filled_where_the_shape_has_none() -> None:
    assert rows_of(clean_mask(drawn(*RING), min_area=0, fill_holes=True)) == ["######"] * 5


def test_bays_at_the_edge_of_the_cut_out_are_no_holes() -> None:
    rows = ["##.##", "#...#", "#####", ".####"]
    assert rows_of(clean_mask(drawn(*rows), min_area=9, fill_holes=True)) == rows


def test_hole_that_touches_the_outside_by_a_corner_alone_is_one() -> None:
    assert rows_of(clean_mask(drawn(".##", "#.#", "###"), min_area=0, fill_holes=True)) == [
        ".##",
        "###",
        "###",
    ]


@pytest.mark.parametrize(
    "pixels", [np.zeros((0, 0), bool), np.zeros((3, 4), bool)], ids=["no pixels", "none set"]
)
def test_empty_mask_stays_empty(pixels: np.ndarray) -> None:
    cleaned = clean_mask(Mask(1, 2, pixels), min_area=16, fill_holes=True)
    assert not cleaned.pixels.any() and cleaned.pixels.shape == pixels.shape


def test_full_mask_stays_full() -> None:
    assert rows_of(clean_mask(drawn("##", "##"), min_area=16, fill_holes=True)) == ["##", "##"]


def test_nothing_is_cleaned_where_nothing_is_asked() -> None:
    rows = ["#.##", "...."]
    assert rows_of(clean_mask(drawn(*rows), min_area=0, fill_holes=False)) == rows


def test_part_of_a_larger_array_is_cleaned_as_a_copy() -> None:
    whole = np.zeros((4, 9), bool)
    whole[:, [0, 2, 3, 6]] = True
    cleaned = clean_mask(Mask(0, 0, whole[:, 1:8]), min_area=5, fill_holes=False)
    assert rows_of(cleaned) == [".##...."] * 4 and whole.sum() == 16


@pytest.mark.parametrize("seed", range(60))
def test_islands_and_holes_are_those_that_counting_pixels_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.random((14, 18)) < rng.uniform(0.35, 0.8)
    cleaned = clean_mask(Mask(0, 0, pixels), min_area=4, fill_holes=bool(seed % 2))
    assert rows_of(cleaned) == rows_of(Mask(0, 0, counted(pixels, 4, fill_holes=bool(seed % 2))))


def counted(pixels: np.ndarray, min_area: int, *, fill_holes: bool) -> np.ndarray:
    """Return what is left, slowly: each piece is labelled and counted."""
    numbers, count = ndimage.label(pixels, np.ones((3, 3)))
    islands = [numbers == number for number in range(1, count + 1)]
    areas = [int(ndimage.binary_fill_holes(island).sum()) for island in islands]
    kept = [i for i, area in zip(islands, areas, strict=True) if area >= min_area or area == max(areas)]
    left = np.logical_or.reduce(kept)
    for island in kept:
        holes, count = ndimage.label(ndimage.binary_fill_holes(island) & ~island)
        for number in range(1, count + 1):
            if fill_holes or (holes == number).sum() < min_area:
                left |= holes == number
    return left
