"""Which detections are not worth an annotator's time, and that the others all stay."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.entities import Box, Detection, ImageSize, Mask, RotatedBox
from backend.inference.hygiene import HygieneLimits, filter_detections

WIDE = ImageSize(200, 100)
LIMITS = HygieneLimits(nested=0.9, duplicates=0.9, slivers=3, outside=0.5)
OFF = HygieneLimits(nested=0, duplicates=0, slivers=0, outside=1)
PERSON = Box(20, 10, 120, 90)


def thing(box: Box | None, score: float = 0.5, name: str = "a", shape: object = None) -> Detection:
    return Detection(name, score, box, shape)


def sieve(
    *detections: Detection, limits: HygieneLimits = LIMITS, size: ImageSize = WIDE
) -> tuple[list[int], dict[str, int]]:
    """Return the places of the detections that stay, and the counts; a class's name is its label."""
    kept, counts = filter_detections(detections, [d.class_name for d in detections], size=size, limits=limits)
    places = {id(detection): place for place, detection in enumerate(detections)}
    return [places[id(detection)] for detection in kept], counts


def rotated(x: float, y: float, width: float, height: float, angle: float, **rest: object) -> Detection:
    reach = width + height
    return thing(
        Box(x - reach, y - reach, x + reach, y + reach), shape=RotatedBox(x, y, width, height, angle), **rest
    )  # type: ignore[arg-type]


def test_box_that_lies_nine_tenths_within_a_surer_one_of_its_label_is_nested() -> None:
    inner = Box(110, 20, 130, 30)  # half of it
    nine_tenths = Box(102, 20, 122, 30)
    assert sieve(thing(PERSON, 0.9), thing(inner)) == ([0, 1], {})
    assert sieve(thing(PERSON, 0.9), thing(nine_tenths)) == ([0], {"nested": 1})


def test_surer_one_within_a_bigger_box_stays_and_so_does_the_bigger() -> None:
    assert sieve(thing(PERSON, 0.4), thing(Box(30, 20, 50, 40), 0.8)) == ([0, 1], {})


def test_nested_box_of_another_label_stays() -> None:
    assert sieve(thing(PERSON, 0.9), thing(Box(30, 20, 50, 40), name="b")) == ([0, 1], {})


def test_box_of_another_label_on_the_same_place_is_a_duplicate() -> None:
    shifted, near = Box(30, 10, 130, 90), Box(22, 10, 122, 90)  # IoU 90/110 and 98/102
    assert sieve(thing(PERSON, 0.9), thing(shifted, name="b")) == ([0, 1], {})
    assert sieve(thing(near, 0.4, "b"), thing(PERSON, 0.9)) == ([1], {"duplicate": 1})


def test_of_equally_sure_boxes_the_first_stays() -> None:
    assert sieve(thing(PERSON), thing(PERSON), thing(PERSON, name="b")) == (
        [0],
        {"nested": 1, "duplicate": 1},
    )


def test_what_was_taken_out_takes_out_nothing() -> None:
    wide, middle, small = Box(0, 0, 100, 50), Box(9, 0, 109, 50), Box(101, 0, 109, 50)
    assert sieve(thing(middle, 0.8), thing(small, 0.5)) == ([0], {"nested": 1})
    assert sieve(thing(wide, 0.9), thing(middle, 0.8), thing(small, 0.5)) == ([0, 2], {"nested": 1})


def test_sliver_is_judged_by_the_part_in_the_image() -> None:
    assert sieve(thing(Box(10, 10, 60, 12.9))) == ([], {"sliver": 1})
    assert sieve(thing(Box(10, 10, 60, 13))) == ([0], {})
    assert sieve(thing(Box(-2.5, 10, 2.5, 60))) == ([], {"sliver": 1})


def test_box_mostly_outside_a_tall_image_is_taken_out() -> None:
    tall = ImageSize(100, 200)
    assert sieve(thing(Box(80, 150, 120, 190)), size=tall) == ([0], {})  # just half of it
    assert sieve(thing(Box(81, 150, 121, 190)), size=tall) == ([], {"outside": 1})


def test_detection_counts_once_though_several_filters_meet_it() -> None:
    assert sieve(thing(PERSON, 0.9), thing(Box(118, 98, 119, 140))) == ([0], {"outside": 1})


