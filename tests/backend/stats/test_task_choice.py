"""Which tasks are worth labelling next: what speaks for one, and how they are chosen together."""

from collections.abc import Sequence

import numpy as np
import pytest

from backend.entities import Box, ImageSize, Region
from backend.stats.next_tasks import NextTask
from backend.stats.novelty import Vector
from backend.stats.task_choice import (
    DISAGREEMENT,
    NOVELTY,
    RARITY,
    UNCERTAINTY,
    Candidate,
    LabelledTasks,
    choose_tasks,
    disagreement,
    label_rarity,
    most_promising,
)

SIZE = ImageSize(100, 100)
NOTHING = LabelledTasks()


def ids(tasks: Sequence[NextTask]) -> list[int]:
    return [each.task_id for each in tasks]


def axis(place: int, *, tilt: float = 0.0) -> Vector:
    values = np.zeros(8, np.float32)
    values[place], values[place + 1] = 1, tilt
    return values / np.linalg.norm(values)


def region(label: str, x: float = 10) -> Region:
    return Region(f"{label}{x}", "label", label, 0.9, Box(x, 10, x + 20, 30), SIZE)


def test_weights_are_shares() -> None:
    assert UNCERTAINTY + DISAGREEMENT + RARITY + NOVELTY == pytest.approx(1)


def test_lowest_score_comes_first_where_nothing_else_is_known() -> None:
    tasks = choose_tasks([Candidate(1, 0.9), Candidate(2, 0.3), Candidate(3, 0.6)], NOTHING, count=3)
    assert ids(tasks) == [2, 3, 1]
    assert [each.uncertainty for each in tasks] == pytest.approx([0.7, 0.4, 0.1])
    assert {each.novelty for each in tasks} == {each.disagreement for each in tasks} == {None}


def test_value_is_the_weighted_mean_of_what_is_known() -> None:
    labelled = LabelledTasks(3, {"car": 3}, {"v": [axis(0)]})
    candidate = Candidate(1, 0.6, {"bus": 0.5}, {"v": axis(0)}, disagreement=0.8)
    (task,) = choose_tasks([candidate], labelled, count=1)
    assert (task.uncertainty, task.disagreement, task.rarity, task.novelty) == pytest.approx(
        (0.4, 0.8, 0.5, 0.0)
    )
    assert task.value == pytest.approx(0.3 * 0.4 + 0.2 * 0.8 + 0.2 * 0.5)
    (unknown,) = choose_tasks([Candidate(1, 0.6)], labelled, count=1)
    assert unknown.value == pytest.approx((0.3 * 0.4 + 0.2 * 0) / 0.5)


def test_task_gains_nothing_from_not_having_been_compared() -> None:
    compared = [Candidate(1, 0.4, disagreement=0.0), Candidate(2, 0.9, disagreement=0.2)]
    tasks = choose_tasks([*compared, Candidate(3, 0.5)], NOTHING, count=3)
    assert ids(tasks) == [1, 3, 2]
    # The mean of the others' stands in for what is not known.
    assert tasks[1].value == pytest.approx((0.3 * 0.5 + 0.2 * 0.1) / 0.7)
    assert tasks[1].disagreement is None


def test_equal_values_go_by_id_and_the_given_order_does_not_matter() -> None:
    candidates = [Candidate(number, 0.5) for number in (4, 2, 9)]
    assert ids(choose_tasks(candidates, NOTHING, count=9)) == [2, 4, 9]
    assert choose_tasks(candidates[::-1], NOTHING, count=9) == choose_tasks(candidates, NOTHING, count=9)


def test_no_candidates_are_no_tasks() -> None:
    assert choose_tasks([], NOTHING, count=5) == ()
    assert most_promising([], NOTHING, count=5) == []


def test_of_near_duplicates_one_is_chosen_while_there_are_others() -> None:
    # The frames of one video are the least certain by far, and the others are well known.
    video = [Candidate(n, 0.1, embeddings={"v": axis(0, tilt=n / 1000)}) for n in range(1, 5)]
    others = [Candidate(10 + n, 0.95, embeddings={"v": axis(n)}) for n in (1, 2, 3)]
    tasks = choose_tasks([*video, *others], NOTHING, count=7)
    assert sum(task_id < 10 for task_id in ids(tasks)[:4]) == 1
    assert ids(tasks)[0] < 10 and set(ids(tasks)) == {1, 2, 3, 4, 11, 12, 13}


