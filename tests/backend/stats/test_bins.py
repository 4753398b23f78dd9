"""Bins: which value lies in which, what they are called, and which classes are put together."""

import numpy as np
import pytest

from backend.stats.bins import Ranges, class_names, count_classes, count_ranges, merge_rare, ranges_of


def test_ranges_hold_equally_many_values() -> None:
    values = np.random.default_rng(1).normal(size=1000)
    counts = np.bincount(ranges_of(values, bins=10).place(values))
    assert counts.tolist() == [100] * 10


def test_a_value_that_all_have_gets_a_bin_between_two_empty_ones() -> None:
    ranges = ranges_of(np.full(50, 2.0), bins=10)
    assert ranges.names == ("below 2", "2", "over 2")
    assert ranges.place(np.array([1.0, 2.0, 3.0])).tolist() == [0, 1, 2]


def test_frequent_counts_get_bins_of_their_own() -> None:
    ranges = ranges_of(np.array([0.0] * 40 + [1.0] * 40 + list(range(2, 22))), bins=5)
    assert ranges.names[:4] == ("below 0", "0", "over 0 below 1", "1")
    assert ranges.place(np.array([0.0, 1.0, 2.0])).tolist() == [1, 3, 4]


@pytest.mark.parametrize(
    ("edges", "names"),
    [
        pytest.param((), ("all",), id="one bin"),
        pytest.param((1.0,), ("up to 1", "over 1"), id="two"),
        pytest.param((1.0, 2.5), ("up to 1", "over 1 to 2.5", "over 2.5"), id="three"),
        pytest.param((1.0, 1.0, 4.0), ("below 1", "1", "over 1 to 4", "over 4"), id="one of its own"),
    ],
)
def test_names_say_on_which_side_an_edge_lies(edges: tuple[float, ...], names: tuple[str, ...]) -> None:
    assert Ranges(edges).names == names


def test_edge_belongs_to_the_bin_below() -> None:
    assert Ranges((1.0, 2.5)).place(np.array([1.0, 1.1, 2.5, 2.6])).tolist() == [0, 1, 1, 2]


def test_values_are_counted_by_image() -> None:
    images = [np.array([0.1, 0.9, 0.95]), np.array([]), np.array([0.2])]
    assert count_ranges(images, Ranges((0.5,))).tolist() == [[1, 2], [0, 0], [1, 0]]


def test_no_image_gives_no_row() -> None:
    assert count_ranges([], Ranges((0.5,))).shape == (0, 2)
    assert count_classes([], ["car"]).shape == (0, 1)


def test_classes_are_named_by_frequency_and_absent_ones_not_at_all() -> None:
    images = [{"car": 1, "bus": 2}, {"car": 4, "tram": 0}]
    assert class_names(images) == ("car", "bus")
    assert count_classes(images, ["car", "bus"]).tolist() == [[1, 2], [4, 0]]


def test_rare_classes_are_put_together_in_the_tenth_column() -> None:
    counts = np.arange(24).reshape(2, 12)
    merged = merge_rare(counts)
    assert merged[:, :9].tolist() == counts[:, :9].tolist()
    assert merged[:, 9].tolist() == [9 + 10 + 11, 21 + 22 + 23]
    assert merge_rare(counts[:, :10]).shape == (2, 10)
