"""A worker of long jobs leaves the processor to those that people wait for."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SETTLE_TWICE = """
import os
from retrain.worker import _settle_down
for _ in range(2):
    _settle_down(is_quick=False)
    print(os.getpriority(os.PRIO_PROCESS, 0))
"""


def test_priority_is_lowered_once_though_redis_was_away_meanwhile() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SETTLE_TWICE], cwd=ROOT, capture_output=True, text=True, check=True
    )
    first, second = map(int, done.stdout.split())
    assert first == second >= 10
