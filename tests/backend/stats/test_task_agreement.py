"""Several raters of one task: what is one thing, and what is counted of it."""

from itertools import permutations

import numpy as np
import pytest

from backend.entities import Box, Geometry, ImageSize, Mask, Polygon, Region
from backend.stats.task_agreement import (
    UNMATCHED,
    LabelledTask,
    LabelSet,
    PairComparison,
    Rater,
    RaterKind,
    TaskComparison,
    compare_task,
)

SIZE = ImageSize(100, 100)
ANN, BOB, CAT = (Rater(RaterKind.ANNOTATOR, number) for number in (1, 2, 3))
MODEL = Rater(RaterKind.MODEL)


def region(label: str, geometry: Geometry | None, *, control: str = "label") -> Region:
    return Region("r", control, label, 1.0, geometry, SIZE)


def box(label: str, x: float, *, width: float = 10) -> Region:
    return region(label, Box(x, 0, x + width, 10))


def compare(sets: dict[Rater, list[Region]], *, members: set[Rater] | None = None, **options: float):
    given = tuple(
        LabelSet(rater, tuple(regions), is_member=members is None or rater in members)
        for rater, regions in sets.items()
    )
    return compare_task(LabelledTask(5, given, {"label": "image", "weather": "image"}), **options)


def only_pair(compared: TaskComparison) -> PairComparison:
    (pair,) = compared.pairs
    return pair


def test_regions_of_two_are_matched_and_the_rest_is_unmatched() -> None:
    compared = compare(
        {ANN: [box("cat", 0), box("cat", 20), box("dog", 40)], BOB: [box("cat", 2), box("cat", 40)]}
    )
    pair = only_pair(compared)
    assert pair.cells == {("cat", "cat"): 1, ("dog", "cat"): 1, ("cat", UNMATCHED): 1}
    assert (pair.regions, pair.matched, pair.equal) == (5, 2, 1)
    assert pair.ious == {("cat", "cat"): pytest.approx(8 / 12), ("dog", "cat"): 1}
    assert compared.things == {("cat", "cat"): 1, ("cat", "dog"): 1, (UNMATCHED, "cat"): 1}


def test_iou_is_the_callers() -> None:
    sets = {ANN: [box("cat", 0)], BOB: [box("cat", 4)]}  # IoU 6 / 14
    assert only_pair(compare(sets)).matched == 0
    assert only_pair(compare(sets, iou=0.4)).matched == 1
    assert only_pair(compare({ANN: [box("cat", 0)], BOB: [box("cat", 2)]}, iou=0.7)).matched == 0


def test_polygons_and_masks_are_compared_by_pixels() -> None:
    outline = Polygon(((0, 0), (10, 0), (10, 10), (0, 10)))
    half = Mask(0, 0, np.ones((10, 5), bool))
    pair = only_pair(compare({ANN: [region("cat", outline)], BOB: [region("cat", half)]}))
    assert pair.ious[("cat", "cat")] == pytest.approx(0.5, abs=0.06)


def test_a_thing_of_three_raters_is_one_unit() -> None:
    compared = compare({ANN: [box("cat", 0)], BOB: [box("cat", 1)], CAT: [box("dog", 2), box("cat", 50)]})
    assert compared.things == {("cat", "cat", "dog"): 1, (UNMATCHED, UNMATCHED, "cat"): 1}
    assert len(compared.pairs) == 3


def test_no_rater_is_in_a_thing_twice() -> None:
    # Bob's box meets both of Ann's, and Cat's the other one too.
    sets = {
        ANN: [box("cat", 0), box("cat", 6)],
        BOB: [box("cat", 3)],
        CAT: [box("cat", 5), box("cat", 1)],
    }
    things = compare(sets, iou=0.4).things
    assert sum(things.values()) == 2
    assert sum(times * (3 - thing.count(UNMATCHED)) for thing, times in things.items()) == 5


def test_order_of_raters_does_not_matter() -> None:
    sets = {ANN: [box("cat", 0), box("dog", 30)], BOB: [box("dog", 1)], CAT: [box("cat", 3), box("dog", 33)]}
    found = [compare(dict(order)) for order in permutations(sets.items())]
    assert all(each == found[0] for each in found)


def test_who_is_no_member_counts_in_pairs_alone() -> None:
    sets = {ANN: [box("cat", 0)], BOB: [box("cat", 0)], MODEL: [box("dog", 0), box("dog", 50)]}
    compared = compare(sets, members={ANN, BOB})
    assert compared.things == {("cat", "cat"): 1}
    assert [pair.is_of_members for pair in compared.pairs] == [True, False, False]
    assert compared.pairs[1].cells == {("cat", "dog"): 1, (UNMATCHED, "dog"): 1}


def test_choices_are_no_regions_and_missing_ones_no_value() -> None:
    def chosen(*labels: str, control: str = "weather") -> list[Region]:
        return [region(label, None, control=control) for label in labels]

    compared = compare({ANN: chosen("sun"), BOB: chosen("rain", "fog"), CAT: [box("cat", 0)]})
    assert compared.choices == {"weather": ("sun", "fog + rain")}
    assert [pair.choices for pair in compared.pairs] == [{"weather": ("sun", "fog + rain")}, {}, {}]
    assert compared.pairs[0].regions == 0
    assert compared.things == {(UNMATCHED, UNMATCHED, "cat"): 1}


def test_raters_are_named_in_words() -> None:
    names = [str(Rater(kind, None)) for kind in RaterKind]
    assert [str(ANN), *names] == ["annotator 1", "annotator unknown", "ground truth", "model", "blind model"]