def test_person_before_a_bigger_one_stays_where_masks_tell_them_apart() -> None:
    pixels = np.ones((80, 100), bool)
    pixels[20:60, 30:60] = False
    bigger = thing(PERSON, 0.9, shape=Mask(20, 10, pixels))
    before = thing(Box(50, 30, 80, 70), 0.6, shape=Mask(50, 30, np.ones((40, 30), bool)))
    assert sieve(bigger, before) == ([0, 1], {})
    assert sieve(thing(PERSON, 0.9), thing(before.box, 0.6)) == ([0], {"nested": 1})


def test_masks_on_the_same_pixels_are_nested_or_duplicates() -> None:
    pixels = np.tri(80, 100, dtype=bool)
    mask, part = Mask(20, 10, pixels), Mask(20, 11, pixels[1:])
    assert sieve(thing(PERSON, 0.9, shape=mask), thing(PERSON, 0.6, shape=part)) == ([0], {"nested": 1})
    duplicate = thing(PERSON, 0.6, "b", shape=part)
    assert sieve(thing(PERSON, 0.9, shape=mask), duplicate) == ([0], {"duplicate": 1})


def test_rotated_boxes_are_measured_turned() -> None:
    cross = rotated(100, 50, 60, 6, 45, score=0.9), rotated(100, 50, 60, 6, -45, score=0.6)
    assert sieve(*cross) == ([0, 1], {})
    inner = rotated(100, 50, 40, 5, 45, score=0.6)
    assert sieve(cross[0], inner) == ([0], {"nested": 1})
    upside_down = rotated(100, 50, 60, 6, 225, score=0.6, name="b")
    assert sieve(cross[0], upside_down) == ([0], {"duplicate": 1})


def test_rotated_sliver_and_rotated_box_outside_are_taken_out() -> None:
    assert sieve(rotated(100, 50, 60, 2.9, 45)) == ([], {"sliver": 1})
    assert sieve(rotated(100, 50, 60, 3, 45)) == ([0], {})
    assert sieve(rotated(-1, 50, 40, 20, 30)) == ([], {"outside": 1})
    assert sieve(rotated(1, 50, 40, 20, 30)) == ([0], {})


def test_classes_of_the_whole_image_pass() -> None:
    assert sieve(thing(None), thing(None, 0.9), thing(PERSON, 0.9)) == ([0, 1, 2], {})


def test_nothing_found_is_nothing_filtered() -> None:
    assert sieve() == ([], {})


@pytest.mark.parametrize(
    ("switched_on", "count"),
    [
        (HygieneLimits(0.9, 0, 0, 1), {"nested": 1}),
        (HygieneLimits(0, 0.9, 0, 1), {"duplicate": 1}),
        (HygieneLimits(0, 0, 3, 1), {"sliver": 1}),
        (HygieneLimits(0, 0, 0, 0.5), {"outside": 1}),
        (OFF, {}),
    ],
)
def test_each_filter_can_be_switched_off(switched_on: HygieneLimits, count: dict[str, int]) -> None:
    detections = [
        thing(PERSON, 0.9),
        thing(Box(30, 20, 50, 40), 0.8),
        thing(PERSON, 0.7, "b"),
        thing(Box(150, 10, 152, 90), 0.6),
        thing(Box(180, 10, 230, 90), 0.5),
    ]
    kept, counts = sieve(*detections, limits=switched_on)
    assert counts == count
    assert len(kept) == len(detections) - sum(count.values())


BOXES = st.builds(
    lambda x, y, w, h, score, name: thing(Box(x, y, x + w, y + h), score, name),
    *[st.integers(-40, 220), st.integers(-40, 120), st.integers(0, 90), st.integers(0, 90)],
    st.sampled_from([0.3, 0.5, 0.7, 0.9]),
    st.sampled_from("ab"),
)


@given(st.lists(BOXES, max_size=12))
def test_kept_and_counted_are_all_in_order_and_filtering_again_takes_out_no_more(
    things: list[Detection],
) -> None:
    kept, counts = sieve(*things)
    assert kept == sorted(kept)
    assert len(kept) + sum(counts.values()) == len(things)
    assert sieve(*(things[place] for place in kept)) == (list(range(len(kept))), {})
    assert sieve(*things, limits=OFF) == (list(range(len(things))), {})
