"""A mark on this machine that predictions are being served, so that a training beside it can pause.

It is a file that server and worker share under DATA_DIR, its time of change the last moment of serving.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

_MARK_SECONDS = 1.0
# Often enough that the mark stands between two requests, and seldom enough to cost nothing.
_TOUCH_SECONDS = 0.3


class ServingMark:
    """The mark of this machine; neither side raises, for to go without it harms nobody.

    Args:
        data_dir: Folder that server and workers of the machine share.
        clock: Seconds since the epoch.
    """

    def __init__(self, data_dir: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path = data_dir / "serving.mark"
        self._clock = clock
        self._next_touch = 0.0

    def touch(self) -> None:
        """Show that predictions are being served; cheap enough for every request."""
        now = self._clock()
        if now < self._next_touch:
            return
        self._next_touch = now + _TOUCH_SECONDS
        try:
            self._path.touch()
            os.utime(self._path, (now, now))
        except OSError:
            pass  # the disk is full or read-only, of which others will complain

    def is_serving(self) -> bool:
        """Tell whether a server of this machine predicted within the last second."""
        try:
            return abs(self._clock() - self._path.stat().st_mtime) < _MARK_SECONDS
        except OSError:
            return False
