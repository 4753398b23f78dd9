"""A run that takes a snapshot, on each kind of database, of a project that Label Studio knows or not."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from backend.services import Services
from backend.settings import Settings
from backend.store.projects import store_project
from backend.store.runs import claim_run, create_run
from backend.training_settings import TrainingSettings
from retrain.context import RunContext
from tests.backend.image_server import ImageServer
from tests.backend.makers import MakeServices, MakeSettings
from tests.backend.pictures import png
from tests.backend.review.events import PROJECT

CONFIG = """<View>
  <Image name="image" value="$image"/>
  <RectangleLabels name="label" toName="image"><Label value="car"/><Label value="person"/></RectangleLabels>
</View>"""

MakeContext = Callable[..., RunContext]


@pytest.fixture
def settings(make_settings: MakeSettings, database_address: str) -> Settings:
    """Settings of a server that has no token for Label Studio."""
    return make_settings(database_url=database_address, label_studio_api_key=SecretStr(""))


@pytest.fixture
def services(make_services: MakeServices, settings: Settings) -> Iterator[Services]:
    made = make_services(settings)
    store_project(made.database, PROJECT, label_config=CONFIG, model_version=None, now=datetime.now(UTC))
    yield made


@pytest.fixture
def make_context(services: Services, tmp_path: Path) -> MakeContext:
    """Begin an attempt at a run; a second one goes on with the same run."""

    def make(of: Services = services, **changes: Any) -> RunContext:
        wanted = TrainingSettings(**{"retrain_min_examples": 4, **changes})
        now = datetime.now(UTC)
        with of.database.write() as session:
            run_id = create_run(session, PROJECT, reason="test", settings=wanted, now=now)
            assert run_id is not None, "end the run before another one begins"
        run = claim_run(of.database, run_id, owner="test", now=now)
        assert run is not None
        return RunContext(run, owner="test", services=of, folder=tmp_path / "run")

    return make


@pytest.fixture
def pictures(image_server: ImageServer) -> ImageServer:
    """Where the tasks' images are; each differs from the others."""
    for task in range(1, 41):
        image_server.serve(f"/data/upload/{task}.jpg", png(40, 20, seed=task))
    return image_server
