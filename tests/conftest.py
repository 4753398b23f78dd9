"""Parts of the application for tests: no network, no trained weights, no GPU.

Redis is down unless a test asks for `redis_address`; models are the fixed engine's unless it asks for a
real one.
"""

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from backend.app import create_app
from backend.inference.checkpoint import Checkpoint, read_checkpoint
from backend.logs import configure_logs
from backend.services import Services
from backend.settings import Settings
from backend.store.database import Database, open_database
from tests.backend.engines import FixedEngine
from tests.backend.image_server import ImageServer, run_image_server
from tests.backend.makers import MakeClient, MakeServices, MakeSettings
from tests.backend.servers import postgres_folder, run_postgres, run_redis


@pytest.fixture(autouse=True)
def plain_logs() -> None:
    """Log as the processes do; structlog's default draws whole tracebacks with local variables."""
    configure_logs("warning", process="test")


@pytest.fixture
def read_log(plain_logs: None, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """Return what was logged so far, from debug on."""
    written = io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", written)
        configure_logs("debug", process="test")
    return written.getvalue


@pytest.fixture(scope="session")
def quiet_ultralytics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What ultralytics reads when it is imported: nothing in the home folder, nothing from the network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YOLO_CONFIG_DIR", str(tmp_path_factory.mktemp("ultralytics")))
        patch.setenv("YOLO_OFFLINE", "true")
        patch.setenv("YOLO_AUTOINSTALL", "false")
        patch.setenv("YOLO_VERBOSE", "false")
        yield


@pytest.fixture(scope="session")
def tiny_weights(quiet_ultralytics: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random detection checkpoint for car, person and traffic light."""
    from tests.backend.tiny_model import save_tiny_weights

    return save_tiny_weights(tmp_path_factory.mktemp("weights") / "tiny.pt")


@pytest.fixture(scope="session")
def tiny_weights_of(
    quiet_ultralytics: None, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Small random checkpoints for car, person and traffic light, of each of ultralytics' tasks."""
    from tests.backend.tiny_model import save_tiny_weights

    folder = tmp_path_factory.mktemp("weights-of-all-tasks")
    return cache(lambda task: save_tiny_weights(folder / f"tiny-{task}.pt", task=task))


@pytest.fixture(scope="session")
def tiny_checkpoint(tiny_weights: Path) -> Checkpoint:
    return read_checkpoint(tiny_weights)


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away the developer's own settings."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def make_settings(
    clean_environment: None, tmp_path: Path, tiny_weights: Path, image_server: ImageServer
) -> MakeSettings:
    """Settings with a data folder of their own, the tiny weights, and the image server as Label Studio."""

    def make(**changes: Any) -> Settings:
        given = {
            "data_dir": tmp_path / "data",
            "yolo_weights": str(tiny_weights),
            "label_studio_url": image_server.url,
            "media_timeout": 5.0,
            # Else which task shows its regions would depend on its id.
            "blind_fraction": 0.0,
            **changes,
        }
        return Settings(_env_file=None, **given)

    return make


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    return make_settings()


@pytest.fixture
def fixed_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every model be the engine whose boxes are known."""
    monkeypatch.setattr("backend.inference.yolo.YoloEngine", FixedEngine)


@pytest.fixture
def make_services(fixed_engine: None) -> Iterator[MakeServices]:
    """Build parts and close them after the test."""
    made: list[Services] = []

    def make(settings: Settings) -> Services:
        made.append(Services.build(settings))
        return made[-1]

    yield make
    for services in made:
        services.close()


@pytest.fixture
def services(make_services: MakeServices, settings: Settings) -> Services:
    return make_services(settings)


@pytest.fixture
def app(services: Services) -> Flask:
    return create_app(services)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A caller on this machine."""
    return app.test_client()


@pytest.fixture
def make_client(make_settings: MakeSettings, make_services: MakeServices) -> MakeClient:
    """Make a caller of an application with other settings."""

    def make(**changes: Any) -> FlaskClient:
        return create_app(make_services(make_settings(**changes))).test_client()

    return make


@pytest.fixture
def image_server() -> Iterator[ImageServer]:
    """The host that plays Label Studio; its address is LABEL_STUDIO_URL."""
    with run_image_server() as server:
        yield server


@pytest.fixture
def other_server() -> Iterator[ImageServer]:
    """A host that is not Label Studio's."""
    with run_image_server() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_address() -> Iterator[str]:
    """A PostgreSQL of this run alone, without a database's name."""
    programs = postgres_folder()
    if programs is None:
        pytest.skip("PostgreSQL's programs are not installed (Debian's package postgresql)")
    with run_postgres(programs) as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def database_address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a fresh, empty database, once on each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'fresh.sqlite3'}"
    server = request.getfixturevalue("postgres_address")
    name = f"test_{uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{server}/{name}"


@pytest.fixture
def database(database_address: str) -> Iterator[Database]:
    """A database with all tables, once on each kind."""
    with closing(open_database(database_address, timeout=5.0)) as opened:
        yield opened


@pytest.fixture(scope="session")
def redis_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis of this run alone."""
    with run_redis(tmp_path_factory.mktemp("redis")) as address:
        yield address
