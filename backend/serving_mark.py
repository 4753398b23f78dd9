"""A mark on this machine that predictions are being served, so that a training beside it can pause.

It is a file that server and worker share under DATA_DIR, its time of change the last moment of serving.
Machines that share the folder have a file each.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from backend.machine import machine_id

_MARK_SECONDS = 1.0
# Often enough that the mark stands between two requests, and seldom enough to cost nothing.
_TOUCH_SECONDS = 0.3

Item = TypeVar("Item")


class ServingMark:
    """The mark of this machine; neither side raises, for to go without it harms nobody.

    Args:
        data_dir: Folder that server and workers of the machine share.
        clock: Seconds since the epoch.
    """

    def __init__(self, data_dir: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path = data_dir / f"serving-{machine_id()}.mark"
        self._clock = clock
        self._next_touch = 0.0

    def touch(self) -> None:
        """Show that predictions are being served; cheap enough for every image."""
        now = self._clock()
        if now < self._next_touch:
            return
        self._next_touch = now + _TOUCH_SECONDS
        try:
            self._path.touch()
            os.utime(self._path, (now, now))
        except OSError:
            pass  # the disk is full or read-only, of which others will complain

    def during(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield what is served, touching the mark before each: a request of many images takes its time."""
        for item in items:
            self.touch()
            yield item

    def is_serving(self) -> bool:
        """Tell whether a server of this machine predicted within the last second."""
        try:
            return abs(self._clock() - self._path.stat().st_mtime) < _MARK_SECONDS
        except OSError:
            return False
