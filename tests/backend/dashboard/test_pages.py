"""What the pages of all projects and of one project show."""

import pytest

from backend.dashboard.pages import find_chart, read_project_page, shares_of
from backend.dashboard.project_list import read_project_list
from backend.errors import NotFound
from backend.registry.move import move_champion
from backend.services import Services
from backend.store.alerts import raise_alert, resolve_alert
from backend.store.database import Database
from backend.store.decisions import store_decision
from backend.store.projects import store_project
from backend.store.report_tables import SqlStoredReport
from backend.store.stored_reports import store_report
from backend.store.versions import list_trained
from backend.training.entities import Verdict
from backend.training.policy import Decision
from tests.backend.dashboard.makers import (
    ALERT,
    TAKEN,
    VIEWED,
    WAITING,
    store_dashboard_project,
    store_version,
)
from tests.backend.report.makers import NOW, VERSIONS, make_report
from tests.backend.review_rows import NOON, open_task, store_rows, viewed_task


def add_project(database: Database, project_id: int, version: str | None = VERSIONS[0]) -> None:
    store_project(database, project_id, label_config="<View/>", model_version=version, now=NOW)


def test_list_counts_what_each_project_has(database: Database) -> None:
    add_project(database, 1)
    add_project(database, 2)
    store_report(database, make_report(1), basis="a", seconds=1.0)
    store_rows(
        database,
        open_task(1, project_id=1),
        open_task(2, project_id=1, deleted_at=NOON),
        viewed_task(3, project_id=1),
        open_task(4, project_id=2),
    )
    with database.write() as session:
        for key in ("open", "over"):
            raise_alert(session, project_id=1, kind="run_failed", key=key, message="It failed.", now=NOON)
        resolve_alert(session, project_id=1, kind="run_failed", key="over", message="It works.", now=NOON)
    other, scenes = read_project_list(database)
    assert (scenes.id, scenes.title, scenes.version) == (1, "Street scenes", VERSIONS[0])
    assert (scenes.tasks, scenes.waiting, scenes.alerts, scenes.reviewed_at) == (2, 1, 1, NOON)
    assert scenes.f1 == make_report(1).quality.versions[0].corrected.f1
    assert (other.id, other.title, other.f1) == (2, "Project 2", None)
    assert (other.tasks, other.waiting, other.alerts, other.reviewed_at) == (1, 1, 0, None)


def test_listed_f1_is_that_of_the_version_in_service(database: Database) -> None:
    add_project(database, 1, VERSIONS[1])
    report = make_report(1)
    store_report(database, report, basis="a", seconds=1.0)
    (listed,) = read_project_list(database)
    assert listed.f1 == report.quality.versions[1].corrected.f1 != report.quality.versions[0].corrected.f1


@pytest.mark.parametrize(
    "version",
    [pytest.param(None, id="nothing serves"), pytest.param("project-1-v4-d4d4d4d4", id="not reviewed yet")],
)
def test_version_without_reviews_has_no_f1(database: Database, version: str | None) -> None:
    add_project(database, 1, version)
    store_report(database, make_report(1), basis="a", seconds=1.0)
    (listed,) = read_project_list(database)
    assert listed.f1 is None


def test_report_of_another_version_of_the_program_leaves_the_list_whole(database: Database) -> None:
    add_project(database, 1)
    body = {"title": "Old", "quality": {"versions": "unlike"}}
    row = SqlStoredReport(project_id=1, basis="a", made_at=NOW, seconds=1.0, body=body)
    store_rows(database, row)
    (listed,) = read_project_list(database)
    assert (listed.title, listed.f1) == ("Old", None)


def test_page_shows_what_is_stored_of_the_project(services: Services) -> None:
    report = store_dashboard_project(services)
    page = read_project_page(services, 1)
    assert (page.title, page.version) == ("Street scenes", VERSIONS[0])
    assert page.report == report
    assert [(each.word, each.count) for each in page.states] == [
        ("waiting", WAITING),
        ("reviewed, not yet trained on", VIEWED),
        ("trained on", TAKEN),
    ]
    assert page.run is not None and page.run_words == "training"
    assert [alert.message for alert in page.alerts] == [ALERT]
    assert [(entry.who, entry.is_done) for entry in page.audit] == [("ada", False), ("ada", True)]
    assert page.label_studio == f"{services.settings.label_studio_url}/projects/1/data"


def test_first_figures_are_those_of_the_version_in_service(services: Services) -> None:
    report = store_dashboard_project(services)
    own = report.quality.versions[0]
    corrected, blind, _ = read_project_page(services, 1).tiles
    assert (corrected.estimate, corrected.basis) == (own.corrected.f1, "120 reviewed tasks")
    assert (blind.estimate, blind.basis) == (own.blind.f1, "12 blind tasks")