def test_image_like_a_labelled_one_comes_later() -> None:
    labelled = LabelledTasks(embeddings={"v": [axis(0), axis(3), axis(4)]})
    candidates = [Candidate(1, 0.5, embeddings={"v": axis(0)}), Candidate(2, 0.5, embeddings={"v": axis(1)})]
    assert ids(choose_tasks(candidates, labelled, count=2)) == [2, 1]


def test_task_that_probably_holds_a_rare_class_comes_first() -> None:
    labelled = LabelledTasks(100, {"car": 90, "bus": 2})
    surely, hardly = Candidate(1, 0.5, {"car": 0.9, "bus": 0.8}), Candidate(2, 0.5, {"car": 0.9, "bus": 0.3})
    tasks = choose_tasks([hardly, surely, Candidate(3, 0.5, {"car": 0.9})], labelled, count=3)
    assert ids(tasks) == [1, 2, 3]
    assert tasks[0].rarity == pytest.approx(0.8 * label_rarity("bus", labelled))
    assert tasks[0].reason == "It probably holds bus, which is rare."


@pytest.mark.parametrize(
    ("holding", "expected"),
    [
        pytest.param(0, 1.0, id="no task holds it"),
        pytest.param(9, 0.5, id="9 of 99 tasks"),
        pytest.param(99, 0.0, id="all hold it"),
        pytest.param(120, 0.0, id="more than all"),
    ],
)
def test_rarity_of_a_label_is_its_inverse_document_frequency(holding: int, expected: float) -> None:
    assert label_rarity("bus", LabelledTasks(99, {"bus": holding})) == pytest.approx(expected)


def test_no_label_is_rare_where_nothing_is_labelled() -> None:
    assert label_rarity("bus", NOTHING) == 0


@pytest.mark.parametrize(
    ("ones", "others", "expected"),
    [
        pytest.param([], [], 0.0, id="both find nothing"),
        pytest.param([region("car")], [], 1.0, id="one finds nothing"),
        pytest.param([region("car")], [region("car", 11)], 0.0, id="the same thing"),
        pytest.param([region("car")], [region("bus")], 1.0, id="another label"),
        pytest.param([region("car")], [region("car", 60)], 1.0, id="another place"),
        pytest.param([region("car"), region("car", 60)], [region("car")], 1 / 3, id="one of two"),
    ],
)
def test_disagreement_is_one_minus_f1(ones: list[Region], others: list[Region], expected: float) -> None:
    assert disagreement(ones, others) == pytest.approx(expected)
    assert disagreement(others, ones) == pytest.approx(expected)


def test_regions_of_two_control_tags_are_not_one_thing() -> None:
    other = Region("r", "second", "car", 0.9, Box(10, 10, 30, 30), SIZE)
    assert disagreement([region("car")], [other]) == 1


def test_the_most_promising_are_those_of_the_greatest_value() -> None:
    candidates = [Candidate(1, 0.9), Candidate(2, 0.2), Candidate(3, 0.2), Candidate(4, 0.1)]
    assert most_promising(candidates, NOTHING, count=3) == [4, 2, 3]


def test_reason_names_what_weighs_most_beside_the_others() -> None:
    usual = [Candidate(n, 0.8, disagreement=0.1) for n in range(10, 20)]
    unsure = Candidate(1, 0.2, disagreement=0.1)
    disputed = Candidate(2, 0.8, disagreement=0.9)
    both = Candidate(3, 0.4, disagreement=0.8)
    reasons = {t.task_id: t.reason for t in choose_tasks([*usual, unsure, disputed, both], NOTHING, count=13)}
    assert reasons[1] == "The model is unsure."
    assert reasons[2] == "The last two versions disagree."
    assert reasons[3] == "The last two versions disagree, and the model is unsure."
    assert reasons[10] == "Nothing about it stands out; it is the next best."


def test_figures_are_plain_numbers() -> None:
    (task,) = choose_tasks([Candidate(1, 0.5, {"a": 0.5}, {"v": axis(0)}, 0.5)], NOTHING, count=1)
    assert {type(getattr(task, name)) for name in ("value", "uncertainty", "disagreement", "novelty")} == {
        float
    }
    assert type(task.task_id) is int and type(task.rarity) is float
