"""A project's own settings win, are checked before they are stored, and can be taken away."""

from typing import Any

import pytest

from backend.errors import BadRequest
from backend.settings import Settings
from backend.store.database import Database
from backend.store.project_settings import (
    own_settings,
    project_settings,
    projects_with_own,
    set_project_settings,
)
from backend.store.training_tables import SqlProjectSetting
from tests.backend.review_rows import store_rows

PROJECT = 7


@pytest.fixture
def settings(clean_environment: None) -> Settings:
    return Settings(_env_file=None, train_epochs=12, train_batch=4)


def test_without_own_settings_those_of_all_hold(database: Database, settings: Settings) -> None:
    effective = project_settings(database, PROJECT, settings)
    assert (effective.train_epochs, effective.train_batch) == (12, 4)
    assert own_settings(database, PROJECT) == {}


def test_own_setting_wins_in_its_project_alone(database: Database, settings: Settings) -> None:
    set_project_settings(database, PROJECT, {"TRAIN_EPOCHS": 3}, settings)
    assert project_settings(database, PROJECT, settings).train_epochs == 3
    assert project_settings(database, PROJECT, settings).train_batch == 4
    assert project_settings(database, PROJECT + 1, settings).train_epochs == 12


@pytest.mark.parametrize(
    ("name", "given", "stored"),
    [
        pytest.param("TRAIN_EPOCHS", "3", 3, id="number as text"),
        pytest.param("retrain_auto", "no", False, id="truth as text, name in lower case"),
        pytest.param("TRAIN_HOURS", 1, 1.0, id="whole hours"),
        pytest.param("RETRAIN_CRON", " 0 2 * * * ", "0 2 * * *", id="times"),
        pytest.param("TRAIN_OPTIONS", "lr0=0.001,mosaic=0", "lr0=0.001,mosaic=0", id="options"),
    ],
)
def test_value_is_stored_as_what_it_means(
    database: Database, settings: Settings, name: str, given: object, stored: object
) -> None:
    set_project_settings(database, PROJECT, {name: given}, settings)
    assert own_settings(database, PROJECT) == {name.lower(): stored}


def test_changes_leave_other_own_settings_alone(database: Database, settings: Settings) -> None:
    set_project_settings(database, PROJECT, {"TRAIN_EPOCHS": 3, "TRAIN_BATCH": 2}, settings)
    effective = set_project_settings(database, PROJECT, {"TRAIN_BATCH": None, "TRAIN_IMGSZ": 64}, settings)
    assert (effective.train_epochs, effective.train_batch, effective.train_imgsz) == (3, 4, 64)
    assert own_settings(database, PROJECT) == {"train_epochs": 3, "train_imgsz": 64}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"TRAIN_EPOCHS": 0}, "TRAIN_EPOCHS.*greater than or equal to 1", id="out of range"),
        pytest.param({"RETRAIN_CRON": "daily"}, "RETRAIN_CRON.*five fields", id="no times"),
        pytest.param({"TRAIN_EPOCHS": 3, "COLOUR": "red"}, "'COLOUR' is no setting", id="unknown"),
        pytest.param({"TRAIN_EPOCHS": 3, "PORT": 80}, "'PORT' is no setting", id="of the process alone"),
        pytest.param({"COLOUR": None}, "'COLOUR' is no setting", id="unknown one taken away"),
        pytest.param({"TRAIN_EPOCHS": [3]}, "TRAIN_EPOCHS", id="a list"),
        pytest.param({"TRAIN_OPTIONS": "lr0"}, '"lr0" is no name=value', id="option without a value"),
        pytest.param(
            {"TRAIN_OPTIONS": "lr0=0.1,epochs=3"}, "set TRAIN_EPOCHS instead", id="option with a setting"
        ),
        pytest.param({"TRAIN_OPTIONS": "resume=true"}, "resume is set by the training", id="option of ours"),
        pytest.param({"RETRAIN_DEVICE": "gpu"}, "RETRAIN_DEVICE", id="no device"),
        pytest.param({"RETRAIN_DEVICE": "cuda:0,1"}, "RETRAIN_DEVICE", id="two devices"),
    ],
)
def test_one_change_that_cannot_be_used_stores_none(
    database: Database, settings: Settings, changes: dict[str, Any], message: str
) -> None:
    set_project_settings(database, PROJECT, {"TRAIN_EPOCHS": 5}, settings)
    with pytest.raises(BadRequest, match=message):
        set_project_settings(database, PROJECT, changes, settings)
    assert own_settings(database, PROJECT) == {"train_epochs": 5}


def test_setting_that_no_longer_exists_harms_nothing(database: Database, settings: Settings) -> None:
    store_rows(database, SqlProjectSetting(project_id=PROJECT, name="of_old", value=1))
    assert own_settings(database, PROJECT) == {}
    assert project_settings(database, PROJECT, settings).train_epochs == 12


def test_projects_that_have_a_setting_of_their_own_are_found(database: Database, settings: Settings) -> None:
    for project, times in [(7, "0 2 * * *"), (8, "off")]:
        set_project_settings(database, project, {"RETRAIN_CRON": times, "TRAIN_EPOCHS": 2}, settings)
    assert projects_with_own(database, "retrain_cron") == {7: "0 2 * * *", 8: "off"}
