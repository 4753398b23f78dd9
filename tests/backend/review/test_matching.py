"""Which shown and annotated regions are one thing: rules, each by a case made for it."""

import numpy as np
import pytest

from backend.entities import Box, Geometry, ImageSize, Mask, Point, Region
from backend.review.entities import Match, MatchedBy
from backend.review.matching import match_regions

SIZE = ImageSize(1000, 1000)
PLACE = Box(100, 100, 200, 200)


def region(
    region_id: str, geometry: Geometry | None = PLACE, label: str = "car", control: str = "label"
) -> Region:
    return Region(region_id, control, label, 1.0, geometry, SIZE)


def moved(by: float, box: Box = PLACE) -> Box:
    return Box(box.x1 + by, box.y1, box.x2 + by, box.y2)


def found(shown: list[Region], annotated: list[Region], **images: str) -> set[tuple[str, str, MatchedBy]]:
    """Return the matches by the regions' ids."""
    matches = match_regions(shown, annotated, images=images)
    return {(shown[m.shown].id, annotated[m.annotated].id, m.matched_by) for m in matches}


def test_match_says_where_how_far_and_how() -> None:
    shown = [region("far", moved(500)), region("p")]
    assert match_regions(shown, [region("p", moved(20))], images={}) == (
        Match(shown=1, annotated=0, iou=0.666666667, matched_by=MatchedBy.REGION_ID, compared_as="box"),
    )


def test_mask_drawn_over_a_predicted_box_is_compared_by_its_box_and_says_so() -> None:
    corner = np.triu(np.ones((100, 100), bool))
    (match,) = match_regions([region("p")], [region("m", Mask(100, 100, corner))], images={})
    assert (match.iou, match.compared_as) == (1.0, "box of mask")


def test_matches_come_in_order_of_the_shown_regions() -> None:
    shown = [region(name, moved(200 * place)) for place, name in enumerate("dacb")]
    matches = match_regions(shown, [shown[place] for place in (2, 0, 3, 1)], images={})
    assert [(match.shown, match.annotated) for match in matches] == [(0, 1), (1, 3), (2, 0), (3, 2)]


def test_id_wins_over_a_better_overlap_of_another_region() -> None:
    shown = [region("p"), region("q", moved(30))]
    annotated = [region("p", moved(30))]
    assert found(shown, annotated) == {("p", "p", MatchedBy.REGION_ID)}


def test_id_wins_over_an_equal_label_of_another_region() -> None:
    annotated = [region("p", moved(5), label="dog"), region("new")]
    assert found([region("p")], annotated) == {("p", "p", MatchedBy.REGION_ID)}


def test_region_moved_far_with_its_id_is_not_the_same_thing() -> None:
    assert found([region("p")], [region("p", moved(40))]) == set()


def test_region_in_the_place_of_one_that_was_moved_far_is_matched_with_it() -> None:
    annotated = [region("p", moved(40)), region("new", moved(2))]
    assert found([region("p")], annotated) == {("p", "new", MatchedBy.OVERLAP)}


def test_iou_of_one_half_is_the_same_thing() -> None:
    assert found([region("p")], [region("new", Box(100, 100, 200, 150))]) == {("p", "new", MatchedBy.OVERLAP)}
    assert found([region("p")], [region("new", Box(100, 100, 200, 149.9))]) == set()


def test_least_iou_is_what_the_caller_says() -> None:
    shown, annotated = [region("a", PLACE)], [region("b", moved(40))]
    (match,) = match_regions(shown, annotated, images={}, least=0.01)
    assert 0 < match.iou < 0.5
    assert match_regions(shown, annotated, images={}, least=match.iou) == (match,)
    assert match_regions(shown, annotated, images={}, least=match.iou + 0.001) == ()


def test_rounding_of_percent_does_not_part_an_iou_of_one_half() -> None:
    assert found([region("p")], [region("new", Box(100, 100, 200, 149.9999999999))]) != set()


