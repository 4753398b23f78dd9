"""What was done to each region, and how that is counted: rules, each by a case made for it."""

import pytest

from backend.entities import Box, Geometry, ImageSize, Point, Region
from backend.review.corrections import correct, tally
from backend.review.entities import AnnotatedRegions, Correction, Kind, MatchedBy, Tally

SIZE = ImageSize(1000, 1000)
PLACE = Box(100, 100, 200, 200)
FAR = Box(600, 600, 700, 700)


def region(
    region_id: str, geometry: Geometry | None = PLACE, label: str = "car", control: str = "label"
) -> Region:
    return Region(region_id, control, label, 1.0, geometry, SIZE)


def corrected(shown: list[Region], annotated: list[Region]) -> tuple[Correction, ...]:
    return correct(shown, AnnotatedRegions(tuple(annotated), images={}, problems=()))


def kinds(shown: list[Region], annotated: list[Region]) -> list[str]:
    return [correction.kind.value for correction in corrected(shown, annotated)]


def moved(by: float) -> Box:
    return Box(100 + by, 100, 200 + by, 200)


@pytest.mark.parametrize(
    ("annotated", "expected"),
    [
        pytest.param([region("p")], ["kept"], id="unmoved is kept"),
        pytest.param([region("p", Box(100, 100, 200, 190))], ["kept"], id="IoU of 0.9 is kept"),
        pytest.param([region("p", moved(10))], ["adjusted"], id="moved a little is adjusted"),
        pytest.param([region("p", Box(100, 100, 200, 150))], ["adjusted"], id="IoU of 0.5 is adjusted"),
        pytest.param([region("p", moved(40))], ["deleted", "added"], id="moved far is deleted and added"),
        pytest.param([region("p", label="dog")], ["relabelled"], id="other label in the place is relabelled"),
        pytest.param(
            [region("p", moved(30), "dog")], ["relabelled"], id="moved and relabelled is relabelled"
        ),
        pytest.param([region("new")], ["kept"], id="redrawn in the place is kept"),
        pytest.param([], ["deleted"], id="gone is deleted"),
        pytest.param([region("p"), region("new", FAR)], ["kept", "added"], id="new elsewhere is added"),
        pytest.param([region("p"), region("new")], ["kept", "added"], id="second one in the place is added"),
    ],
)
def test_what_was_done_to_one_shown_region(annotated: list[Region], expected: list[str]) -> None:
    assert kinds([region("p")], annotated) == expected


def test_region_without_anything_shown_is_added() -> None:
    assert corrected([], [region("new")]) == (Correction(Kind.ADDED, None, region("new")),)


def test_correction_names_both_regions_and_how_they_were_matched() -> None:
    shown, annotated = region("p"), region("p", moved(10), "dog")
    assert corrected([shown], [annotated]) == (
        Correction(Kind.RELABELLED, shown, annotated, 0.818181818, MatchedBy.REGION_ID, "box"),
    )


def test_shown_regions_come_in_their_order_before_the_added_ones_in_theirs() -> None:
    shown = [region("s2", FAR), region("s1")]
    annotated = [region("z", Box(0, 0, 9, 9)), region("s1"), region("a", Box(50, 0, 59, 9))]
    found = [(c.kind.value, (c.shown or c.annotated).id) for c in corrected(shown, annotated)]  # type: ignore[union-attr]
    assert found == [("deleted", "s2"), ("kept", "s1"), ("added", "z"), ("added", "a")]


def test_swapped_labels_of_two_overlapping_boxes_are_two_relabelled_ones() -> None:
    shown = [region("p", label="car"), region("q", moved(10), label="dog")]
    annotated = [region("p", label="dog"), region("q", moved(10), label="car")]
    assert kinds(shown, annotated) == ["relabelled", "relabelled"]
    assert tally(corrected(shown, annotated)) == {
        "": Tally(relabelled_from=2, relabelled_to=2),
        "car": Tally(relabelled_from=1, relabelled_to=1),
        "dog": Tally(relabelled_from=1, relabelled_to=1),
    }


def test_region_relabelled_to_what_another_shown_one_in_the_place_has_leaves_that_one_its_match() -> None:
    shown = [region("p", label="car"), region("q", moved(5), label="dog")]
    assert kinds(shown, [region("p", label="dog")]) == ["relabelled", "deleted"]
    assert kinds(shown, [region("p", label="dog"), region("q", moved(5), "dog")]) == ["relabelled", "kept"]


def test_second_label_of_a_region_is_added() -> None:
    annotated = [region("p", label="red"), region("p", label="car")]
    assert [(c.kind.value, c.label) for c in corrected([region("p")], annotated)] == [
        ("kept", "car"),
        ("added", "red"),
    ]


def test_point_in_a_control_tag_that_the_model_does_not_fill_is_a_prompt_and_not_counted() -> None:
    prompt = region("x", Point(150, 150), control="prompts")
    assert kinds([region("p")], [region("p"), prompt]) == ["kept"]
    assert kinds([], [prompt]) == []


def test_point_in_a_control_tag_that_the_model_fills_is_a_label() -> None:
    nose = region("n", Point(150, 150), "nose", "pose")
    assert kinds([nose], [nose, region("e", Point(50, 50), "ear", "pose")]) == ["kept", "added"]


def test_box_in_a_control_tag_that_the_model_does_not_fill_is_added() -> None:
    assert kinds([region("p")], [region("p"), region("x", FAR, control="more")]) == ["kept", "added"]


def test_class_of_the_image_is_kept_or_relabelled() -> None:
    assert kinds([region("p", None, "day")], [region("x", None, "day")]) == ["kept"]
    assert kinds([region("p", None, "day")], [region("x", None, "night")]) == ["relabelled"]


def test_tally_counts_by_label_and_all_together() -> None:
    shown = [region("k"), region("a", FAR), region("r", Box(0, 0, 50, 50)), region("d", Box(0, 500, 50, 600))]
    annotated = [
        region("k"),
        region("a", Box(600, 600, 700, 680)),
        region("r", Box(0, 0, 50, 50), "dog"),
        region("new", Box(400, 400, 450, 450), "cat"),
    ]
    counts = tally(corrected(shown, annotated))
    assert counts == {
        "": Tally(kept=1, adjusted=1, deleted=1, added=1, relabelled_from=1, relabelled_to=1),
        "car": Tally(kept=1, adjusted=1, deleted=1, relabelled_from=1),
        "dog": Tally(relabelled_to=1),
        "cat": Tally(added=1),
    }
    assert (counts[""].tp, counts[""].fp, counts[""].fn) == (2, 2, 2)


def test_tally_of_no_corrections_is_all_zero() -> None:
    assert tally([]) == {"": Tally()}


def test_tally_counts_an_empty_label_once() -> None:
    assert tally(corrected([region("p", label="")], [region("p", label="")])) == {"": Tally(kept=1)}
