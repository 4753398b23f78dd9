"""A training pauses while predictions are served beside it, but never for long."""

import pytest

from backend.serving_mark import ServingMark
from retrain.training.courtesy import Courtesy


class Serving(ServingMark):
    """A mark that stands for the first looks."""

    def __init__(self, looks: float) -> None:
        self.left = looks

    def is_serving(self) -> bool:
        self.left -= 1
        return self.left >= 0


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(
    ("looks", "longest", "waited"),
    [
        pytest.param(0, 0.5, 0.0, id="nobody is served"),
        pytest.param(3, 0.5, 0.15, id="until nobody is"),
        pytest.param(float("inf"), 0.5, 0.5, id="no longer than the setting"),
        pytest.param(float("inf"), 0.0, 0.0, id="never where it is off"),
    ],
)
def test_pause_before_a_batch(looks: float, longest: float, waited: float) -> None:
    clock = Clock()
    Courtesy(Serving(looks), seconds=longest, clock=clock, sleep=clock.sleep).pause()
    assert clock.now - 100.0 == pytest.approx(waited)