def test_region_with_two_labels_is_matched_by_the_label_that_was_shown() -> None:
    annotated = [region("p", label="bus"), region("p", label="car")]
    (match,) = match_regions([region("p")], annotated, images={})
    assert match.annotated == 1


def test_regions_with_one_id_and_label_are_matched_by_their_overlap() -> None:
    shown = [region("p"), region("p", moved(20))]
    annotated = [region("p", moved(22)), region("p", moved(1))]
    matches = match_regions(shown, annotated, images={})
    assert [(match.shown, match.annotated) for match in matches] == [(0, 1), (1, 0)]


def test_equal_label_goes_before_a_better_overlap() -> None:
    annotated = [region("dog", label="dog"), region("car", moved(20))]
    assert found([region("p")], annotated) == {("p", "car", MatchedBy.OVERLAP)}


def test_labels_of_two_overlapping_boxes_that_were_swapped_are_two_matches_by_id() -> None:
    shown = [region("p", label="car"), region("q", moved(10), label="dog")]
    annotated = [region("p", label="dog"), region("q", moved(10), label="car")]
    assert found(shown, annotated) == {("p", "p", MatchedBy.REGION_ID), ("q", "q", MatchedBy.REGION_ID)}


def test_labels_that_were_swapped_without_ids_are_matched_by_label() -> None:
    shown = [region("p", label="car"), region("q", moved(10), label="dog")]
    annotated = [region("x", label="dog"), region("y", moved(10), label="car")]
    assert found(shown, annotated) == {("p", "y", MatchedBy.OVERLAP), ("q", "x", MatchedBy.OVERLAP)}


def test_two_annotations_of_one_shown_region_are_one_match() -> None:
    annotated = [region("x", moved(2)), region("y", moved(1))]
    assert found([region("p")], annotated) == {("p", "y", MatchedBy.OVERLAP)}


def test_assignment_gives_up_the_best_pair_for_the_best_sum() -> None:
    shown = [region("p"), region("q", moved(20))]
    # x lies nearest to q, yet only x can go with p.
    annotated = [region("x", moved(15)), region("y", moved(45))]
    assert found(shown, annotated) == {("p", "x", MatchedBy.OVERLAP), ("q", "y", MatchedBy.OVERLAP)}


def test_equal_sums_are_decided_alike_from_either_side() -> None:
    twins = [region("p"), region("q")]
    others = [region("x", moved(20)), region("y")]
    forth = {(one, other) for one, other, _ in found(twins, others)}
    assert forth == {(one, other) for other, one, _ in found(others, twins)}
    assert len(forth) == 2


@pytest.mark.parametrize(
    ("images", "is_same"),
    [
        pytest.param({"left": "one", "right": "two"}, False, id="two images"),
        pytest.param({"left": "one", "right": "one"}, True, id="two control tags of one image"),
        pytest.param({"right": "two"}, True, id="control tag whose image is not named"),
        pytest.param({}, True, id="no images named"),
    ],
)
def test_regions_of_two_images_are_never_one_thing(images: dict[str, str], is_same: bool) -> None:
    shown, annotated = [region("p", control="left")], [region("p", control="right")]
    assert bool(match_regions(shown, annotated, images=images)) == is_same


@pytest.mark.parametrize("geometry", [None, Point(50, 50)], ids=["class of the image", "point"])
def test_point_and_class_of_the_image_match_within_their_control_tag_only(geometry: Point | None) -> None:
    shown = [region("p", geometry, control="weather")]
    assert found(shown, [region("x", geometry, "dog", "weather")]) == {("p", "x", MatchedBy.OVERLAP)}
    assert found(shown, [region("p", geometry, control="season")]) == set()


def test_nothing_matches_nothing() -> None:
    assert match_regions([], [], images={}) == ()
    assert match_regions([region("p")], [], images={}) == ()
    assert match_regions([], [region("p")], images={}) == ()
