"""Fixtures: one Label Studio, one stack of ours and one pre-labelled project for the whole run."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from label_studio_sdk.client import LabelStudio
from playwright.sync_api import Browser, sync_playwright

from backend.store.database import Database, open_database
from demo.__main__ import WEIGHTS
from demo.project import LABEL_CONFIG

from .labelling_page import CHROMIUM_ARGUMENTS, LabellingPage
from .pictures import write_pictures, write_small_pictures
from .projects import SMALL_CONFIG, SMALL_WEIGHTS, Project, make_project, retrieve_predictions
from .servers import LabelStudioServer, Stack, client_of, run_label_studio, run_stack

RunCommand = Callable[..., CompletedProcess[str]]
ProjectFactory = Callable[..., Project]
SmallProjectFactory = Callable[[str, int], Project]
PrelabelledFactory = Callable[[str], "Prelabelled"]


@dataclass(frozen=True)
class Prelabelled:
    """A project that was connected and predicted once; `connected` is what the command answered."""

    project: Project
    connected: CompletedProcess[str]


@pytest.fixture(scope="session")
def label_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabelStudioServer]:
    with run_label_studio(tmp_path_factory.mktemp("label-studio")) as server:
        yield server


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, label_studio: LabelStudioServer) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    with run_stack(folder, label_studio=label_studio, weights=WEIGHTS) as running:
        yield running


@pytest.fixture(scope="session")
def sdk(label_studio: LabelStudioServer) -> Iterator[LabelStudio]:
    with client_of(label_studio) as client:
        yield client


@pytest.fixture(scope="session")
def run_backend_command(stack: Stack) -> RunCommand:
    return stack.run


@pytest.fixture(scope="session")
def database(stack: Stack) -> Iterator[Database]:
    """The stack's own database, to see what it stored."""
    opened = open_database(f"sqlite:///{stack.settings['DATA_DIR']}/backend.sqlite3", timeout=30)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="session")
def new_project(sdk: LabelStudio, pictures: dict[str, Path]) -> ProjectFactory:
    """Make a project: by default with the demo's labels and two of the pictures."""

    def make(title: str, *, config: str = LABEL_CONFIG, count: int = 2) -> Project:
        chosen = dict(list(pictures.items())[:count])
        return make_project(sdk, title=title, config=config, pictures=chosen)

    return make


@pytest.fixture(scope="session")
def new_small_project(
    sdk: LabelStudio, stack: Stack, tiny_weights: Path, tmp_path_factory: pytest.TempPathFactory
) -> SmallProjectFactory:
    """Make a project of many small pictures, for the tiny weights: they find something in noise."""
    folder = Path(stack.settings["DATA_DIR"]) / "models"
    folder.mkdir(exist_ok=True)
    shutil.copy(tiny_weights, folder / SMALL_WEIGHTS)

    def make(title: str, count: int) -> Project:
        pictures = write_small_pictures(tmp_path_factory.mktemp("small"), count)
        return make_project(sdk, title=title, config=SMALL_CONFIG, pictures=pictures)

    return make


@pytest.fixture(scope="session")
def new_prelabelled(
    sdk: LabelStudio, new_project: ProjectFactory, run_backend_command: RunCommand
) -> PrelabelledFactory:
    """Make a project of all twelve pictures, connected and predicted."""

    def make(title: str) -> Prelabelled:
        project = new_project(title, count=12)
        connected = run_backend_command("connect", "--project", str(project.id))
        assert connected.returncode == 0, connected.stderr
        retrieve_predictions(sdk, project.id)
        return Prelabelled(project=project, connected=connected)

    return make


@pytest.fixture(scope="session")
def prelabelled(new_prelabelled: PrelabelledFactory) -> Prelabelled:
    """The project of all twelve pictures. Tests leave its predictions as they are."""
    return new_prelabelled("Street scenes")


@pytest.fixture(scope="session")
def quiet_ultralytics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep ultralytics off the network and the home folder; it reads this at its first import."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (
            ("YOLO_CONFIG_DIR", str(tmp_path_factory.mktemp("ultralytics"))),
            ("YOLO_OFFLINE", "true"),
            ("YOLO_AUTOINSTALL", "false"),
            ("YOLO_VERBOSE", "false"),
        ):
            patch.setenv(name, os.environ.get(name, value))
        yield


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the browser; skips the test, visibly, where there is none."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("no browser: `chromium` is missing; on Debian install it with `apt-get install chromium`")
    return found


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def labelling_page(browser: Browser, label_studio: LabelStudioServer) -> LabellingPage:
    return LabellingPage(browser, label_studio)
