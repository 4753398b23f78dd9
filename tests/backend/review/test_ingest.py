"""Processing of project events: the newest labeling config counts, and nothing stops the rest."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from backend.entities import WebhookEvent
from backend.errors import ModelError
from backend.inference.checkpoint import Checkpoint
from backend.inference.plan import Planner
from backend.labelstudio.events import parse_event
from backend.review.account import Accountant
from backend.review.ingest import EventProcessor
from backend.services import Services
from backend.store.database import Database
from backend.store.event_log import store_event
from backend.store.projects import list_projects, store_project
from backend.store.tables import SqlEvent, SqlProject
from tests.backend.label_configs import BOXES, NO_BOXES, NO_COMMON_LABEL, SMART_ALONE
from tests.backend.makers import MakeServices, MakeSettings
from tests.backend.sam.tiny_sam import save_tiny_sam

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def planner(services: Services) -> Planner:
    return services.pipeline.planner


def arrive(database: Database, *configs: Any, project: int = 7, action: str = "PROJECT_UPDATED") -> None:
    """Store one event after another, each with its labeling config."""
    for number, config in enumerate(configs):
        payload = {"action": action, "project": {"id": project, "label_config": config}}
        store_event(database, WebhookEvent(f"{project} {action} {number}", action, project, payload), now=NOW)


def process(database: Database, planner: Planner, project: int | None) -> int:
    """Process what waits; return how many events there were."""
    return EventProcessor(database, planner, Accountant(database, lambda _: "")).process(project)


def config_of(database: Database, project: int = 7) -> str | None:
    with database.read() as session:
        return session.scalar(select(SqlProject.label_config).where(SqlProject.id == project))


def errors(database: Database) -> list[str | None]:
    """The errors of processed events, in order of arrival."""
    with database.read() as session:
        query = select(SqlEvent.error).where(SqlEvent.processed_at.is_not(None)).order_by(SqlEvent.id)
        return list(session.scalars(query))


def test_newest_config_counts(database: Database, planner: Planner, tiny_checkpoint: Checkpoint) -> None:
    arrive(database, NO_BOXES, BOXES + "<!-- old -->", BOXES)
    assert process(database, planner, 7) == 3
    assert config_of(database) == BOXES
    assert [(number, version) for number, version, _ in list_projects(database)] == [
        (7, tiny_checkpoint.version)
    ]
    assert errors(database) == [None] * 3


def test_second_run_finds_nothing_to_do(database: Database, planner: Planner) -> None:
    arrive(database, BOXES)
    assert [process(database, planner, 7) for _ in range(3)] == [1, 0, 0]


def test_more_events_than_one_batch_are_processed_in_one_run(
    database: Database, planner: Planner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.review.ingest._BATCH", 3)
    arrive(database, *[NO_BOXES] * 7, BOXES)
    assert process(database, planner, 7) == 8
    assert config_of(database) == BOXES


@pytest.mark.parametrize("config", [NO_BOXES, NO_COMMON_LABEL, "<View", ""])
def test_config_that_cannot_work_is_remembered_without_a_version(
    database: Database, planner: Planner, config: str
) -> None:
    arrive(database, config)
    assert process(database, planner, 7) == 1
    assert [(number, version) for number, version, _ in list_projects(database)] == [(7, None)]
    assert config_of(database) == config
    assert all(
        error and "labeling config" in error or "labels of" in str(error) for error in errors(database)
    )


@pytest.mark.parametrize(
    ("config", "is_for_training"),
    [
        pytest.param(BOXES, True, id="a model fills the tag"),
        pytest.param(SMART_ALONE, False, id="smart tools alone"),
        pytest.param(NO_COMMON_LABEL, None, id="cannot work"),
    ],
)
def test_newest_config_tells_whether_a_model_is_to_be_trained(
    database: Database,
    make_settings: MakeSettings,
    make_services: MakeServices,
    tmp_path: Path,
    config: str,
    is_for_training: bool | None,
) -> None:
    sam = save_tiny_sam(tmp_path / "tiny_sam.pt")
    planner = make_services(make_settings(sam_model=str(sam))).pipeline.planner
    # What was known of the config before must not outlive it.
    store_project(
        database,
        7,
        label_config="<View/>",
        model_version="v1",
        is_for_training=not is_for_training,
        now=NOW,
    )
    arrive(database, config)
    assert process(database, planner, 7) == 1
    with database.read() as session:
        assert session.get_one(SqlProject, 7).is_for_training is is_for_training


def test_missing_weights_are_noted_and_stop_nothing(
    database: Database, planner: Planner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ModelError("no such weights")

    monkeypatch.setattr(planner, "plan", refuse)
    arrive(database, BOXES)
    assert process(database, planner, 7) == 1
    assert errors(database) == ["no such weights"]


def test_other_projects_stay_in_the_inbox(database: Database, planner: Planner) -> None:
    arrive(database, BOXES)
    arrive(database, BOXES, project=8)
    assert process(database, planner, 7) == 1
    assert config_of(database, 8) is None
    assert len(errors(database)) == 1


@pytest.mark.parametrize("config", ["<View>\x00</View>", "<View a='\ud800'/>"], ids=["NUL", "half a pair"])
def test_config_that_no_database_holds_does_not_block_what_comes_after(
    database: Database, planner: Planner, config: str
) -> None:
    arrive(database, config)
    assert process(database, planner, 7) == 1
    assert len(errors(database)) == 1


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="no project"),
        pytest.param({"project": None}, id="project null"),
        pytest.param({"project": {}}, id="project empty"),
        pytest.param({"project": {"label_config": BOXES}}, id="project without an id"),
        pytest.param({"project": {"id": 7}}, id="project without a config"),
        pytest.param({"project": {"id": 7, "label_config": None}}, id="config null"),
        pytest.param({"project": {"id": 7, "label_config": [BOXES]}}, id="config a list"),
    ],
)
def test_event_that_says_nothing_of_a_config_is_done_with(
    database: Database, planner: Planner, body: dict[str, Any]
) -> None:
    event = parse_event({"action": "PROJECT_UPDATED", **body}, received_second=0)
    store_event(database, event, now=NOW)
    assert process(database, planner, event.project_id) == 1
    assert list_projects(database) == []
