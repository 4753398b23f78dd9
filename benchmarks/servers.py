"""The server under test, and a file server that stands for Label Studio's uploads."""

import functools
import http.server
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backend.settings import Settings
from benchmarks.material import ROOT
from demo.label_studio import wait_until_up


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
    environment = {k: v for k, v in os.environ.items() if k.lower() not in Settings.model_fields}
    environment |= {
        "PYTHONPATH": str(ROOT),
        "DATA_DIR": str(data_dir),
        "PORT": str(port),
        "YOLO_WEIGHTS": str(weights),
        "LABEL_STUDIO_URL": label_studio_url,
        "LOG_LEVEL": "error",
        **settings,
    }
    gunicorn = [sys.executable, "-m", "gunicorn", "-c", "python:backend.gunicorn_conf", "_wsgi:app"]
    process = subprocess.Popen([*gunicorn, "--chdir", str(ROOT)], env=environment, cwd=data_dir)
    try:
        wait_until_up(f"http://127.0.0.1:{port}/ready", seconds=120)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=60)
