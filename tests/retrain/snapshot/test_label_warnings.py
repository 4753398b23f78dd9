"""Warnings: each says one thing that a person can act on, and only where it holds."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from backend.training.entities import Example, Side
from retrain.snapshot.counts import snapshot_counts
from retrain.snapshot.warnings import Findings, warnings_of
from tests.retrain.snapshot.entities_of_snapshots import TARGET, example

CAR, PERSON = "0 0.5 0.5 0.1 0.1", "1 0.5 0.5 0.2 0.2"
NOTHING = Findings({}, {})


def many(count: int = 300, *labels: str) -> list[Example]:
    """Return examples on all sides; each has the labels, or a car and a person."""
    sides = (Side.VAL, Side.TEST)
    given = labels or (CAR, PERSON)
    return [example(n, *given, side=sides[n] if n < 2 else Side.TRAIN) for n in range(count)]


def warned(examples: Sequence[Example], found: Findings = NOTHING) -> str:
    return "\n".join(warnings_of(TARGET, examples, found))


def test_nothing_is_said_where_all_is_well() -> None:
    assert warnings_of(TARGET, many(), NOTHING) == ()


def test_few_images_are_counted() -> None:
    assert "There are 299 images" in warned(many(299)) and "300" in warned(many(299))


def test_missing_sides_are_named() -> None:
    text = warned([replace(one, side=Side.TRAIN) for one in many()])
    assert "no val images" in text and "no test images" in text


def test_label_without_objects_is_named() -> None:
    assert warned(many(300, CAR)) == 'No objects have the label "person"; a model cannot learn it.'


@pytest.mark.parametrize(("count", "is_few"), [(9, True), (10, False)])
def test_label_of_fewer_than_ten_objects_is_named(count: int, is_few: bool) -> None:
    text = warned([*many(300, CAR)[count:], *many(count)])
    assert (f'"person" ({count})' in text) == is_few


@pytest.mark.parametrize(("rare", "is_warned"), [(30, False), (29, True)])
def test_labels_ten_times_apart_are_out_of_balance(rare: int, is_warned: bool) -> None:
    text = warned([*many(rare, CAR, PERSON), *(example(n, CAR) for n in range(1000, 1300 - rare))])
    assert (f'"car" has 300 objects, "person" has {rare}' in text) == is_warned


def test_label_too_rare_to_be_learned_makes_no_imbalance() -> None:
    assert "balance" not in warned([*many(300, CAR)[5:], *many(5)])


@pytest.mark.parametrize(
    ("things", "disputed", "is_warned"),
    [
        pytest.param(100, 10, True, id="a tenth"),
        pytest.param(100, 9, False, id="less than a tenth"),
        pytest.param(9, 9, False, id="too few to say"),
        pytest.param(0, 0, False, id="nothing shared"),
    ],
)
def test_annotators_in_conflict_are_a_warning(things: int, disputed: int, is_warned: bool) -> None:
    text = warned(many(), Findings({}, {}, shared=4, things=things, disputed=disputed))
    assert ("Annotators disagree" in text) == is_warned


@pytest.mark.parametrize("kind", ["unfetched", "unread"])
def test_tasks_left_out_are_named_with_their_reason(kind: str) -> None:
    reasons: Mapping[int, str] = {n: "It is gone." for n in range(9, 2, -1)}
    text = warned(many(), replace(NOTHING, **{kind: reasons}))
    assert "7 tasks" in text and "task 3: It is gone; task 4" in text and "task 8" not in text
    assert text.endswith("and others.")


def test_one_task_left_out_is_not_many() -> None:
    text = warned(many(), Findings({5: "It is gone."}, {}))
    assert text == (
        "The images of 1 task cannot be had, so a model learns nothing from it. task 5: It is gone."
    )


def test_counts_tell_sides_objects_and_images_with_them() -> None:
    examples = [example(1, CAR, CAR, PERSON), example(2, side=Side.VAL), example(3, CAR, side=Side.TEST)]
    assert snapshot_counts(TARGET, examples) == {
        "images": 3,
        "train": 1,
        "val": 1,
        "test": 1,
        "empty": 1,
        "objects": {"car": 3, "person": 1},
        "images_with": {"car": 2, "person": 1},
    }
