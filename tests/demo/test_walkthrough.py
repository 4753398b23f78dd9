"""The walk-through goes on where an earlier start of it stopped, and claims nothing that it did not see."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from backend.settings import Settings
from backend.store.database import Database, open_database
from backend.store.runs import list_runs
from backend.training.entities import RunState
from demo.annotator import Effort
from demo.walkthrough import Plan, Walkthrough, walk
from tests.backend.training.projects import NOW, begin, end

PROJECT = 3


@dataclass
class Commands:
    """Commands that were run; `on_train` happens when a run is asked for."""

    run: list[tuple[str, ...]] = field(default_factory=list)
    on_train: Callable[[], object] = lambda: None

    def __call__(self, *arguments: str) -> None:
        self.run.append(arguments)
        if arguments[0] == "train":
            self.on_train()


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    made = Commands()
    monkeypatch.setattr("demo.walkthrough.run_command", made)
    return made


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(open_database(f"sqlite:///{tmp_path / 'one.sqlite3'}", timeout=5)) as opened:
        yield opened


@pytest.fixture
def steps(database: Database, settings: Settings, commands: Commands) -> Walkthrough:
    page = SimpleNamespace(items=[SimpleNamespace(id=PROJECT, title=Plan().title)])
    projects = SimpleNamespace(list=lambda page_size: page)
    return Walkthrough(settings, SimpleNamespace(projects=projects), database, Plan())  # type: ignore[arg-type]


def asked(commands: Commands) -> int:
    return sum(arguments[0] == "train" for arguments in commands.run)


@pytest.mark.parametrize("state", [RunState.FAILED, RunState.CANCELLED])
def test_after_a_run_that_came_to_nothing_another_one_is_asked_for(
    steps: Walkthrough, database: Database, commands: Commands, state: RunState
) -> None:
    lost = begin(database, project=PROJECT)
    end(database, lost, state=state)
    commands.on_train = lambda: begin(database, project=PROJECT, now=NOW.replace(year=NOW.year + 1))
    run = steps.await_run()
    assert asked(commands) == 1 and run.id != lost
    assert ("runs", run.id, "--watch") in commands.run


@pytest.mark.parametrize("state", [RunState.DONE, None], ids=["done", "active"])
def test_run_that_an_earlier_start_saw_begin_is_shown(
    steps: Walkthrough, database: Database, commands: Commands, state: RunState | None
) -> None:
    run_id = begin(database, project=PROJECT)
    if state:
        end(database, run_id, state=state)
    assert steps.await_run().id == run_id
    assert asked(commands) == 0 and len(list_runs(database)) == 1


@pytest.mark.parametrize(
    ("before", "after", "is_said"),
    [
        pytest.param(Effort(120, 300, 400), Effort(24, 20, 80), True, id="both in this start"),
        pytest.param(Effort(), Effort(24, 20, 80), False, id="the first in an earlier one"),
        pytest.param(Effort(), Effort(), False, id="nothing was left to correct"),
    ],
)
def test_only_what_this_start_saw_is_compared(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    before: Effort,
    after: Effort,
    is_said: bool,
) -> None:
    efforts = iter([before, after])
    run = SimpleNamespace(state="done", verdict="promote", version="night-v1")

    class Steps:
        project_id = PROJECT

        def __init__(self, *_: Any) -> None:
            pass

        def bring_pictures(self, *_: int) -> None:
            pass

        def correct_pictures(self) -> Effort:
            return next(efforts)

        def await_run(self) -> Any:
            return run

    monkeypatch.setattr("demo.walkthrough.Walkthrough", Steps)
    monkeypatch.setattr("demo.walkthrough.run_command", lambda *_: None)
    settings.data_dir.mkdir(parents=True)
    assert walk(settings, Plan())
    printed = " ".join(capsys.readouterr().out.split())
    assert ("Of 10 objects 7.5 were changed with the old model, 2.5 with night-v1." in printed) == is_said
    assert f".venv/bin/python -m demo.inside backend rollback --project {PROJECT}" in printed
