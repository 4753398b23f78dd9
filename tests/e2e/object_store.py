"""An S3-compatible server of this run alone: moto's, which checks that addresses are signed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from demo.label_studio import wait_until_up

from .processes import clean_environment, free_port, running, tail

START_SECONDS = 60.0


@dataclass(frozen=True)
class ObjectStore:
    """A running server. Its host name is not the one that Label Studio goes by."""

    url: str
    access_key: str = "any"
    secret_key: str = "any"  # moto takes whatever it is given

    def create_bucket(self, name: str) -> None:
        """Make an empty bucket that nobody may read without a signature."""
        httpx.put(f"{self.url}/{name}").raise_for_status()

    def put(self, bucket: str, key: str, data: bytes) -> None:
        """Store an object."""
        headers = {"Content-Type": "image/jpeg"}
        httpx.put(f"{self.url}/{bucket}/{key}", content=data, headers=headers).raise_for_status()


@contextmanager
def run_object_store(folder: Path) -> Iterator[ObjectStore]:
    """Start the server on a free port of this machine, and wait until it answers."""
    store, log = ObjectStore(url=f"http://127.0.0.1:{free_port()}"), folder / "object-store.log"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", store.url.rpartition(":")[2]]
    with running(command, environment=clean_environment({}), folder=folder, log=log):
        try:
            wait_until_up(f"{store.url}/moto-api/data.json", seconds=START_SECONDS)
        except TimeoutError as error:
            pytest.fail(f"{error}\n{tail(log)}", pytrace=False)
        yield store
