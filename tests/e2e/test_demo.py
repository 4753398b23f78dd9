"""`make demo` as a person uses it: started, looked at, ended with Ctrl-C, started again."""

import os
import re
import signal
import sys
import time
from configparser import RawConfigParser
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any

import httpx
import pytest

from backend.store.database import open_database
from backend.store.prediction_log import count_predictions
from demo.label_studio import ROOT

from .processes import clean_environment, free_port, is_open, running, session_members, tail, wait_for
from .servers import require_label_studio

PICTURES = 48
READY_SECONDS = 300.0
END_SECONDS = 30.0
READY = "The demo is ready"
CONFIGURATIONS = (ROOT / "demo/processes.conf", ROOT / "backend/processes.conf")


@dataclass(frozen=True)
class Start:
    """One start of the demo, seen from outside once it said that it is ready.

    `tasks` are (task id, number of its predictions); `served` is how many predictions the backend made
    so far, in this start and those before.
    """

    seconds: float
    project: int
    tasks: list[tuple[int, int]]
    served: int
    end_seconds: float
    left_processes: list[int]
    open_ports: list[int]


@pytest.fixture(scope="module")
def starts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Start, Start]:
    """The first and the second start on one data folder."""
    require_label_studio()
    if pid_files_in_dev():
        pytest.fail(f"not started: it would delete {pid_files_in_dev()}", pytrace=False)
    folder = tmp_path_factory.mktemp("demo")
    ports = (free_port(), free_port())
    return _start_and_end(folder, "first", ports), _start_and_end(folder, "second", ports)


def test_process_manager_has_no_device_as_its_pid_file():
    assert pid_files_in_dev() == []


def test_every_picture_of_the_demo_is_prelabelled_once(starts: tuple[Start, Start]):
    first, _ = starts

    assert [count for _, count in first.tasks] == [1] * PICTURES
    assert first.served == PICTURES


@pytest.mark.parametrize("number", [pytest.param(0, id="first"), pytest.param(1, id="second")])
def test_interrupt_ends_every_process_and_frees_the_ports(starts: tuple[Start, Start], number: int):
    start = starts[number]

    assert start.left_processes == []
    assert start.open_ports == []
    assert start.end_seconds < END_SECONDS


def test_second_start_is_ready_sooner_than_the_first(starts: tuple[Start, Start]):
    first, second = starts

    assert second.seconds < first.seconds


def test_second_start_keeps_project_tasks_and_predictions(starts: tuple[Start, Start]):
    first, second = starts

    assert second.project == first.project
    assert second.tasks == first.tasks


def test_second_start_predicts_nothing_again(starts: tuple[Start, Start]):
    first, second = starts

    assert second.served == first.served


def pid_files_in_dev() -> list[str]:
    """Return the process manager's pid files that are devices: it deletes its pid file when it ends."""
    named = []
    for configuration in CONFIGURATIONS:
        parser = RawConfigParser()
        parser.read(configuration)
        named.append(parser.get("supervisord", "pidfile", fallback=""))
    return [name for name in named if name.startswith("/dev/")]


def _start_and_end(folder: Path, name: str, ports: tuple[int, int]) -> Start:
    data, log = folder / "data", folder / f"{name}.log"
    settings = {"LABEL_STUDIO_PORT": str(ports[0]), "PORT": str(ports[1]), "DEMO_DATA_DIR": str(data)}
    command = [sys.executable, "-m", "demo"]
    began = time.monotonic()
    with running(command, environment=clean_environment(settings), folder=folder, log=log) as process:
        _wait_until_ready(process, log)
        seconds = time.monotonic() - began
        project, tasks = _look(log.read_text())
        end_seconds = _interrupt(process)
        left = session_members(process.pid)
        still_open = [port for port in ports if is_open(port)]
    return Start(seconds, project, tasks, _served(data), end_seconds, left, still_open)


def _wait_until_ready(process: Popen[bytes], log: Path) -> None:
    def is_ready() -> bool:
        if process.poll() is not None:
            pytest.fail(f"the demo ended with {process.returncode}\n{tail(log)}", pytrace=False)
        return READY in log.read_text(errors="replace") and "Ctrl-C ends the demo" in log.read_text()

    try:
        wait_for(is_ready, seconds=READY_SECONDS, what=READY)
    except TimeoutError as error:
        pytest.fail(f"{error}\n{tail(log)}", pytrace=False)


def _look(printed: str) -> tuple[int, list[tuple[int, int]]]:
    """Log in with what the demo printed; return its project and the tasks with their predictions."""
    shown = {name: _printed(printed, name) for name in ("Open", "Figures", "User", "Password")}
    login = (shown["User"], shown["Password"])
    page = httpx.get(shown["Figures"], auth=login, trust_env=False, timeout=60).raise_for_status().text
    assert "Street scenes" in page
    address = httpx.URL(shown["Open"])
    project = int(address.path.split("/")[2])
    with httpx.Client(
        base_url=address.join("/"), follow_redirects=True, trust_env=False, timeout=60
    ) as browser:
        browser.get("/user/login/")
        form = {"email": shown["User"], "password": shown["Password"]}
        answer = browser.post(
            "/user/login/", data={**form, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        )
        assert answer.status_code == 200 and "/user/login" not in answer.url.path, answer.url
        query = {"project": project, "page_size": 1000, "fields": "task_only"}
        tasks: list[dict[str, Any]] = browser.get("/api/tasks", params=query).json()["tasks"]
    return project, sorted((task["id"], task["total_predictions"]) for task in tasks)


def _printed(text: str, name: str) -> str:
    found = re.search(rf"\b{name}\s+(\S+)", text)
    assert found is not None, f"the demo printed no {name}"
    return found.group(1)


def _interrupt(process: Popen[bytes]) -> float:
    """Send what Ctrl-C sends, to the foreground group; return the seconds until the session is empty."""
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)

    def is_gone() -> bool:
        # Asked first: it reaps the leader, which else stays as a zombie.
        return process.poll() is not None and not session_members(process.pid)

    try:
        wait_for(is_gone, seconds=END_SECONDS, what="end of the demo")
    except TimeoutError:
        pass  # what is left is told by the tests
    return time.monotonic() - began


def _served(data: Path) -> int:
    database = open_database(f"sqlite:///{data}/backend.sqlite3", timeout=30)
    counts = count_predictions(database).values()
    database.close()
    return sum(count for count, _ in counts)
