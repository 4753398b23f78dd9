"""Novelty: how far an image is from others, in multiples of what is usual in one version."""

import numpy as np
import pytest

from backend.stats.novelty import HALF, Neighbourhood, Vector


def vector(*numbers: float) -> Vector:
    values = np.array(numbers, np.float32)
    return values / np.linalg.norm(values)


def axis(place: int, size: int = 4, *, tilt: float = 0.0) -> Vector:
    """Return the unit vector of one axis, tilted a little towards the next."""
    values = np.zeros(size, np.float32)
    values[place] = 1
    values[(place + 1) % size] = tilt
    return values / np.linalg.norm(values)


def test_novelty_is_between_0_at_a_labelled_image_and_half_at_15_percent_of_the_usual_distance() -> None:
    # All pairs of axes are 1 apart, and most pairs are pairs of axes.
    turn = np.arccos(1 - HALF)
    near = vector(np.cos(turn), 0, 0, 0, 0, np.sin(turn))
    axes = [axis(place, 6) for place in range(5)]
    hood = Neighbourhood([{"v": axes[0]}, {"v": near}, {"v": axes[1]}], {"v": [axes[0], *axes[2:]]})
    assert hood.novelty() == pytest.approx([0, 0.5, 1 / (1 + HALF)], abs=1e-5)


def test_all_is_new_where_nothing_is_labelled() -> None:
    assert Neighbourhood([{"v": axis(0)}, {"v": axis(1)}], {}).novelty().tolist() == [1, 1]


def test_image_without_an_embedding_is_not_known() -> None:
    novelty = Neighbourhood([{}, {"v": axis(0)}], {"v": [axis(0)]}).novelty()
    assert np.isnan(novelty[0]) and novelty[1] == 0


def test_chosen_image_makes_those_like_it_less_new() -> None:
    hood = Neighbourhood([{"v": axis(0)}, {"v": axis(0, tilt=0.01)}, {"v": axis(1)}], {})
    hood.choose(0)
    novelty = hood.novelty()
    assert novelty[0] == 0 and novelty[1] < 0.01 and novelty[2] > 0.8
    assert hood.is_like_chosen().tolist() == [True, True, False]


def test_labelled_image_is_no_chosen_one() -> None:
    assert Neighbourhood([{"v": axis(0)}, {"v": axis(1)}], {"v": [axis(0)]}).is_like_chosen().sum() == 0


def test_versions_are_not_compared_with_each_other() -> None:
    hood = Neighbourhood([{"new": axis(0)}, {"new": axis(1), "old": axis(2)}], {"old": [axis(0), axis(2)]})
    assert hood.novelty().tolist() == [1, 0]


def test_image_is_near_where_any_version_says_so() -> None:
    both = {"new": axis(0), "old": axis(3)}
    hood = Neighbourhood([both, {"new": axis(1)}], {"new": [axis(2)], "old": [axis(3)]})
    assert hood.novelty()[0] == 0 and hood.novelty()[1] > 0.8


def test_embeddings_of_one_name_and_unlike_size_are_not_compared() -> None:
    hood = Neighbourhood([{"v": axis(0, 4)}, {"v": axis(0, 8)}], {"v": [axis(0, 8)]})
    assert hood.novelty().tolist() == [1, 0]


def test_images_that_are_all_the_same_are_not_new() -> None:
    hood = Neighbourhood([{"v": axis(0)}] * 3, {"v": [axis(0)]})
    assert hood.novelty().tolist() == [0, 0, 0]


def test_no_candidates_are_no_novelty() -> None:
    assert Neighbourhood([], {"v": [axis(0)]}).novelty().size == 0
