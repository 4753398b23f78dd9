"""A scripted annotator who goes through a project's tasks, and whether the images were encoded by then."""

import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from benchmarks.open_loop import ask
from benchmarks.sam_material import Picture, click_body

# When a task's clicks come, as shares of the time spent on it: on a thing, again beside it, on another thing.
CLICKS = ((0.3, 0, 1), (0.5, 0, 2), (0.7, 1, 1))
_ASKED = re.compile(r'^yolo_sam_embeddings_total\{asked="now",found="(\w+)"\} (\S+)', re.MULTILINE)
_READY = ("memory", "disk")


@dataclass(frozen=True, slots=True)
class Readiness:
    """Shares of clicks, in [0, 1], whose image was encoded before: of all, and of each task's first."""

    all_clicks: float
    first_clicks: float


def run_session(url: str, pictures: Sequence[Picture], *, seconds: float) -> Readiness:
    """Click on the project's tasks, in their order, at a pace; nothing but clicks tells of where one is.

    Args:
        url: Of the server.
        pictures: Those of the tasks, from task 1 on.
        seconds: For each task.
    """
    ready: list[bool] = []
    begin = time.monotonic()
    for number, picture in enumerate(pictures):
        for share, thing, clicks in CLICKS:
            time.sleep(max(0.0, begin + (number + share) * seconds - time.monotonic()))
            before = _asked(url)
            click(url, click_body(number + 1, picture, thing=thing, clicks=clicks))
            found = _asked(url) - before
            ready.append(all(where in _READY for where in found))
    first = ready[:: len(CLICKS)]
    return Readiness(sum(ready) / len(ready), sum(first) / len(first))


def click(url: str, body: bytes) -> bytes:
    """Send a click; return the answer.

    Raises:
        RuntimeError: it is refused.
    """
    status, answer = ask(url, "/predict", body)
    if status != 200:
        raise RuntimeError(f"a click was answered {status}: {answer[:500]!r}")
    return answer


def server_megabytes() -> float:
    """Return the memory of the server processes that this program started."""
    masters = [
        process
        for process in psutil.Process().children()
        if "_wsgi:app" in process.cmdline() and process.children()
    ]
    return sum(p.memory_info().rss for master in masters for p in master.children()) / 2**20


def _asked(url: str) -> Counter[str]:
    """Return how many embeddings people waited for, by where they were found."""
    status, text = ask(url, "/metrics")
    if status != 200:
        raise RuntimeError(f"/metrics was answered {status}")
    return Counter({found: int(float(count)) for found, count in _ASKED.findall(text.decode())})
