"""A run in the phase of evaluation, with a model that is loaded from its file."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from backend.services import Services
from backend.settings import Settings
from backend.store.runs import claim_run, create_run
from backend.training_settings import TrainingSettings
from retrain.context import RunContext
from tests.backend.makers import MakeSettings

PROJECT = 7  # that of the snapshots
NOW = datetime(2026, 1, 1, tzinfo=UTC)

MakeContext = Callable[..., RunContext]


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    """Settings without Redis: nothing here asks for it."""
    return make_settings()


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    """Parts whose models are real."""
    with closing(Services.build(settings)) as built:
        yield built


@pytest.fixture
def make_context(services: Services, tmp_path: Path) -> MakeContext:
    """Claim a new run."""

    def make(*, is_stopping: Callable[[], bool] = lambda: False, **settings: Any) -> RunContext:
        made = TrainingSettings(**{"retrain_device": "cpu", **settings})
        with services.database.write() as session:
            run_id = create_run(session, PROJECT, reason="a test asked", settings=made, now=NOW)
        assert run_id is not None
        run = claim_run(services.database, run_id, owner="me", now=datetime.now(UTC))
        assert run is not None
        return RunContext(
            run, owner="me", services=services, folder=tmp_path / "run", is_stopping=is_stopping
        )

    return make


@pytest.fixture
def context(make_context: MakeContext) -> RunContext:
    return make_context()