@pytest.mark.parametrize("champion", VERSIONS[:2])
def test_figure_on_test_images_is_that_of_the_version_in_service(services: Services, champion: str) -> None:
    report = store_dashboard_project(services, champion=champion)
    tile = read_project_page(services, 1).tiles[-1]
    (serving,) = (each for each in list_trained(services.database, 1) if each.version == champion)
    assert tile.estimate is not None and tile.estimate.value == serving.comparison.challenger.f1
    assert 0 < tile.estimate.low < tile.estimate.value < tile.estimate.high < 1
    assert (tile.name, tile.basis) == ("F1 on test images", "12 images; the goal is 0.85")
    assert report.outlook.now is not None and tile.estimate.value != report.outlook.now.value


def test_weights_of_the_settings_have_no_figure_on_test_images(services: Services) -> None:
    store_dashboard_project(services)
    with services.database.write() as session:
        move_champion(session, 1, None, reason="worse at night", prelabel=False, now=NOW)
    tile = read_project_page(services, 1).tiles[-1]
    assert (tile.estimate, tile.basis) == (None, "the model in service was not measured")


@pytest.mark.parametrize("has_served", [True, False])
def test_going_back_is_offered_where_something_served_before(services: Services, has_served: bool) -> None:
    add_project(services.database, 1)
    store_version(services.database, 1, 2, VERSIONS[1], parent=None)
    if has_served:
        with services.database.write() as session:
            move_champion(session, 1, VERSIONS[1], reason="not worse", prelabel=False, now=NOW)
    assert read_project_page(services, 1).can_roll_back == has_served


@pytest.mark.parametrize("verdict", list(Verdict))
def test_version_that_was_turned_down_is_not_offered(services: Services, verdict: Verdict) -> None:
    add_project(services.database, 1)
    store_version(services.database, 1, 2, VERSIONS[1], parent=None)
    store_version(services.database, 1, 3, VERSIONS[0], parent=None, verdict=verdict)
    offered = VERSIONS[1] if verdict == Verdict.REJECT else VERSIONS[0]
    assert read_project_page(services, 1).promotable == offered


def test_project_without_versions_says_why_none_was_trained(services: Services) -> None:
    add_project(services.database, 1)
    why = "Runs begin only when asked for (RETRAIN_AUTO is false)."
    with services.database.write() as session:
        store_decision(session, 1, Decision(False, why), now=NOW)
    page = read_project_page(services, 1)
    for key in ("versions-list", "runs-list", "quality-test"):
        assert why in find_chart(page.charts, key).empty


@pytest.mark.parametrize(
    ("champion", "promotable"),
    [
        pytest.param(VERSIONS[0], None, id="the newest serves"),
        pytest.param(VERSIONS[1], VERSIONS[0], id="one before it serves"),
    ],
)
def test_newest_version_is_offered_unless_it_serves(
    services: Services, champion: str, promotable: str | None
) -> None:
    store_dashboard_project(services, champion=champion)
    assert read_project_page(services, 1).promotable == promotable


def test_rows_lead_to_label_studio_and_to_our_pages(services: Services) -> None:
    store_dashboard_project(services)
    page = read_project_page(services, 1)
    links = {
        address
        for section in page.sections
        for chart in section.charts
        for address in (chart.table.links or {}).values()
    }
    assert f"{services.settings.label_studio_url}/projects/1/data?task=500" in links
    assert f"/dashboard/projects/1/versions/{VERSIONS[0]}" in links
    assert "/dashboard/projects/1/annotators/5" in links
    assert any(address.startswith("/dashboard/runs/") for address in links)


def test_keys_of_charts_are_all_different(services: Services) -> None:
    store_dashboard_project(services)
    page = read_project_page(services, 1)
    keys = [chart.key for section in page.sections for chart in section.charts]
    assert len(keys) == len(set(keys)) > 10
    assert find_chart(page.charts, keys[3]).key == keys[3]


def test_chart_that_is_not_there_is_told_with_those_that_are(services: Services) -> None:
    store_dashboard_project(services)
    page = read_project_page(services, 1)
    with pytest.raises(NotFound, match=page.sections[0].charts[0].key):
        find_chart(page.charts, "pie")


def test_unknown_project_has_no_page(services: Services) -> None:
    with pytest.raises(NotFound, match="Project 9 is not known"):
        read_project_page(services, 9)


def test_shares_follow_each_other_and_fill_the_whole() -> None:
    first, second, third = shares_of({"a": 1, "b": 0, "c": 3})
    assert (first.start, first.share) == (0, 0.25)
    assert (second.start, second.share) == (0.25, 0)
    assert (third.start, third.share) == (0.25, 0.75)


def test_shares_of_nothing_are_nothing() -> None:
    assert [each.share for each in shares_of({"a": 0, "b": 0})] == [0, 0]
