"""What is read of a project, in which order its versions are, and what a look at it changes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete

from backend.alerts.check import judge_project, judge_projects
from backend.alerts.entities import AlertKind
from backend.alerts.facts import read_facts
from backend.alerts.rules import RECENT_WEEKS
from backend.errors import NotFound
from backend.review.entities import Tally
from backend.settings import Settings
from backend.stats.change import Drift, Measure, Verdict
from backend.store.alerts import list_alerts
from backend.store.database import Database
from backend.store.ledger_tables import SqlSync
from backend.store.projects import store_project
from backend.store.report_tables import SqlStoredReport
from backend.store.runs import claim_run, create_run, end_run
from backend.store.stored_reports import store_report
from backend.store.training_tables import SqlProjectSetting, SqlSnapshot, SqlTrainedVersion
from backend.training.entities import RunState
from backend.training_settings import TrainingSettings
from tests.backend.alerts.drift_reports import drift, report
from tests.backend.makers import MakeSettings
from tests.backend.report import makers
from tests.backend.review_rows import NOON, PROJECT, log_predictions, open_task, store_rows, viewed_task
from tests.backend.tallies import MONDAY, know_project, store_tallies

LATER = NOON + timedelta(days=40)
DIGEST = "ab" * 32


def finish_run(database: Database, state: RunState, *, project_id: int = PROJECT, error: str = "") -> str:
    """Make a run that ends in this state."""
    with database.write() as session:
        run_id = create_run(session, project_id, reason="asked", settings=TrainingSettings(), now=NOON)
    assert run_id is not None and claim_run(database, run_id, owner="me", now=NOON)
    with database.write() as session:
        end_run(session, run_id, state, owner="me", now=NOON, error=error or None)
    return run_id


def store_version(database: Database, version: str, number: int) -> None:
    row = SqlTrainedVersion(
        version=version,
        project_id=PROJECT,
        number=number,
        run_id=finish_run(database, RunState.DONE),
        snapshot=DIGEST,
        controls=["label"],
        state="candidate",
        comparison={},
        created_at=NOON,
    )
    store_rows(database, row)


@pytest.fixture
def snapshot(database: Database) -> None:
    kept: dict[str, Any] = {"task": "detect", "labels": [], "counts": {}, "warnings": []}
    store_rows(database, SqlSnapshot(digest=DIGEST, project_id=PROJECT, created_at=NOON, **kept))


def test_unknown_project_is_not_found(database: Database) -> None:
    with pytest.raises(NotFound):
        read_facts(database, PROJECT)


def test_new_project_has_no_facts(database: Database) -> None:
    know_project(database)
    facts = read_facts(database, PROJECT)
    assert (facts.waiting, facts.waiting_since, facts.reviewed_at, facts.is_gone) == (0, None, None, False)
    assert (facts.in_service, facts.recent, facts.versions, facts.runs) == (None, None, (), ())


def test_tasks_that_wait_and_the_last_review_are_read(database: Database) -> None:
    know_project(database)
    store_rows(
        database,
        open_task(1),
        open_task(2),
        open_task(3, deleted_at=NOON),
        open_task(4, project_id=8),
        viewed_task(5, reviewed_at=NOON - timedelta(days=2)),
        viewed_task(6, reviewed_at=NOON - timedelta(days=1)),
        viewed_task(7, reviewed_at=NOON, deleted_at=NOON),
    )
    facts = read_facts(database, PROJECT)
    assert (facts.waiting, facts.reviewed_at) == (2, NOON - timedelta(days=1))


@pytest.mark.parametrize(
    ("task", "since"), [pytest.param(1, NOON, id="waits"), pytest.param(5, None, id="viewed")]
)
def test_wait_begins_with_the_first_prediction_of_a_task_that_waits(
    database: Database, task: int, since: datetime | None
) -> None:
    know_project(database)
    store_rows(database, open_task(1), viewed_task(5))
    log_predictions(database, [(task, 1)])
    assert read_facts(database, PROJECT).waiting_since == since


def test_project_that_label_studio_deleted_is_gone(database: Database) -> None:
    know_project(database)
    counts = dict.fromkeys(("cursor", "tasks", "annotations", "missing", "changed", "deleted"), 0)
    store_rows(database, SqlSync(project_id=PROJECT, gone_at=NOON, **counts))
    assert read_facts(database, PROJECT).is_gone


@pytest.mark.parametrize(
    ("newest", "weeks", "regions"),
    [
        pytest.param(40, RECENT_WEEKS - 1, 40 + 31, id="the last four weeks"),
        pytest.param(40, RECENT_WEEKS, 40, id="without the one before them"),
        pytest.param(29, RECENT_WEEKS, 29 + 31, id="with it, where they hold too few regions"),
    ],
)
def test_last_weeks_of_the_version_in_service_are_read_apart(
    database: Database, newest: int, weeks: int, regions: int
) -> None:
    store_project(database, PROJECT, label_config="<View/>", model_version="v1", now=NOON)
    last = MONDAY + timedelta(weeks=9)
    store_tallies(database, 1, {"cat": Tally(kept=90)}, week=MONDAY)
    store_tallies(database, 2, {"cat": Tally(added=31)}, week=last - timedelta(weeks=weeks))
    store_tallies(database, 3, {"cat": Tally(added=newest)}, week=last)
    store_tallies(database, 4, {"cat": Tally(kept=9)}, week=last, version="v0")
    store_tallies(database, 5, {"cat": Tally(kept=9)}, week=last + timedelta(weeks=8), is_blind=True)
    recent = read_facts(database, PROJECT).recent
    assert recent is not None and recent.f1 is not None
    assert (recent.version, recent.regions, recent.f1.value) == ("v1", regions, 0)
    assert recent.since == (last if regions == newest else last - timedelta(weeks=weeks))


def test_version_that_is_young_is_judged_by_all_there_is(database: Database) -> None:
    store_project(database, PROJECT, label_config="<View/>", model_version="v1", now=NOON)
    store_tallies(database, 1, {"cat": Tally(kept=1, added=3)})
    recent = read_facts(database, PROJECT).recent
    assert recent is not None and (recent.since, recent.regions) == (MONDAY, 4)


def test_version_with_blind_tasks_alone_has_no_figures_of_late(database: Database) -> None:
    store_project(database, PROJECT, label_config="<View/>", model_version="v1", now=NOON)
    store_tallies(database, 1, {"cat": Tally(kept=1)}, is_blind=True)
    assert read_facts(database, PROJECT).recent is None


@pytest.mark.usefixtures("snapshot")
def test_versions_are_ordered_with_those_of_no_run_first(database: Database) -> None:
    store_project(database, PROJECT, label_config="<View/>", model_version="second+other", now=NOON)
    store_version(database, "first", 1)
    store_version(database, "second", 2)
    tally = Tally(kept=3, deleted=1, added=2)
    for number, name in enumerate(("second+other", "base", "first"), start=1):
        store_tallies(database, number, {"car": tally}, version=name)
    store_tallies(database, 9, {"car": Tally(kept=100)}, version="first", is_blind=True)
    facts = read_facts(database, PROJECT)
    assert facts.in_service == "second+other"
    assert [(each.version, each.is_trained) for each in facts.versions] == [
        ("base", False),
        ("first", True),
        ("second+other", True),
    ]
    # Blind tasks stay apart.
    assert {each.regions for each in facts.versions} == {6}
    assert {each.f1 and round(each.f1.value, 3) for each in facts.versions} == {round(6 / 9, 3)}


@pytest.fixture
def idle(database: Database) -> None:
    """A project that nobody has reviewed for 40 days."""
    know_project(database)
    store_rows(database, open_task(1), viewed_task(5))


@pytest.mark.usefixtures("idle")
def test_alert_is_raised_and_resolved_once(database: Database, settings: Settings) -> None:
    assert [judge_projects(database, settings, now=LATER) for _ in range(3)] == [1, 0, 0]
    (alert,) = list_alerts(database, is_open=True)
    assert (alert.kind, alert.project_id, alert.raised_at) == (AlertKind.NO_REVIEWS, PROJECT, LATER)
    store_rows(database, viewed_task(6, reviewed_at=LATER))
    assert [judge_projects(database, settings, now=LATER) for _ in range(3)] == [1, 0, 0]
    (alert,) = list_alerts(database)
    assert not alert.is_open and alert.resolved_message


def test_failed_run_is_told_until_another_one_is_done(database: Database, settings: Settings) -> None:
    know_project(database)
    finish_run(database, RunState.FAILED, error="CUDA is gone")
    judge_projects(database, settings, now=NOON)
    (alert,) = list_alerts(database, is_open=True)
    assert alert.kind == AlertKind.RUN_FAILED and "CUDA is gone" in alert.message


def test_projects_are_judged_apart(database: Database, settings: Settings) -> None:
    for project_id in (7, 8, 9):
        know_project(database, project_id)
    finish_run(database, RunState.FAILED, project_id=8)
    finish_run(database, RunState.FAILED, project_id=9)
    assert judge_project(database, settings, 8, now=NOON) == 1
    assert [alert.project_id for alert in list_alerts(database)] == [8]
    assert judge_projects(database, settings, now=NOON) == 1


@pytest.mark.usefixtures("idle")
def test_limits_of_the_settings_hold(database: Database, make_settings: MakeSettings) -> None:
    assert judge_projects(database, make_settings(alert_idle_days=0), now=LATER) == 0
    assert judge_projects(database, make_settings(alert_idle_days=41), now=LATER) == 0
    assert judge_projects(database, make_settings(alert_idle_days=39), now=LATER) == 1


@pytest.mark.usefixtures("idle")
def test_settings_of_the_project_itself_win(database: Database, settings: Settings) -> None:
    store_rows(database, SqlProjectSetting(project_id=PROJECT, name="alert_idle_days", value=0))
    assert judge_projects(database, settings, now=LATER) == 0


def test_project_that_cannot_be_judged_harms_no_other(
    database: Database, settings: Settings, read_log: Callable[[], str]
) -> None:
    for project_id in (7, 8):
        know_project(database, project_id)
        finish_run(database, RunState.FAILED, project_id=project_id)
    store_rows(database, SqlProjectSetting(project_id=7, name="alert_falls", value="many"))
    assert judge_projects(database, settings, now=NOON) == 1
    assert [alert.project_id for alert in list_alerts(database)] == [8]
    assert "ALERT_FALLS" in read_log()


def keep_report(database: Database, *changes: Drift, days: int = 0) -> None:
    """Keep a report in which these measures have changed, made so many days after noon."""
    made = replace(makers.make_report(PROJECT), made_at=NOON + timedelta(days=days), drift=report(*changes))
    store_report(database, made, basis="", seconds=0.1)


def open_messages(database: Database) -> list[str]:
    return [alert.message for alert in list_alerts(database, is_open=True)]


def test_drift_is_what_the_kept_report_says(database: Database) -> None:
    know_project(database)
    assert read_facts(database, PROJECT).drift is None
    keep_report(database, drift(Measure.SIZE, Verdict.LARGE))
    assert read_facts(database, PROJECT).drift == report(drift(Measure.SIZE, Verdict.LARGE))


def test_each_measure_has_an_alert_that_ends_by_itself(database: Database, settings: Settings) -> None:
    know_project(database)
    size, light = drift(Measure.SIZE, Verdict.LARGE), drift(Measure.BRIGHTNESS, Verdict.MODERATE)
    keep_report(database, size, light)
    assert [judge_projects(database, settings, now=NOON) for _ in range(3)] == [2, 0, 0]
    assert {alert.kind for alert in list_alerts(database)} == {AlertKind.DRIFT}
    keep_report(database, light, days=1)
    assert [judge_projects(database, settings, now=LATER) for _ in range(3)] == [1, 0, 0]
    (message,) = open_messages(database)
    assert "brightness" in message


def test_alert_about_drift_stays_without_a_report_and_ends_where_it_is_not_watched(
    database: Database, settings: Settings, make_settings: MakeSettings
) -> None:
    know_project(database)
    keep_report(database, drift(Measure.SIZE, Verdict.LARGE))
    judge_projects(database, settings, now=NOON)
    with database.write() as session:
        session.execute(delete(SqlStoredReport))
    assert judge_projects(database, settings, now=LATER) == 0 and len(open_messages(database)) == 1
    assert judge_projects(database, make_settings(alert_drift=False), now=LATER) == 1
    assert open_messages(database) == []
    assert "ALERT_DRIFT" in str(list_alerts(database)[0].resolved_message)
