"""All processes of one machine, as `make run` starts them."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from backend.settings import Settings
from benchmarks.material import DEMO_WEIGHTS
from benchmarks.servers import START_SECONDS, free_port, running
from demo.label_studio import wait_until_up


@dataclass(frozen=True, slots=True)
class Stack:
    """Running server processes and Redis. Logs lie in `folder`."""

    url: str
    folder: Path
    settings: Settings

    def worker(self, *queues: str) -> AbstractContextManager[None]:
        """Run a worker of these queues."""
        return _python(self.settings, "worker-" + "-".join(queues), "retrain.worker", *queues)


@contextmanager
def run_stack(folder: Path, *, database_url: str) -> Iterator[Stack]:
    """Start Redis and two server processes with the demo's weights; without a Label Studio, and no worker."""
    settings = Settings(
        _env_file=None,
        data_dir=folder,
        database_url=database_url,
        port=free_port(),
        label_studio_url=f"http://127.0.0.1:{free_port()}",
        yolo_weights=str(DEMO_WEIGHTS),
    )
    with ExitStack() as started:
        started.enter_context(_python(settings, "redis", "backend.embedded_redis"))
        gunicorn = ("gunicorn", "-c", "python:backend.gunicorn_conf", "_wsgi:app")
        started.enter_context(_python(settings, "web", *gunicorn))
        url = f"http://127.0.0.1:{settings.port}"
        wait_until_up(f"{url}/ready", seconds=START_SECONDS)
        yield Stack(url, folder, settings)


def _python(settings: Settings, name: str, module: str, *arguments: str) -> AbstractContextManager[None]:
    own = {
        "DATA_DIR": str(settings.data_dir),
        "DATABASE_URL": settings.database_url,
        "PORT": str(settings.port),
        "LABEL_STUDIO_URL": settings.label_studio_url,
        "YOLO_WEIGHTS": settings.yolo_weights,
    }
    folder = settings.data_dir
    command = [sys.executable, "-m", module, *arguments]
    return running(command, own, folder=folder, log=folder / f"{name}.log")
