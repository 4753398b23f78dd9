"""For any regions: the account adds up, and matching depends on neither order nor side."""

from collections import Counter
from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st
from region_strategies import SIZE, boxes, identity, images, regions

from backend.entities import Box, Point, Region
from backend.review.corrections import correct, tally
from backend.review.entities import AnnotatedRegions, Kind, MatchedBy
from backend.review.matching import KEPT_IOU, SAME_IOU, match_regions
from backend.review.overlap import region_iou

SIDES = st.lists(regions(), max_size=8)
IMAGES = images
# Boxes of few places, ids and labels: nearly every overlap occurs more than once.
TIED_BOXES = st.lists(regions(st.sampled_from([Box(x, 0, x + 24, 24) for x in (0, 4, 8, 12)])), max_size=6)
QUICK = settings(deadline=None, max_examples=150)


def pairs(shown: list[Region], annotated: list[Region], images: dict[str, str]) -> Counter[object]:
    """Return the matches by what the regions are, not by their places."""
    matches = match_regions(shown, annotated, images=images)
    return Counter(
        (identity(shown[m.shown]), identity(annotated[m.annotated]), m.iou, m.matched_by, m.compared_as)
        for m in matches
    )


def counted(shown: list[Region], annotated: list[Region]) -> list[Region]:
    """Return the annotated regions that are no prompts."""
    filled = {region.control for region in shown}
    return [r for r in annotated if r.control in filled or not isinstance(r.geometry, Point)]


@QUICK
@given(SIDES, SIDES, IMAGES)
def test_matching_is_one_to_one_and_never_below_the_threshold(
    shown: list[Region], annotated: list[Region], images: dict[str, str]
) -> None:
    matches = match_regions(shown, annotated, images=images)
    assert [m.shown for m in matches] == sorted({m.shown for m in matches})
    assert len({m.annotated for m in matches}) == len(matches)
    for match in matches:
        one, other = shown[match.shown], annotated[match.annotated]
        assert match.iou == region_iou(one, other) >= SAME_IOU
        assert match.matched_by is MatchedBy.OVERLAP or one.id == other.id


@QUICK
@given(st.data(), st.one_of(SIDES, TIED_BOXES), st.one_of(SIDES, TIED_BOXES), IMAGES)
def test_matching_does_not_depend_on_order(
    data: st.DataObject, shown: list[Region], annotated: list[Region], images: dict[str, str]
) -> None:
    others = data.draw(st.permutations(shown)), data.draw(st.permutations(annotated))
    assert pairs(*others, images) == pairs(shown, annotated, images)


@QUICK
@given(st.one_of(SIDES, TIED_BOXES), st.one_of(SIDES, TIED_BOXES), IMAGES)
def test_matching_is_symmetric(shown: list[Region], annotated: list[Region], images: dict[str, str]) -> None:
    swapped = Counter({(b, a, *how): n for (a, b, *how), n in pairs(annotated, shown, images).items()})
    assert swapped == pairs(shown, annotated, images)


@QUICK
@given(st.data(), st.one_of(SIDES, TIED_BOXES), IMAGES)
def test_what_was_not_touched_is_kept(
    data: st.DataObject, shown: list[Region], images: dict[str, str]
) -> None:
    annotated = data.draw(st.permutations(shown))
    for one, other, iou, matched_by, _ in pairs(shown, annotated, images):
        assert one == other and iou == 1.0 and matched_by is MatchedBy.REGION_ID


@QUICK
@given(SIDES, SIDES)
def test_what_is_left_over_in_one_control_tag_is_not_one_thing(
    shown: list[Region], annotated: list[Region]
) -> None:
    matches = match_regions(shown, annotated, images={})
    matched = {m.shown for m in matches}, {m.annotated for m in matches}
    for one in (r for place, r in enumerate(shown) if place not in matched[0]):
        for other in (r for place, r in enumerate(annotated) if place not in matched[1]):
            assert one.control != other.control or region_iou(one, other) < SAME_IOU


@QUICK
@given(st.lists(boxes, max_size=4), st.lists(boxes, max_size=4))
def test_overlaps_of_what_is_matched_have_the_greatest_sum(shown: list[Box], annotated: list[Box]) -> None:
    short, long = sorted(
        (
            [Region(f"{side}{n}", "c", "car", 1.0, box, SIZE) for n, box in enumerate(side_boxes)]
            for side, side_boxes in (("s", shown), ("a", annotated))
        ),
        key=len,
    )
    allowed = [[iou if iou >= SAME_IOU else 0 for iou in (region_iou(a, b) for b in long)] for a in short]
    best = max(
        sum(row[place] for row, place in zip(allowed, order, strict=False))
        for order in permutations(range(len(long)), len(short))
    )
    assert abs(sum(match.iou for match in match_regions(short, long, images={})) - best) < 1e-9


@QUICK
@given(SIDES, SIDES, IMAGES)
def test_account_adds_up_in_all_and_by_label(
    shown: list[Region], annotated: list[Region], images: dict[str, str]
) -> None:
    tallies = tally(correct(shown, AnnotatedRegions(tuple(annotated), images, problems=())))
    labels = counted(shown, annotated)
    assert tallies[""].tp + tallies[""].fn == len(labels)
    assert tallies[""].tp + tallies[""].fp == len(shown)
    for label in {region.label for region in (*shown, *labels)} - {""}:
        assert tallies[label].tp + tallies[label].fn == sum(r.label == label for r in labels)
        assert tallies[label].tp + tallies[label].fp == sum(r.label == label for r in shown)
    assert tallies.keys() == {"", *(region.label for region in (*shown, *labels))}


@QUICK
@given(SIDES, SIDES, IMAGES)
def test_every_region_is_in_exactly_one_correction_of_the_right_kind(
    shown: list[Region], annotated: list[Region], images: dict[str, str]
) -> None:
    corrections = correct(shown, AnnotatedRegions(tuple(annotated), images, problems=()))
    assert [c.shown for c in corrections if c.shown] == shown
    assert Counter(identity(c.annotated) for c in corrections if c.annotated) == Counter(
        map(identity, counted(shown, annotated))
    )
    for correction in corrections:
        one, other, iou = correction.shown, correction.annotated, correction.iou
        if one is None or other is None:
            assert correction.kind is (Kind.DELETED if one else Kind.ADDED) and iou is None
        elif one.label != other.label:
            assert correction.kind is Kind.RELABELLED
        else:
            assert iou is not None and correction.kind is (Kind.KEPT if iou >= KEPT_IOU else Kind.ADJUSTED)
