"""All processes of one machine, as `make run` starts them."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from backend.settings import Settings
from benchmarks.material import DEMO_WEIGHTS
from benchmarks.servers import START_SECONDS, free_port, running
from demo.label_studio import wait_until_up


@dataclass(frozen=True, slots=True)
class Stack:
    """Running server processes and Redis. Logs lie in `folder`; `environment` is what all programs get."""

    url: str
    folder: Path
    settings: Settings
    environment: Mapping[str, str] = field(repr=False)

    def worker(self, *queues: str) -> AbstractContextManager[None]:
        """Run a worker of these queues."""
        return _python(self.environment, "worker-" + "-".join(queues), "retrain.worker", *queues)


@contextmanager
def run_stack(folder: Path, *, database_url: str, **others: str) -> Iterator[Stack]:
    """Start Redis and two server processes with the demo's weights, and no worker.

    Args:
        folder: For all that they write.
        database_url: Empty for SQLite.
        others: Settings by their names as environment variables. Without LABEL_STUDIO_URL there is none.
    """
    environment = {
        "DATA_DIR": str(folder),
        "DATABASE_URL": database_url,
        "PORT": str(free_port()),
        "LABEL_STUDIO_URL": f"http://127.0.0.1:{free_port()}",
        "YOLO_WEIGHTS": str(DEMO_WEIGHTS),
        **others,
    }
    settings = Settings(_env_file=None, **{name.lower(): value for name, value in environment.items()})
    with ExitStack() as started:
        started.enter_context(_python(environment, "redis", "backend.embedded_redis"))
        gunicorn = ("gunicorn", "-c", "python:backend.gunicorn_conf", "_wsgi:app")
        started.enter_context(_python(environment, "web", *gunicorn))
        url = f"http://127.0.0.1:{settings.port}"
        wait_until_up(f"{url}/ready", seconds=START_SECONDS)
        yield Stack(url, folder, settings, environment)


def _python(
    environment: Mapping[str, str], name: str, module: str, *arguments: str
) -> AbstractContextManager[None]:
    folder = Path(environment["DATA_DIR"])
    command = [sys.executable, "-m", module, *arguments]
    return running(command, environment, folder=folder, log=folder / f"{name}.log")
