"""Which key points belong to which box of a pose, and how they are written."""

from backend.entities import Box, Point, Region
from retrain.dataset.labels import LabelLines, label_lines
from tests.retrain.dataset.snapshots import SIZE, region, target

BOX = "1 0.35 0.35 0.5 0.5"
MISSING = "0 0 0"


def box(region_id: str = "box", geometry: Box = Box(20, 10, 120, 60)) -> Region:
    return region(geometry, id=region_id)


def point(label: str, x: float, y: float, *, parent: str | None = "box", region_id: str = "dot") -> Region:
    return region(Point(x, y), label, id=region_id, control="point", parent=parent)


def lines_of(*regions: Region) -> LabelLines:
    return label_lines(regions, target("pose"), SIZE)


def test_points_of_a_box_follow_it_in_the_order_of_the_model() -> None:
    found = lines_of(point("right hand", 100, 50), box(), point("nose", 40, 20))
    assert found == LabelLines((f"{BOX} 0.2 0.2 2 {MISSING} 0.5 0.5 2",), ())


def test_box_without_points_has_zeros_for_each() -> None:
    assert lines_of(box()) == LabelLines((f"{BOX} {MISSING} {MISSING} {MISSING}",), ())


def test_point_without_a_parent_goes_to_the_smallest_box_that_holds_it() -> None:
    small = box("small", Box(20, 10, 60, 50))
    found = lines_of(box("big", Box(0, 0, 200, 100)), small, point("nose", 40, 20, parent=None))
    assert found.lines[0].endswith(f" {MISSING}" * 3)
    assert found.lines[1] == f"1 0.2 0.3 0.2 0.4 0.2 0.2 2 {MISSING} {MISSING}"


def test_point_without_a_parent_leaves_the_place_to_one_that_has_it() -> None:
    small, big = box("small", Box(20, 10, 60, 50)), box("big", Box(0, 0, 200, 100))
    stray = point("nose", 40, 20, parent=None, region_id="stray")
    found = lines_of(big, small, stray, point("nose", 30, 20, parent="small"))
    assert found.problems == ()
    assert " 0.2 0.2 2 " in found.lines[0] and " 0.15 0.2 2 " in found.lines[1]


def test_point_of_a_parent_that_is_no_label_is_placed_by_where_it_is() -> None:
    found = lines_of(box(), point("nose", 40, 20, parent="gone"))
    assert found.lines == (f"{BOX} 0.2 0.2 2 {MISSING} {MISSING}",)


def test_point_outside_its_parent_stays_with_it() -> None:
    assert " 0.9 0.9 2 " in lines_of(box(), point("nose", 180, 90)).lines[0]


def test_point_in_no_box_is_told() -> None:
    found = lines_of(box(), point("nose", 180, 90, parent=None))
    assert found.lines == (f"{BOX} {MISSING} {MISSING} {MISSING}",)
    assert found.problems == ('The key point "nose" (region dot) lies in no labelled box; it is left out.',)


def test_second_point_of_a_kind_is_told_and_the_first_is_taken() -> None:
    found = lines_of(box(), point("nose", 40, 20), point("nose", 60, 30, region_id="again"))
    assert found.lines == (f"{BOX} 0.2 0.2 2 {MISSING} {MISSING}",)
    assert found.problems == ('Region box has the key point "nose" twice.',)


def test_second_point_of_a_kind_without_a_parent_is_told() -> None:
    found = lines_of(box(), *(point("nose", x, 20, parent=None, region_id=f"p{x}") for x in (40, 60)))
    assert found.lines == (f"{BOX} 0.2 0.2 2 {MISSING} {MISSING}",)
    assert found.problems == ('The key point "nose" (region p60) is there twice; it is left out.',)


def test_box_with_two_labels_has_its_points_twice() -> None:
    found = lines_of(box(), region(Box(20, 10, 120, 60), "car", id="box"), point("nose", 40, 20))
    assert [line[2:] for line in found.lines] == [f"{BOX[2:]} 0.2 0.2 2 {MISSING} {MISSING}"] * 2


def test_point_that_the_model_does_not_know_is_told() -> None:
    found = lines_of(box(), point("tail", 40, 20))
    assert found.problems == (
        '"tail" is no label of the tag "point" in the labeling config any more; 1 region is left out.',
    )
