"""Consensus: what more than half marked, where most put it, by the name that most gave it."""

import pytest

from backend.entities import Box, ImageSize, Point, Polygon, Region
from retrain.snapshot.consensus import consensus

SIZE = ImageSize(200, 100)


def box(x: float, label: str = "car", *, region_id: str = "r", y: float = 10.0, side: float = 40.0) -> Region:
    return Region(region_id, "label", label, 1.0, Box(x, y, x + side, y + side), SIZE)


def chosen(label: str) -> Region:
    return Region("c", "weather", label, 1.0, None, SIZE)


def nose(x: float, parent: str | None) -> Region:
    return Region(f"nose {x}", "joints", "nose", 1.0, Point(x, 20.0), SIZE, parent)


def agreed(*people: list[Region]) -> tuple[Region, ...]:
    return consensus(people, images={}).regions


def test_box_that_most_marked_has_the_median_of_each_side() -> None:
    (found,) = agreed([box(10, region_id="new")], [box(12)], [box(20)])
    assert (found.id, found.geometry) == ("new", Box(12, 10, 52, 50))


def test_thing_that_half_of_the_people_marked_is_left_out() -> None:
    assert agreed([box(10)], []) == ()
    assert agreed([box(10), box(100)], [box(11)]) == (box(10.5),)


def test_thing_that_the_newest_person_missed_is_kept_where_most_marked_it() -> None:
    assert agreed([], [box(10)], [box(10)]) == (box(10),)


def test_boxes_below_half_overlap_are_two_things() -> None:
    found = consensus([[box(10)], [box(40)]], images={})
    assert (found.regions, found.things, found.disputed) == ((), 2, 2)


def test_two_close_things_are_not_taken_for_one() -> None:
    assert len(agreed([box(10), box(15)], [box(11), box(16)], [box(10), box(15)])) == 2


def test_newest_persons_slip_does_not_split_a_thing() -> None:
    (found,) = agreed([box(27)], [box(15)], [box(10)])
    assert found.geometry == Box(15, 10, 55, 50)


def test_label_is_what_most_say() -> None:
    (found,) = agreed([box(10, "bus")], [box(10, "car")], [box(10, "car")])
    assert found.label == "car"


def test_newest_label_stands_where_opinions_are_even_and_is_disputed() -> None:
    found = consensus([[box(10, "bus")], [box(10, "car")]], images={})
    assert ([r.label for r in found.regions], found.disputed) == (["bus"], 1)


def test_other_shape_is_the_newest_persons() -> None:
    corners = ((10.0, 10.0), (50.0, 10.0), (50.0, 50.0), (10.0, 50.0))
    shapes = [
        Region(str(n), "p", "car", 1.0, Polygon(tuple((x + n, y) for x, y in corners)), SIZE)
        for n in range(3)
    ]
    assert agreed(*([shape] for shape in shapes)) == (shapes[0],)


def test_class_of_the_image_is_what_most_say() -> None:
    (found,) = agreed([chosen("sun")], [chosen("rain")], [chosen("rain")])
    assert found.label == "rain"


def test_key_points_go_with_the_box_that_is_kept() -> None:
    first = [box(10, region_id="a"), nose(20, "a"), box(140, region_id="only mine"), nose(150, "only mine")]
    second = [box(10, region_id="b"), nose(22, "b")]
    assert agreed(first, second) == (box(10, region_id="a"), nose(20, "a"))


def test_key_points_of_no_box_are_the_newest_persons() -> None:
    assert agreed([box(10), nose(20, None)], [box(10), nose(22, None)]) == (box(10), nose(20, None))


@pytest.mark.parametrize(
    ("people", "things", "disputed"),
    [
        pytest.param([[box(10)], [box(10)]], 1, 0, id="agreed"),
        pytest.param([[box(10)], []], 1, 1, id="half marked it"),
        pytest.param([[box(10)], [box(10)], []], 1, 0, id="most marked it"),
        pytest.param([[box(10, "a")], [box(10, "b")], [box(10, "c")]], 1, 1, id="three names for one thing"),
        pytest.param([[], []], 0, 0, id="nothing there"),
    ],
)
def test_conflict_is_what_has_no_majority(people: list[list[Region]], things: int, disputed: int) -> None:
    found = consensus(people, images={})
    assert (found.things, found.disputed) == (things, disputed)
