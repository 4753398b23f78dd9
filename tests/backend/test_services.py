"""The parts of a process: quick to build, calling nobody, closed without a trace."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from backend.errors import SettingsError
from backend.services import Services
from tests.backend.image_server import ImageServer
from tests.backend.label_configs import BOXES
from tests.backend.makers import MakeSettings

BUILD = """
import sys
from pathlib import Path
from backend.services import Services
from backend.settings import Settings
services = Services.build(Settings(_env_file=None, data_dir=Path(sys.argv[1]), yolo_weights=sys.argv[2]))
print(services.pipeline.setup(1, sys.argv[3]).version)
services.close()
sys.exit(bool({"torch", "ultralytics"} & set(sys.modules)))
"""


def test_setup_needs_neither_torch_nor_ultralytics(tmp_path: Path, tiny_weights: Path) -> None:
    command = [sys.executable, "-c", BUILD, str(tmp_path / "data"), str(tiny_weights), BOXES]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("tiny-")


def test_building_calls_nobody(services: Services, image_server: ImageServer) -> None:
    assert services.label_studio.url == image_server.url
    assert image_server.seen == []


def test_closing_ends_all_threads(make_settings: MakeSettings, fixed_engine: None) -> None:
    before = set(threading.enumerate())
    services = Services.build(make_settings())
    services.pipeline.warm_up()
    assert set(threading.enumerate()) > before
    services.close()
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"database_url": "mysql://host/name"}, id="database"),
        pytest.param({"redis_url": "localhost:6379"}, id="Redis without a scheme"),
        pytest.param({"redis_url": "http://localhost"}, id="Redis of another scheme"),
        pytest.param({"redis_url": "redis://localhost:port"}, id="Redis with a word as port"),
    ],
)
def test_address_that_cannot_be_used_is_a_settings_error_that_names_it(
    make_settings: MakeSettings, changes: dict[str, str]
) -> None:
    with pytest.raises(SettingsError, match=next(iter(changes)).upper()):
        Services.build(make_settings(**changes))
