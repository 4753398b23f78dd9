"""The device of a training, which one run has at a time."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from backend.errors import ModelError
from backend.machine import machine_id
from retrain.training.errors import TrainingFailed

_UNUSUAL = re.compile(r"[^\w.-]+")


class DeviceBusy(Exception):
    """Another run trains on the device: this one waits, which is no failed attempt."""


def training_device(setting: str) -> str:
    """Return the torch device that RETRAIN_DEVICE means on this machine.

    Raises:
        TrainingFailed: there is no such device here.
    """
    # torch takes seconds to import, and a worker's other jobs do not need it.
    from backend.inference.yolo import resolve_device

    try:
        device = resolve_device(setting)
    except ModelError as error:
        reason = error.message.partition("cannot be used: ")[2].partition(". Try ")[0]
        raise TrainingFailed(
            f'RETRAIN_DEVICE is "{setting}", which cannot be used on {socket.gethostname()}: {reason}. '
            "Expected auto, cpu, cuda:0 or mps; auto takes what is there."
        ) from None
    return "cuda:0" if device == "cuda" else device  # one name for one device


@contextmanager
def device_lock(data_dir: Path, device: str) -> Iterator[None]:
    """Hold the device of this machine; a process that dies lets go of it.

    Args:
        data_dir: Folder that all workers of the machine share.
        device: As `training_device` returns it.

    Raises:
        DeviceBusy: another process holds it.
    """
    folder = data_dir / "devices"
    folder.mkdir(parents=True, exist_ok=True)
    name = _UNUSUAL.sub("-", f"{machine_id()}-{device}")
    lock = FileLock(folder / f"{name}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise DeviceBusy(
            f"Another run trains on {device} of {socket.gethostname()}; this one waits."
        ) from None
    try:
        yield
    finally:
        lock.release()
