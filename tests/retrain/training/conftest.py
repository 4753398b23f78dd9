"""Runs to train, on data sets and weights of which each is made once."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from backend.services import Services
from backend.settings import Settings
from tests.backend.makers import MakeSettings
from tests.retrain.training.attempts import Trainee, begin_training
from tests.retrain.training.squares import write_squares

MakeTrainee = Callable[..., Trainee]


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    """Settings without Redis: a training goes on while it is down."""
    return make_settings()


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small are slower on more threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def squares_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The data set of each of ultralytics' tasks."""
    return cache(lambda task: write_squares(tmp_path_factory.mktemp(task), task=task))


@pytest.fixture
def make_trainee(
    services: Services,
    squares_of: Callable[[str], Path],
    tiny_weights_of: Callable[[str], Path],
    tmp_path: Path,
) -> MakeTrainee:
    """Make a run to train, with other settings."""

    def make(task: str = "detect", *, is_champion: bool = False, **settings: Any) -> Trainee:
        run_id = begin_training(services, **settings)
        folder = tmp_path / "machine"
        return Trainee(
            services, run_id, squares_of(task), tiny_weights_of(task), folder, task, is_champion=is_champion
        )

    return make
