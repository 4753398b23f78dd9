"""Projects with reviewed tasks, and runs that have ended, for tests of when a run is due."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from backend.store.database import Database
from backend.store.projects import store_project
from backend.store.runs import claim_run, create_run, end_run
from backend.training.entities import RunState
from backend.training_settings import TrainingSettings
from tests.backend.review_rows import NOON, PROJECT, store_rows, viewed_task

NOW = NOON + timedelta(hours=1)


def review(database: Database, tasks: Iterable[int], **changes: Any) -> None:
    """Store viewed tasks of a project of which nobody knows whether a model is to be trained for it.

    In each task four regions are corrected unless `changes` says otherwise.
    """
    project = changes.get("project_id", PROJECT)
    store_project(database, project, label_config="<View/>", model_version=None, now=NOON)
    store_rows(database, *(viewed_task(task, **changes) for task in tasks))


def plan_for(database: Database, *, is_for_training: bool | None) -> None:
    """Store whether a model is to be trained for the project, as its setup does."""
    store_project(
        database,
        PROJECT,
        label_config="<View/>",
        model_version="sam-0a1b2c3d",
        is_for_training=is_for_training,
        now=NOON,
    )


def begin(database: Database, *, project: int = PROJECT, now: datetime = NOW) -> str:
    """Begin a run; return its id."""
    with database.write() as session:
        run_id = create_run(session, project, reason="a test", settings=TrainingSettings(), now=now)
    assert run_id is not None
    return run_id


def end(database: Database, run_id: str, *, state: RunState = RunState.DONE, now: datetime = NOW) -> None:
    """End a run that nobody works on."""
    assert claim_run(database, run_id, owner="me", now=now) is not None
    with database.write() as session:
        end_run(session, run_id, state, owner="me", now=now)
