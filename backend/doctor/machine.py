"""Checks of this machine: settings, data folder, database, Redis, workers, weights, device."""

import os
import shutil
import tempfile
from functools import partial

from sqlalchemy import text

from backend.doctor.case import Case
from backend.doctor.check import Entry, Outcome, counted, failed, ok
from backend.inference.checkpoint import read_checkpoint
from backend.inference.weights import KNOWN_WEIGHTS
from backend.labelstudio.label_config_advice import listing
from backend.queue import QUEUES

_LEAST_FREE_BYTES = 2**30  # below that neither checkpoints nor a growing database have room
_CLASSES_SHOWN = 5


def check_settings(case: Case) -> Outcome:
    """They could be read; see that the server listens where HOST says."""
    settings = case.settings
    if settings.bind_host != settings.host:
        return failed(
            f"HOST is {settings.host}, but without a password it listens on {settings.bind_host} alone.",
            "BASIC_AUTH_USER=label-studio and BASIC_AUTH_PASS=<a password>, then restart and run connect",
        )
    password = "with a password" if settings.has_basic_auth else "no password, for this machine alone"
    return ok(f"read; the server is {settings.public_url} ({password})")


def check_data_folder(case: Case) -> Outcome:
    """See that the folder takes files and has space left."""
    folder = case.settings.data_dir.resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"space?")
            file.flush()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return failed(f"{folder} takes no files: {error.strerror or error}.")
    if free < _LEAST_FREE_BYTES:
        return failed(
            f"{folder} has {free / 2**20:.0f} MB left; expected 1024 MB at least.",
            f"Make room there, keep fewer images (MEDIA_CACHE_MB={case.settings.media_cache_mb // 2}), or "
            "name another folder: DATA_DIR=/path/with/space",
        )
    return ok(f"{folder} is writable, {free / 2**30:.1f} GB free")


def check_database(case: Case) -> Outcome:
    """Ask it for an answer, and for the version of its tables."""
    if case.database_problem:
        return failed(case.database_problem)
    database = case.services.database
    with database.read() as session:
        revision = session.scalar(text("SELECT version_num FROM alembic_version"))
    return ok(f"{database.engine.dialect.name}, tables at {revision}")


def check_redis(case: Case) -> Outcome:
    """Ask it for an answer, and for the length of its queues."""
    waiting = sum(case.services.queue.lengths().values())
    kind = "external" if case.settings.redis_url else "embedded"
    return ok(f"{kind}, {counted(waiting, 'job')} waiting")


def check_worker(case: Case, *, queue: str) -> Outcome:
    """Count the workers that listen on the queue."""
    count = case.services.queue.worker_count(queue)
    if not count:
        return failed(f'No worker listens on the queue "{queue}", so its jobs wait.')
    return ok(f"{counted(count, 'worker')} alive")


def check_weights(case: Case) -> Outcome:
    """Read the default weights as the file is now, whatever an earlier reading said."""
    path = case.services.pipeline.planner.default_path
    if not path.exists() and path.name in KNOWN_WEIGHTS:
        return failed(
            f"{path.name} is not in {path.parent} yet; the server fetches it when it starts.", "make run"
        )
    checkpoint = read_checkpoint(path)
    classes = listing(checkpoint.class_names, _CLASSES_SHOWN)
    return ok(f"{checkpoint.version}: {checkpoint.task}, classes: {classes}")


def check_device(case: Case) -> Outcome:
    """Resolve DEVICE as the server does."""
    # Imported here: torch takes seconds, which should be those of this check.
    import torch

    from backend.inference.yolo import resolve_device

    device = resolve_device(case.settings.device)
    if device.startswith("cuda"):
        memory = torch.cuda.get_device_properties(device).total_memory
        return ok(f"{device}: {torch.cuda.get_device_name(device)}, {memory / 2**30:.0f} GB")
    return ok(f"{device}, {os.cpu_count()} cores" if device == "cpu" else device)


MACHINE: tuple[Entry[Case], ...] = (
    Entry("settings", check_settings),
    Entry("data folder", check_data_folder, fix="DATA_DIR=/a/folder/that/takes/files"),
    Entry(
        "database",
        check_database,
        fix="See that the database runs and takes connections, or name another one in DATABASE_URL",
    ),
    Entry("redis", check_redis, fix="make run (or REDIS_URL=redis://host:6379/0 for one of your own)"),
    *(
        Entry(f"worker for {queue}", partial(check_worker, queue=queue), needs=("redis",), fix="make run")
        for queue in QUEUES
    ),
    Entry(
        "weights",
        check_weights,
        fix="Put a whole .pt file of ultralytics there, or name another one: YOLO_WEIGHTS=/path/to/best.pt",
        seconds=30,
    ),
    Entry("device", check_device, fix="DEVICE=auto", seconds=60),
)
