"""A training whose process is killed at this line or that ends with every epoch once."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from backend.training.names import run_folder
from tests.retrain.training.attempts import Trainee
from tests.retrain.training.conftest import MakeTrainee

ROOT = Path(__file__).resolve().parents[3]
# Makes an attempt, and dies at the so-many-th call of a function, before or after it.
ATTEMPT = """
import os, signal, sys
from importlib import import_module
from pathlib import Path
from backend.services import Services
from backend.settings import Settings
from tests.retrain.training.attempts import Trainee
settings, run_id, data, base, folder, path, when, times = sys.argv[1:]
import torch
torch.set_num_threads(1)
module, _, names = path.partition(":")
*owners, name = names.split(".")
owner = import_module(module)
for each in owners:
    owner = getattr(owner, each)
whole, left = getattr(owner, name), [int(times)]

def dying(*arguments, **named):
    left[0] -= 1
    if left[0] == 0 and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    answer = whole(*arguments, **named)
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer

setattr(owner, name, dying)
services = Services.build(Settings.model_validate_json(settings))
Trainee(services, run_id, Path(data), Path(base), Path(folder)).train()
"""


@dataclass(frozen=True)
class Death:
    """Where a process dies, and how many epochs are stored by then."""

    path: str
    when: str
    times: int
    epochs: int


DEATHS = {
    # Two batches make an epoch.
    "in the second epoch": Death("retrain.training.courtesy:Courtesy.pause", "before", 4, 1),
    # The file lies beside its name, written but not yet called by it.
    "while the second checkpoint is copied": Death("backend.store.artifacts:os.fsync", "before", 3, 1),
    "before the first epoch's row": Death("retrain.training.session:store_epoch", "before", 1, 0),
    "after the second epoch's row": Death("retrain.training.session:store_epoch", "after", 2, 2),
    "before the last epoch's row": Death("retrain.training.session:store_epoch", "before", 3, 2),
    "after the last epoch's row": Death("retrain.training.session:store_epoch", "after", 3, 3),
    "while old ones are deleted": Death("backend.store.artifacts:ArtifactStore.delete", "before", 1, 2),
}
_QUICK = ("in the second epoch", "while the second checkpoint is copied")


def die(trainee: Trainee, death: Death) -> None:
    told = [trainee.run_id, trainee.data, trainee.base, trainee.folder, death.path, death.when, death.times]
    done = subprocess.run(
        [sys.executable, "-c", ATTEMPT, trainee.services.settings.model_dump_json(), *map(str, told)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == -9, done.stderr[-3000:]


@pytest.mark.parametrize(
    "death",
    [
        pytest.param(death, id=name, marks=() if name in _QUICK else pytest.mark.slow)
        for name, death in DEATHS.items()
    ],
)
def test_killed_training_is_ended_by_the_next_attempt(make_trainee: MakeTrainee, death: Death) -> None:
    trainee = make_trainee()
    die(trainee, death)
    killed = trainee.run
    assert (killed.epoch, len(trainee.epochs())) == (death.epochs, death.epochs)
    if killed.checkpoint is not None:
        for name, digest in (
            (killed.checkpoint.last, killed.checkpoint.last_digest),
            (killed.checkpoint.best, killed.checkpoint.best_digest),
        ):
            trainee.services.artifacts.fetch(name, digest=digest)
    run = trainee.train()
    assert trainee.epochs() == [1, 2, 3]
    assert run.checkpoint is not None and run.checkpoint.is_last and run.notes == ()
    left = set(trainee.services.artifacts.names(run_folder(run.id)))
    # What a killed process stored for no row goes with the run's folder at the latest.
    assert {run.checkpoint.last, run.checkpoint.best} <= left
    older = [name for name in left if "epoch-1-" in name or "epoch-2-" in name]
    assert not older or death.epochs == 3
