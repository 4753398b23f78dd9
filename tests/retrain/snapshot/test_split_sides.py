"""Splits: sides never change, groups stay together, val and test have their share, training has some."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.training.entities import Side
from backend.training.names import MOST_HELD_OUT
from retrain.snapshot.splits import SplitImage, SplitKey, assign_sides, group_key, split_images

KEYS = st.lists(
    st.builds(SplitKey, st.text("abcdef", min_size=1, max_size=6), st.integers(1, 40), st.booleans()),
    max_size=60,
    unique_by=lambda key: key.key,
)
IMAGES = st.lists(
    st.builds(
        SplitImage,
        st.integers(0, 10**6).map(lambda n: hashlib.sha256(str(n).encode()).hexdigest()),
        st.one_of(st.none(), st.sampled_from(["north", "south", "east"])),
        st.booleans(),
    ),
    max_size=60,
    unique_by=lambda image: image.image,
)


def single(count: int, *, first: int = 0, held: int = 0) -> list[SplitKey]:
    return [SplitKey(f"image {first + n}", is_held=n < held) for n in range(count)]


def counts(keys: Sequence[SplitKey], sides: Mapping[str, Side]) -> tuple[int, int, int]:
    """Return the images of train, val and test."""
    found: Counter[Side] = Counter()
    for key in keys:
        found[sides[key.key]] += key.images
    return found[Side.TRAIN], found[Side.VAL], found[Side.TEST]


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        pytest.param(4, (4, 0, 0), id="too few to judge by"),
        pytest.param(9, (9, 0, 0), id="nine"),
        pytest.param(10, (8, 1, 1), id="from ten on one each"),
        pytest.param(29, (25, 2, 2), id="a tenth, rounded down"),
        pytest.param(300, (240, 30, 30), id="a tenth"),
        pytest.param(1500, (1300, 100, 100), id="at most a hundred"),
    ],
)
def test_val_and_test_have_a_tenth_each(images: int, expected: tuple[int, int, int]) -> None:
    keys = single(images)
    assert counts(keys, assign_sides(keys, {})) == expected


@pytest.mark.parametrize(
    ("images", "held", "expected"),
    [
        pytest.param(20, 5, (13, 2, 5), id="all held ones go to test"),
        pytest.param(20, 20, (8, 2, 10), id="but no more than half"),
        pytest.param(400, 300, (260, 40, 100), id="and no more than a hundred"),
        pytest.param(20, 1, (16, 2, 2), id="others fill what is left"),
        pytest.param(1, 1, (1, 0, 0), id="one image is for training"),
    ],
)
def test_held_images_go_to_test_first(images: int, held: int, expected: tuple[int, int, int]) -> None:
    keys = single(images, held=held)
    sides = assign_sides(keys, {})
    assert counts(keys, sides) == expected
    in_test = [key for key in keys if sides[key.key] == Side.TEST]
    assert sum(key.is_held for key in in_test) == min(held, len(in_test))


def test_shares_grow_with_the_data_set_and_nobody_changes_sides() -> None:
    known: dict[str, Side] = {}
    for total in (10, 35, 120, 400):
        keys = single(total)
        sides = assign_sides(keys, known)
        assert counts(keys, sides) == (total - 2 * (total // 10), total // 10, total // 10)
        assert {key: sides[key] for key in known} == known
        known = sides


def test_deleted_test_images_are_replaced() -> None:
    keys = single(100)
    known = assign_sides(keys, {})
    left = [key for key in keys if known[key.key] != Side.TEST] + single(20, first=100)
    assert counts(left, assign_sides(left, known))[2] == 11


def test_group_that_does_not_fit_is_trained_on() -> None:
    keys = [SplitKey("small", 9), SplitKey("middle", 10), SplitKey("large", 81)]
    assert assign_sides(keys, {})["large"] == Side.TRAIN
    assert counts(keys, assign_sides(keys, {}))[0] == 81


def test_three_large_groups_give_one_to_each_side() -> None:
    keys = [SplitKey(name, 50) for name in ("north", "south", "east")]
    assert counts(keys, assign_sides(keys, {})) == (50, 50, 50)


def test_two_large_groups_are_both_trained_on() -> None:
    keys = [SplitKey("north", 50), SplitKey("south", 50)]
    assert counts(keys, assign_sides(keys, {})) == (100, 0, 0)


def test_smallest_group_judges_where_none_fits() -> None:
    keys = [SplitKey("north", 50), SplitKey("south", 60), SplitKey("east", 40), SplitKey("west", 30)]
    assert counts(keys, assign_sides(keys, {})) == (110, 40, 30)


def test_training_gets_a_new_image_where_all_others_are_gone() -> None:
    known = {key.key: Side.TEST for key in single(10)}
    keys = single(11)
    assert counts(keys, assign_sides(keys, known)) == (1, 0, 10)


@given(KEYS, st.randoms())
def test_sides_depend_on_no_order(keys: list[SplitKey], random: Random) -> None:
    shuffled = list(keys)
    random.shuffle(shuffled)
    assert assign_sides(keys, {}) == assign_sides(shuffled, {})


@given(KEYS, st.data())
def test_known_keys_keep_their_side_for_ever(keys: list[SplitKey], data: st.DataObject) -> None:
    known = {key.key: data.draw(st.sampled_from(Side)) for key in keys[::2]}
    sides = assign_sides(keys, known)
    assert sides.keys() == {key.key for key in keys}
    assert {key: sides[key] for key in known} == known


@given(KEYS)
def test_training_is_never_empty(keys: list[SplitKey]) -> None:
    assert not keys or Side.TRAIN in assign_sides(keys, {}).values()


@given(KEYS)
def test_neither_val_nor_test_is_empty_from_ten_images_on(keys: list[SplitKey]) -> None:
    if sum(key.images for key in keys) >= 10 and len(keys) >= 3:
        assert set(assign_sides(keys, {}).values()) == set(Side)


@given(KEYS)
def test_val_and_test_stay_within_their_limits_but_for_a_group_of_their_own(keys: list[SplitKey]) -> None:
    sides = assign_sides(keys, {})
    _, val, test = counts(keys, sides)
    total = sum(key.images for key in keys)
    alone = [side for side in (Side.VAL, Side.TEST) if list(sides.values()).count(side) == 1]
    assert val <= min(total // 10, MOST_HELD_OUT) or Side.VAL in alone
    assert test <= min(total // 2, MOST_HELD_OUT) or Side.TEST in alone


@given(IMAGES)
def test_images_of_a_group_are_on_one_side(images: list[SplitImage]) -> None:
    sides = split_images(images, {})
    for name in {image.group for image in images} - {None}:
        members = {sides[image.image] for image in images if image.group == name}
        assert members == {sides[group_key(str(name))]}


@given(IMAGES, st.data())
def test_images_keep_their_sides_whatever_becomes_of_their_groups(
    images: list[SplitImage], data: st.DataObject
) -> None:
    before = split_images(images, {})
    moved = [
        SplitImage(i.image, data.draw(st.sampled_from([None, "north", "new"])), i.is_held) for i in images
    ]
    after = split_images(moved, before)
    assert {i.image: after[i.image] for i in images} == {i.image: before[i.image] for i in images}


def test_new_image_follows_its_group() -> None:
    first = [SplitImage(f"image {n}", f"camera {n // 5}") for n in range(50)]
    known = split_images(first, {})
    later = [*first, *(SplitImage(f"later {n}", f"camera {n}") for n in range(10))]
    sides = split_images(later, known)
    assert all(sides[f"later {n}"] == known[group_key(f"camera {n}")] for n in range(10))
    assert set(known.values()) == set(Side)


def test_group_that_is_named_later_takes_the_side_of_most_of_its_images() -> None:
    known = {"a": Side.TEST, "b": Side.TEST, "c": Side.TRAIN}
    images = [SplitImage(name, "north") for name in ("a", "b", "c", "new")]
    sides = split_images(images, known)
    assert (sides["new"], sides["c"], sides[group_key("north")]) == (Side.TEST, Side.TRAIN, Side.TEST)


def test_group_between_two_sides_is_trained_on() -> None:
    images = [SplitImage(name, "north") for name in ("a", "b", "new")]
    assert split_images(images, {"a": Side.TEST, "b": Side.TRAIN})["new"] == Side.TRAIN
