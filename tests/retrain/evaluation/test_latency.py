"""Times of two models are taken in turns."""

import numpy as np

from backend.entities import Image
from retrain.evaluation.latency import measure_latencies

IMAGES = [np.full((2, 2, 3), number, np.uint8) for number in range(4)]


class Timed:
    """Stands for a model: takes as long as it is told, the first time much longer, and notes its turn."""

    def __init__(self, name: str, seconds: list[float], turns: list[tuple[str, int]]) -> None:
        self._name, self._seconds, self._turns = name, [99.0, *seconds], turns

    def time_one(self, image: Image, *, threshold: float) -> float:
        self._turns.append((self._name, int(image[0, 0, 0])))
        return self._seconds.pop(0)


def measured(
    *seconds: list[float], images: list[Image] = IMAGES
) -> tuple[list[float], list[tuple[str, int]]]:
    turns: list[tuple[str, int]] = []
    models = [Timed(name, list(times), turns) for name, times in zip("ab", seconds, strict=False)]
    return measure_latencies(models, images, threshold=0.25), turns  # type: ignore[arg-type]


def test_median_is_in_milliseconds_and_without_the_first_time() -> None:
    times, _ = measured([0.010, 0.012, 0.014, 5.0], [0.020, 0.021, 0.023, 0.030])
    assert np.allclose(times, [13.0, 22.0])


def test_models_take_turns_on_each_image() -> None:
    _, turns = measured([0.01] * 4, [0.01] * 4)
    assert turns[:2] == [("a", 0), ("b", 0)]  # does not count
    assert turns[2:] == [
        *[("b", 0), ("a", 0)],
        *[("a", 1), ("b", 1)],
        *[("b", 2), ("a", 2)],
        *[("a", 3), ("b", 3)],
    ]


def test_one_model_is_timed_alone() -> None:
    times, _ = measured([0.01] * 4)
    assert np.allclose(times, [10.0])


def test_without_images_there_is_no_time() -> None:
    assert measured([], [], images=[])[0] == [0.0, 0.0]
