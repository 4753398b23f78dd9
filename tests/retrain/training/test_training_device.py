"""One run trains on a device at a time, and a process that dies lets go of it."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from backend.machine import machine_id
from retrain.training.device import DeviceBusy, device_lock, training_device
from retrain.training.errors import TrainingFailed

ROOT = Path(__file__).resolve().parents[3]
HOLD = """
import sys
from pathlib import Path
from retrain.training.device import device_lock
with device_lock(Path(sys.argv[1]), "cpu"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_second_run_on_a_device_is_told_that_it_is_busy(tmp_path: Path) -> None:
    with device_lock(tmp_path, "cuda:0"):
        with pytest.raises(DeviceBusy, match="Another run trains on cuda:0 of .*; this one waits"):
            with device_lock(tmp_path, "cuda:0"):
                pass
        with device_lock(tmp_path, "cuda:1"):
            pass
    with device_lock(tmp_path, "cuda:0"):
        pass


def test_killed_process_lets_go_of_its_device(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        with pytest.raises(DeviceBusy), device_lock(tmp_path, "cpu"):
            pass
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    with device_lock(tmp_path, "cpu"):
        pass


def test_container_with_a_host_name_of_its_own_has_no_device_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if machine_id() == socket.gethostname():
        pytest.skip("this system gives no boot id")
    with device_lock(tmp_path, "cpu"):
        monkeypatch.setattr(socket, "gethostname", lambda: "container")
        with pytest.raises(DeviceBusy), device_lock(tmp_path, "cpu"):
            pass


def test_device_has_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.inference.yolo.resolve_device", lambda setting: setting)
    assert training_device("cuda") == training_device("cuda:0") == "cuda:0"


def test_setting_names_a_device(quiet_ultralytics: None) -> None:
    assert training_device("cpu") == "cpu"
    with pytest.raises(TrainingFailed, match='RETRAIN_DEVICE is "gpu", which cannot be used on'):
        training_device("gpu")
