"""The mark that this machine is serving predictions."""

import os
from pathlib import Path

import pytest

from backend.serving_mark import ServingMark


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_machine_is_serving_after_a_touch_and_for_a_second(tmp_path: Path) -> None:
    clock = Clock()
    server, worker = (ServingMark(tmp_path, clock=clock) for _ in range(2))
    assert not worker.is_serving()
    server.touch()
    assert worker.is_serving()
    clock.now += 0.9
    assert worker.is_serving()
    clock.now += 0.2
    assert not worker.is_serving()


def test_machine_is_serving_for_as_long_as_a_request_of_many_images_takes(tmp_path: Path) -> None:
    clock = Clock()
    mark = ServingMark(tmp_path, clock=clock)
    for _ in mark.during(range(5)):
        assert mark.is_serving()
        clock.now += 0.9
        assert mark.is_serving()


def test_machines_that_share_the_folder_do_not_disturb_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ServingMark(tmp_path)
    monkeypatch.setattr("backend.serving_mark.machine_id", lambda: "other")
    other = ServingMark(tmp_path)
    server.touch()
    assert server.is_serving() and not other.is_serving()


def test_touches_close_to_each_other_are_one(tmp_path: Path) -> None:
    clock = Clock()
    mark = ServingMark(tmp_path, clock=clock)
    mark.touch()
    (path,) = tmp_path.iterdir()
    os.utime(path, (0, 0))
    clock.now += 0.2
    mark.touch()
    assert not mark.is_serving()
    clock.now += 0.2
    mark.touch()
    assert mark.is_serving()


def test_folder_that_takes_no_file_harms_nobody(tmp_path: Path) -> None:
    mark = ServingMark(tmp_path / "none")
    mark.touch()
    assert not mark.is_serving()
