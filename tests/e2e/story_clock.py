"""One clock for all programs of a story, which the test moves on: months pass in minutes.

A small library is compiled and preloaded into each program that is started in the story's time. Nothing of
ours is changed or told of it: Label Studio, server and workers read their clocks as ever.
"""

import os
import shutil
import struct
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

_SOURCE = Path(__file__).with_suffix(".c")


class StoryClock:
    """The clock of the programs that are started within `running`; it goes as fast as the true one.

    Args:
        folder: For the compiled library, and the file that the programs read.
        start: What the programs take for the present moment, aware.
    """

    def __init__(self, folder: Path, *, start: datetime) -> None:
        self._library = folder / "story_clock.so"
        self._file = folder / "story_clock"
        subprocess.run(
            [_compiler(), "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", self._library, _SOURCE],
            check=True,
        )
        self._shift = round(start.timestamp() - time.time())
        self._file.write_bytes(struct.pack("=q", self._shift))

    @property
    def now(self) -> datetime:
        """The story's present moment, UTC."""
        return datetime.now(UTC) + timedelta(seconds=self._shift)

    def move_to(self, moment: datetime) -> None:
        """Let it be a later moment from now on, in all programs at once.

        Call it while no job runs: whoever holds a lease would find it over.
        """
        assert moment >= self.now, f"{moment} is over"
        self._shift = round(moment.timestamp() - time.time())
        # In place: the programs have mapped the file, and a number of eight bytes is written at once.
        with self._file.open("r+b") as file:
            file.write(struct.pack("=q", self._shift))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Have programs that are started meanwhile live in the story's time."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LD_PRELOAD", str(self._library))
            patch.setenv("STORY_CLOCK", str(self._file))
            yield


def _compiler() -> str:
    """Return the C compiler; skip the test, visibly, where months cannot pass."""
    found = os.environ.get("CC") or shutil.which("cc")
    if found is None:
        pytest.skip("no C compiler: `cc` is missing; on Debian install it with `apt-get install gcc`")
    if not sysconfig.get_config_var("HAVE_SEM_CLOCKWAIT"):
        pytest.skip("this Python waits by the time of day (no sem_clockwait), which the story moves")
    return found
