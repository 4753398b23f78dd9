"""The servers under test: Label Studio, and our own processes as `make run` starts them."""

import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from label_studio_sdk.client import LabelStudio

from demo.label_studio import EXECUTABLE, label_studio_environment, wait_until_up

from .processes import clean_environment, free_port, running, tail

LABEL_STUDIO_START_SECONDS = 240.0
STACK_START_SECONDS = 120.0
COMMAND_SECONDS = 120.0
# What lets Label Studio call this machine.
PRIVATE_ADDRESS_SETTINGS = ("ML_BLOCK_LOCAL_IP", "SSRF_PROTECTION_ENABLED")


@dataclass(frozen=True)
class LabelStudioServer:
    """A running Label Studio with one user."""

    url: str
    user: str
    password: str = field(repr=False)
    token: str = field(repr=False)


@dataclass(frozen=True)
class Stack:
    """Our running processes. `settings` are their environment variables; `folder` holds no `.env`."""

    url: str
    folder: Path
    settings: Mapping[str, str] = field(repr=False)

    @property
    def credentials(self) -> tuple[str, str]:
        """User and password of HTTP basic."""
        return self.settings["BASIC_AUTH_USER"], self.settings["BASIC_AUTH_PASS"]

    def run(self, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m backend` with the servers' settings, `changes` applied."""
        return subprocess.run(
            [sys.executable, "-m", "backend", *arguments],
            env=clean_environment({"COLUMNS": "200", **self.settings, **changes}),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )


@contextmanager
def client_of(server: LabelStudioServer) -> Iterator[LabelStudio]:
    """Yield the SDK's client of a Label Studio, and close its connections."""
    client = LabelStudio(base_url=server.url, api_key=server.token)
    yield client
    client._client_wrapper.httpx_client.httpx_client.close()


def require_label_studio() -> None:
    """Skip the test, visibly, where Label Studio is not installed."""
    if not EXECUTABLE.exists():
        pytest.skip(f"Label Studio is not installed: {EXECUTABLE} is missing; `make test` installs it")


@contextmanager
def run_label_studio(folder: Path, *, may_call_this_machine: bool = True) -> Iterator[LabelStudioServer]:
    """Start a Label Studio with an empty database, and wait until it answers."""
    require_label_studio()
    port = free_port()
    server = LabelStudioServer(
        url=f"http://localhost:{port}",
        user="annotator@example.com",
        password=secrets.token_urlsafe(12),
        token=secrets.token_hex(20),
    )
    environment = label_studio_environment(
        folder / "data",
        user=server.user,
        password=server.password,
        token=server.token,
        secret_key=secrets.token_urlsafe(32),
    )
    if not may_call_this_machine:
        environment = {k: v for k, v in environment.items() if k not in PRIVATE_ADDRESS_SETTINGS}
    command = [str(EXECUTABLE), "start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(port)]
    log = folder / "label-studio.log"
    with running(command, environment=clean_environment(environment), folder=folder, log=log):
        _wait(f"{server.url}/health", LABEL_STUDIO_START_SECONDS, log)
        yield server


@contextmanager
def run_stack(folder: Path, *, label_studio: LabelStudioServer, weights: Path) -> Iterator[Stack]:
    """Start Redis, two server processes and a worker, and wait until they can predict."""
    port = free_port()
    settings = {
        "LABEL_STUDIO_URL": label_studio.url,
        "LABEL_STUDIO_API_KEY": label_studio.token,
        "DATA_DIR": str(folder / "data"),
        "PORT": str(port),
        "WEB_WORKERS": "2",
        "BASIC_AUTH_USER": "label-studio",
        "BASIC_AUTH_PASS": secrets.token_urlsafe(16),
        "WEBHOOK_SECRET": secrets.token_urlsafe(16),
        "YOLO_WEIGHTS": str(weights.resolve()),
    }
    modules = {
        "redis": ["backend.embedded_redis"],
        "web": ["gunicorn", "-c", "python:backend.gunicorn_conf", "_wsgi:app"],
        "worker": ["retrain.worker"],
    }
    with ExitStack() as started:
        for name, module in modules.items():
            command = [sys.executable, "-m", *module]
            environment = clean_environment(settings)
            log = folder / f"{name}.log"
            started.enter_context(running(command, environment=environment, folder=folder, log=log))
        url = f"http://localhost:{port}"
        _wait(f"{url}/ready", STACK_START_SECONDS, folder / "web.log")
        yield Stack(url=url, folder=folder, settings=settings)


@contextmanager
def run_web(folder: Path, *, settings: Mapping[str, str]) -> Iterator[str]:
    """Start the server processes alone, and yield their address once they can predict."""
    port, log = free_port(), folder / "web.log"
    command = [sys.executable, "-m", "gunicorn", "-c", "python:backend.gunicorn_conf", "_wsgi:app"]
    environment = clean_environment({"DATA_DIR": str(folder / "data"), "PORT": str(port), **settings})
    with running(command, environment=environment, folder=folder, log=log):
        _wait(f"http://localhost:{port}/ready", STACK_START_SECONDS, log)
        yield f"http://localhost:{port}"


def _wait(url: str, seconds: float, log: Path) -> None:
    try:
        wait_until_up(url, seconds=seconds)
    except TimeoutError as error:
        pytest.fail(f"{error}\n{tail(log)}", pytrace=False)
