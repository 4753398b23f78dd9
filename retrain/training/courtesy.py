"""Serving goes first: a training waits a moment before each batch while predictions are served beside it."""

from collections.abc import Callable
from time import monotonic, sleep

from backend.serving_mark import ServingMark

_LOOK_SECONDS = 0.05


class Courtesy:
    """Pauses of one training.

    Args:
        mark: Of this machine.
        seconds: Longest pause before a batch; 0 for none.
        clock: Seconds that only grow.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        mark: ServingMark,
        *,
        seconds: float,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], None] = sleep,
    ) -> None:
        self._mark = mark
        self._seconds = seconds
        self._clock = clock
        self._sleep = sleep

    def pause(self) -> None:
        """Wait until nothing is served, but not for long: a busy server must not stop the training."""
        end = self._clock() + self._seconds
        while (left := end - self._clock()) > 0 and self._mark.is_serving():
            self._sleep(min(_LOOK_SECONDS, left))
