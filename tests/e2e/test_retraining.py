"""The loop, closed in a real Label Studio by the demo's walk-through: people correct, a model learns."""

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from label_studio_sdk.client import LabelStudio

from backend.review.entities import ReviewState
from backend.store.database import Database
from backend.store.reviews import count_states
from backend.store.runs import list_epochs, list_runs
from backend.store.versions import champion_of
from backend.training.entities import RunState, TrainedVersion, TrainingRun, Verdict
from demo.walkthrough import Plan

from .processes import clean_environment
from .servers import Stack

SMALL = Plan(pictures=60, new_pictures=20, epochs=12, test_pictures=5, title="Few night cameras")
WALK_SECONDS = 900.0


@dataclass(frozen=True)
class Walked:
    """What the walk-through printed, and what it left."""

    printed: str
    project: int
    run: TrainingRun
    champion: TrainedVersion
    plan: Plan


@pytest.fixture(scope="module")
def walk(stack: Stack, database: Database, sdk: LabelStudio) -> Callable[[Plan], Walked]:
    def go(plan: Plan) -> Walked:
        options = {f"--{name.replace('_', '-')}": str(value) for name, value in vars(plan).items()}
        done = subprocess.run(
            [sys.executable, "-m", "demo.walkthrough", *[w for pair in options.items() for w in pair]],
            env=clean_environment({**stack.settings, "COLUMNS": "110"}),
            cwd=stack.folder,
            capture_output=True,
            text=True,
            timeout=WALK_SECONDS,
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        print(done.stdout)
        project = next(p.id for p in sdk.projects.list() if p.title == plan.title)
        champion = champion_of(database, project)
        assert champion is not None, done.stdout[-4000:]
        run = list_runs(database, project_id=project)[-1]
        return Walked(done.stdout, project, run, champion, plan)

    return go


@pytest.fixture(scope="module")
def walked(walk: Callable[[Plan], Walked]) -> Walked:
    return walk(SMALL)


def test_run_begins_by_itself_and_puts_a_better_model_in_service(walked: Walked) -> None:
    assert (walked.run.state, walked.run.verdict) == (RunState.DONE, Verdict.PROMOTE), walked.run
    assert walked.run.version == walked.champion.version
    comparison = walked.champion.comparison
    assert comparison.difference is not None and comparison.difference.value > 0.05


def test_run_names_what_made_it_due(walked: Walked) -> None:
    assert f"{SMALL.pictures}" in walked.run.reason


def test_run_keeps_a_line_for_each_epoch(walked: Walked, database: Database) -> None:
    epochs = list_epochs(database, walked.run.id)
    assert [each.epoch for each in epochs] == list(range(1, SMALL.epochs + 1))


def test_new_pictures_are_prelabelled_by_the_new_version(walked: Walked, sdk: LabelStudio) -> None:
    versions = [p.model_version for p in sdk.predictions.list(project=walked.project)]
    assert versions.count(walked.champion.version) >= SMALL.new_pictures
    assert sdk.projects.get(id=walked.project).model_version == walked.champion.version


def test_share_of_objects_that_are_corrected_falls(walked: Walked) -> None:
    words = " ".join(walked.printed.split())
    found = re.search(r"Of 10 objects ([\d.]+) were changed with the old model, ([\d.]+) with", words)
    assert found is not None
    before, after = map(float, found.groups())
    assert after < before


def test_tasks_it_learnt_from_are_taken_in_training(walked: Walked, database: Database) -> None:
    states = count_states(database, walked.project)
    assert states[ReviewState.TAKEN_IN_TRAINING] == SMALL.pictures


@pytest.mark.slow
def test_whole_walk_through_closes_the_loop(walk: Callable[[Plan], Walked], tmp_path: object) -> None:
    walked = walk(Plan())
    comparison = walked.champion.comparison
    assert comparison.champion is not None
    assert comparison.challenger.map50 > comparison.champion.map50 + 0.1
