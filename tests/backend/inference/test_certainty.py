"""The score of a task: low means that a person should look first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.inference.certainty import task_certainty

SHARE = st.floats(0, 1)


@pytest.mark.parametrize(
    ("scores", "threshold", "certainty"),
    [
        pytest.param([0.9], 0.25, 0.9, id="one region"),
        pytest.param([0.9, 0.5], 0.25, 0.7, id="mean of two"),
        pytest.param([], 0.25, 0.75, id="empty at the default threshold"),
        pytest.param([], 0.0, 1.0, id="empty where everything would be shown"),
        pytest.param([], 1.0, 0.0, id="empty where nothing would be shown"),
    ],
)
def test_certainty_is_the_mean_score_or_one_minus_the_threshold(
    scores: list[float], threshold: float, certainty: float
) -> None:
    assert task_certainty(scores, threshold=threshold) == pytest.approx(certainty)


def test_empty_image_comes_between_doubtful_and_sure_boxes() -> None:
    doubtful, empty, sure = (task_certainty(s, threshold=0.25) for s in ([0.3, 0.4], [], [0.9]))
    assert doubtful < empty < sure


@given(st.lists(SHARE, max_size=300), SHARE)
def test_certainty_is_a_share(scores: list[float], threshold: float) -> None:
    assert 0 <= task_certainty(scores, threshold=threshold) <= 1 + 1e-12
