"""The servers under test: Label Studio, and our own processes as `make run` starts them."""

import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from label_studio_sdk.client import LabelStudio

from demo.__main__ import SAM_WEIGHTS
from demo.label_studio import EXECUTABLE, label_studio_environment, wait_until_up

from .processes import Program, clean_environment, free_port, running, tail

LABEL_STUDIO_START_SECONDS = 240.0
STACK_START_SECONDS = 120.0
COMMAND_SECONDS = 120.0
PREDICT_MAX_TASKS = 16  # more than the twelve pictures, and few enough for a test to go over it
# Nothing is taken out, and nothing is blind: what the model alone finds.
BARE_MODEL_SETTINGS = {
    "BLIND_FRACTION": "0",
    "FILTER_NESTED": "0",
    "FILTER_DUPLICATES": "0",
    "FILTER_SLIVERS": "0",
    "FILTER_OUTSIDE": "1",
}
# What lets Label Studio call this machine.
PRIVATE_ADDRESS_SETTINGS = ("ML_BLOCK_LOCAL_IP", "SSRF_PROTECTION_ENABLED")


@dataclass(frozen=True)
class LabelStudioServer:
    """A running Label Studio with one user. Its local files storages may lie under `files`."""

    url: str
    files: Path
    user: str
    password: str = field(repr=False)
    token: str = field(repr=False)


@dataclass(frozen=True)
class Stack:
    """Our running processes. `settings` are their environment variables; `folder` holds no `.env`.

    `web` serves requests, `job_worker` runs the long jobs; a test that ends one starts it again.
    """

    url: str
    folder: Path
    web: Program
    job_worker: Program
    settings: Mapping[str, str] = field(repr=False)

    @property
    def credentials(self) -> tuple[str, str]:
        """User and password of HTTP basic."""
        return self.settings["BASIC_AUTH_USER"], self.settings["BASIC_AUTH_PASS"]

    def start_web(self) -> None:
        """Start the server that a test ended, and wait until it can predict."""
        self.web.start()
        _wait(f"{self.url}/ready", STACK_START_SECONDS, self.folder / "web.log")

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

    def run_beside(self, *arguments: str, log: Path) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """Run `python -m backend` while the test goes on; what it prints is in `log`."""
        command = [sys.executable, "-m", "backend", *arguments]
        environment = clean_environment({"COLUMNS": "200", **self.settings})
        return running(command, environment=environment, folder=self.folder, log=log)


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
        files=folder / "files",
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
    server.files.mkdir()
    environment["LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED"] = "true"
    environment["LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT"] = str(server.files)
    if not may_call_this_machine:
        environment = {k: v for k, v in environment.items() if k not in PRIVATE_ADDRESS_SETTINGS}
    command = [str(EXECUTABLE), "start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(port)]
    log = folder / "label-studio.log"
    with running(command, environment=clean_environment(environment), folder=folder, log=log):
        _wait(f"{server.url}/health", LABEL_STUDIO_START_SECONDS, log)
        yield server


@contextmanager
def run_stack(folder: Path, *, label_studio: LabelStudioServer, weights: Path) -> Iterator[Stack]:
    """Start Redis, two server processes and the workers, and wait until they can predict."""
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
        "SAM_MODEL": str(SAM_WEIGHTS),
        # Else which task shows its regions would depend on its id; blind tasks have a test of their own.
        "BLIND_FRACTION": "0",
        "PREDICT_MAX_TASKS": str(PREDICT_MAX_TASKS),
        # Tests sync themselves, so that none finds that another was faster.
        "SYNC_CRON": "off",
    }
    modules = {
        "redis": ["backend.embedded_redis"],
        "web": ["gunicorn", "-c", "python:backend.gunicorn_conf", "_wsgi:app"],
        "worker": ["retrain.worker", "events"],
        "job-worker": ["retrain.worker", "predict", "train"],
    }
    with run_programs(folder, modules, settings) as programs:
        url = f"http://localhost:{port}"
        _wait(f"{url}/ready", STACK_START_SECONDS, folder / "web.log")
        yield Stack(
            url=url,
            folder=folder,
            web=programs["web"],
            job_worker=programs["job-worker"],
            settings=settings,
        )


@contextmanager
def run_programs(
    folder: Path, modules: Mapping[str, list[str]], settings: Mapping[str, str]
) -> Iterator[dict[str, Program]]:
    """Start modules of Python, each with its arguments and a log of its name; at the end all are gone."""
    programs = {
        name: Program(
            [sys.executable, "-m", *module],
            environment=clean_environment(settings),
            folder=folder,
            log=folder / f"{name}.log",
        )
        for name, module in modules.items()
    }
    with ExitStack() as started:
        for program in programs.values():
            started.callback(program.end)
            program.start()
        yield programs


@contextmanager
def run_web(folder: Path, *, settings: Mapping[str, str]) -> Iterator[str]:
    """Start the server processes alone, to serve what the model alone finds; yield their address."""
    port, log = free_port(), folder / "web.log"
    command = [sys.executable, "-m", "gunicorn", "-c", "python:backend.gunicorn_conf", "_wsgi:app"]
    own = {"DATA_DIR": str(folder / "data"), "PORT": str(port), **BARE_MODEL_SETTINGS}
    environment = clean_environment({**own, **settings})
    with running(command, environment=environment, folder=folder, log=log):
        _wait(f"http://localhost:{port}/ready", STACK_START_SECONDS, log)
        yield f"http://localhost:{port}"


def _wait(url: str, seconds: float, log: Path) -> None:
    try:
        wait_until_up(url, seconds=seconds)
    except TimeoutError as error:
        pytest.fail(f"{error}\n{tail(log)}", pytrace=False)
