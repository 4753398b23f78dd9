"""Which annotation decides a task, and the state that follows from it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from backend.review.entities import ReviewState
from backend.review.states import Submitted, deciding_annotation, mark_of, review_state

MOMENT = datetime(2025, 3, 1, 12, tzinfo=UTC)
OLD = Submitted(7, 3, MOMENT, MOMENT, is_cancelled=False, is_ground_truth=False, digest="a" * 64)
NEW = replace(OLD, id=8, updated_at=MOMENT + timedelta(seconds=1), digest="b" * 64)


@pytest.mark.parametrize(
    ("annotations", "decides"),
    [
        pytest.param([], None, id="no annotation"),
        pytest.param([replace(OLD, is_cancelled=True)], None, id="only a skipped one"),
        pytest.param([OLD, NEW], 8, id="newest"),
        pytest.param([OLD, replace(NEW, is_cancelled=True)], 7, id="newest is skipped"),
        pytest.param([replace(OLD, updated_at=NEW.updated_at), NEW], 8, id="same time, higher id"),
        pytest.param([replace(OLD, is_ground_truth=True), NEW], 7, id="ground truth before a newer one"),
        pytest.param(
            [replace(OLD, is_ground_truth=True), replace(NEW, is_ground_truth=True)],
            8,
            id="newest of two ground truths",
        ),
        pytest.param(
            [replace(OLD, is_ground_truth=True, is_cancelled=True), NEW], 8, id="skipped ground truth"
        ),
        pytest.param(
            [replace(OLD, updated_at=NEW.updated_at + timedelta(days=1)), NEW],
            7,
            id="lower id edited later",
        ),
    ],
)
def test_deciding_annotation_is_the_same_in_any_order(
    annotations: list[Submitted], decides: int | None
) -> None:
    for order in permutations(annotations):
        found = deciding_annotation(order)
        assert (found.id if found else None) == decides


def test_mark_is_stable_and_fits_its_column_for_the_largest_id() -> None:
    largest = replace(OLD, id=2**63 - 1)
    assert mark_of(largest) == mark_of(replace(largest, annotator=None, is_ground_truth=True))
    assert len(mark_of(largest)) <= 64


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(OLD, id=9), id="other annotation with the same content"),
        pytest.param(replace(OLD, digest="c" * 64), id="edited"),
    ],
)
def test_mark_tells_contents_apart(other: Submitted) -> None:
    assert mark_of(other) != mark_of(OLD)


@pytest.mark.parametrize(
    ("deciding", "taken", "state"),
    [
        pytest.param(None, None, ReviewState.NOT_VIEWED, id="nothing submitted"),
        pytest.param(None, mark_of(OLD), ReviewState.NOT_VIEWED, id="deleted after training"),
        pytest.param(OLD, None, ReviewState.VIEWED, id="never trained on"),
        pytest.param(OLD, mark_of(OLD), ReviewState.TAKEN_IN_TRAINING, id="trained on as it is"),
        pytest.param(replace(OLD, digest="c" * 64), mark_of(OLD), ReviewState.VIEWED, id="edited since"),
        pytest.param(NEW, mark_of(OLD), ReviewState.VIEWED, id="another one decides since"),
    ],
)
def test_state_follows_from_the_deciding_annotation_and_what_was_taken(
    deciding: Submitted | None, taken: str | None, state: ReviewState
) -> None:
    assert review_state(deciding, taken) is state
