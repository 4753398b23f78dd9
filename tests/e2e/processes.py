"""Programs that a test starts: each in a session of its own, ended as a whole, its log kept to be shown."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from backend.settings import Settings
from demo.label_studio import ROOT

LOG_TAIL_LINES = 40
END_SECONDS = 40.0  # gunicorn and the worker may take 30 s to finish what they have in hand


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_open(port: int) -> bool:
    """Tell whether somebody listens on the loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def clean_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment without any setting of ours, and with the given ones."""
    kept = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **settings}


@contextmanager
def running(
    command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in `folder` with stdout and stderr in `log`; at the end its whole session is gone."""
    process = _start(command, environment=environment, folder=folder, log=log)
    try:
        yield process
    finally:
        _end_session(process)


class Program:
    """A program that a test may end or kill, and start again."""

    def __init__(
        self, command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path
    ) -> None:
        self._command = command
        self._environment = environment
        self._folder = folder
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, **changes: str) -> None:
        """Start it, with `changes` to its environment for this time."""
        assert self._process is None, f"{self._command} runs already"
        environment = {**self._environment, **changes}
        self._process = _start(self._command, environment=environment, folder=self._folder, log=self._log)

    def end(self) -> None:
        """Ask it to end, as its process manager would; at last its whole session is gone."""
        if self._process is not None:
            _end_session(self._process)
            self._process = None

    def kill(self) -> None:
        """Kill its whole session, as want of memory or of power would."""
        assert self._process is not None, f"{self._command} does not run"
        _kill_session(self._process)
        self._process = None


def tail(log: Path) -> str:
    """Return the last lines of a log, to be shown where its program failed."""
    lines = log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
    return "\n".join([f"--- end of {log.name} ---", *lines])


def wait_for(is_true: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Wait until `is_true` answers True.

    Raises:
        TimeoutError: it does not within `seconds`; names `what` was waited for.
    """
    deadline = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(0.1)


def session_members(session: int) -> list[int]:
    """Return the ids of a session's living processes.

    A zombie is dead and only waits to be reaped, unless threads of it still run and hold its files.
    """
    members = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # After the name in brackets, which may hold anything: state, parent, group, session.
            state, _, _, owner = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            is_dead = state == "Z" and len(list((entry / "task").iterdir())) == 1
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(owner) == session and not is_dead:
            members.append(int(entry.name))
    return members


def _start(
    command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path
) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _end_session(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(END_SECONDS)
    except (ProcessLookupError, subprocess.TimeoutExpired):
        pass
    _kill_session(process)


def _kill_session(process: subprocess.Popen[bytes]) -> None:
    # The leader first, or a process manager would start anew what is killed under it.
    process.kill()
    process.wait()
    for member in session_members(process.pid):
        try:
            os.kill(member, signal.SIGKILL)
        except ProcessLookupError:
            continue
