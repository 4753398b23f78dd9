"""The server under test, Label Studio, and what stands for it."""

import functools
import http.server
import os
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from backend.settings import Settings
from benchmarks.material import ROOT
from demo.label_studio import EXECUTABLE, label_studio_environment, wait_until_up

START_SECONDS = 240.0
END_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class LabelStudioServer:
    """A running Label Studio, or what stands for it, and its user's token."""

    url: str
    token: str = field(repr=False)


def free_port() -> int:
    """Return a loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def translate_path(self, path: str) -> str:
        return super().translate_path(path.removeprefix("/data/upload"))

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def file_server(folder: Path) -> Iterator[str]:
    """Serve the folder's files under /data/upload/; yield the address."""
    handler = functools.partial(_QuietHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()


@contextmanager
def backend_server(data_dir: Path, weights: Path, label_studio_url: str, **settings: str) -> Iterator[str]:
    """Run gunicorn with the given settings; yield the address once the model is loaded."""
    port = free_port()
    own = {
        "DATA_DIR": str(data_dir),
        "PORT": str(port),
        "YOLO_WEIGHTS": str(weights),
        "LABEL_STUDIO_URL": label_studio_url,
        "LOG_LEVEL": "error",
        **settings,
    }
    gunicorn = ["-m", "gunicorn", "-c", "python:backend.gunicorn_conf", "_wsgi:app", "--chdir", str(ROOT)]
    with running([sys.executable, *gunicorn], own, folder=data_dir):
        wait_until_up(f"http://127.0.0.1:{port}/ready", seconds=START_SECONDS)
        yield f"http://127.0.0.1:{port}"


@contextmanager
def label_studio_server(folder: Path) -> Iterator[LabelStudioServer]:
    """Run a real Label Studio with an empty database in the folder; yield it once it answers."""
    port = free_port()
    server = LabelStudioServer(f"http://localhost:{port}", secrets.token_hex(20))
    environment = label_studio_environment(
        folder / "data",
        user="benchmark@example.com",
        password=secrets.token_urlsafe(12),
        token=server.token,
        secret_key=secrets.token_urlsafe(32),
    )
    command = [str(EXECUTABLE), "start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(port)]
    with running(command, environment, folder=folder, log=folder / "label-studio.log"):
        wait_until_up(f"{server.url}/health", seconds=START_SECONDS)
        yield server


@contextmanager
def stand_in_server(images: Path) -> Iterator[LabelStudioServer]:
    """Run the stand-in for Label Studio in a process of its own, over the folder's images."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.stand_in", str(images), str(port)]
    with running(command, {}, folder=ROOT):
        wait_until_up(f"http://127.0.0.1:{port}/health", seconds=START_SECONDS)
        yield LabelStudioServer(f"http://127.0.0.1:{port}", "stand-in")


@contextmanager
def running(
    command: Sequence[str], settings: Mapping[str, str], *, folder: Path, log: Path | None = None
) -> Iterator[None]:
    environment = {k: v for k, v in os.environ.items() if k.lower() not in Settings.model_fields}
    # Without a log of its own a program speaks to the terminal.
    with nullcontext() if log is None else log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env={**environment, "PYTHONPATH": str(ROOT), **settings},
            cwd=folder,
            stdout=output,
            stderr=None if output is None else subprocess.STDOUT,
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=END_SECONDS)
