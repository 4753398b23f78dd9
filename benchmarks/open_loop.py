"""Requests sent by a clock, whether or not earlier ones are answered: so that waiting counts."""

import http.client
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import numpy as np

TIMEOUT = 30.0
CLIENTS = 64  # more than are ever unanswered, unless the server is far too slow


def send(address: str, path: str, body: bytes | None = None) -> int:
    """Send one request; return the answer's status."""
    return ask(address, path, body)[0]


def ask(address: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Send one request on a connection of its own, as Label Studio does; return status and body."""
    where = urlsplit(address)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=TIMEOUT)
    try:
        headers = {"Content-Type": "application/json"} if body else {}
        connection.request("POST" if body else "GET", path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def send_by_schedule(requests: Sequence[Callable[[], int]], *, rate: float) -> list[float]:
    """Send `rate` requests a second; return for each the seconds from the moment it was due to its answer.

    Raises:
        RuntimeError: an answer is no 2xx.
    """
    begin = time.perf_counter() + 0.1

    def run(number: int) -> float:
        status = requests[number]()
        if not 200 <= status < 300:
            raise RuntimeError(f"request {number} was answered {status}")
        return time.perf_counter() - begin - number / rate

    with ThreadPoolExecutor(CLIENTS) as pool:
        running = []
        for number in range(len(requests)):
            time.sleep(max(0.0, begin + number / rate - time.perf_counter()))
            running.append(pool.submit(run, number))
        return [future.result() for future in running]


def percentile(seconds: Sequence[float], share: int) -> float:
    """Return the percentile in milliseconds."""
    return float(np.percentile(seconds, share)) * 1000
