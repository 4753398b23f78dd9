"""Every change that a report shows makes it old, and nothing else does."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from backend.report.basis import basis_of
from backend.review.entities import Tally
from backend.settings import Settings
from backend.store.base import SqlBase
from backend.store.database import Database
from backend.store.ledger_tables import SqlAnnotation
from backend.store.project_settings import project_settings, set_project_settings
from backend.store.projects import store_project
from backend.store.training_tables import SqlPromotion
from tests.backend.makers import MakeSettings
from tests.backend.review_rows import open_task
from tests.backend.tallies import PROJECT, know_project, store_tallies

NOW = datetime(2026, 3, 2, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def read_basis(database: Database, settings: Settings, *, now: datetime = NOW) -> str:
    return basis_of(database, PROJECT, project_settings(database, PROJECT, settings), now=now)


def add(database: Database, row: SqlBase) -> None:
    with database.write() as session:
        session.add(row)


def delete_annotation(database: Database) -> None:
    with database.write() as session:
        session.execute(update(SqlAnnotation).where(SqlAnnotation.id == 1).values(deleted_at=NOW))


def promotion() -> SqlPromotion:
    return SqlPromotion(project_id=PROJECT, reason="", prelabel="none", promoted_at=NOW)


@pytest.fixture(autouse=True)
def project(database: Database) -> None:
    know_project(database)
    store_tallies(database, 1, {"cat": Tally(kept=3)})


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda d: store_tallies(d, 2, {"cat": Tally(kept=1)}), id="an annotation"),
        pytest.param(delete_annotation, id="an annotation that is deleted"),
        pytest.param(lambda d: add(d, open_task(5)), id="a task"),
        pytest.param(lambda d: add(d, promotion()), id="a promotion"),
        pytest.param(
            lambda d: store_project(d, PROJECT, label_config="<View/>", model_version="v2", now=NOW),
            id="another version that serves",
        ),
    ],
)
def test_change_of_what_is_stored_changes_the_basis(
    database: Database, settings: Settings, change: Callable[[Database], None]
) -> None:
    before = read_basis(database, settings)
    change(database)
    assert read_basis(database, settings) != before


def test_setting_of_the_project_changes_the_basis(database: Database, settings: Settings) -> None:
    before = read_basis(database, settings)
    set_project_settings(database, PROJECT, {"TARGET_F1": 0.9}, settings)
    assert read_basis(database, settings) != before


def test_setting_of_all_projects_changes_the_basis(
    database: Database, settings: Settings, make_settings: MakeSettings
) -> None:
    assert read_basis(database, settings) != read_basis(database, make_settings(target_f1=0.9))


def test_another_day_changes_the_basis(database: Database, settings: Settings) -> None:
    assert read_basis(database, settings, now=NOW + timedelta(days=1)) != read_basis(database, settings)


def test_time_alone_changes_nothing(database: Database, settings: Settings) -> None:
    assert read_basis(database, settings, now=LATER) == read_basis(database, settings)
