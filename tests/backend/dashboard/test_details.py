"""What pages of one version, run, annotator and list of suspected errors are given to show."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from backend.dashboard.detail_tables import corrected_classes, disputed_tasks
from backend.dashboard.details import (
    UNKNOWN_ANNOTATOR,
    Ancestor,
    RunPage,
    project_title,
    read_annotator_page,
    read_run_page,
    read_version_page,
)
from backend.dashboard.entities import Links
from backend.dashboard.suspects import ON_A_PAGE, frames_of, read_suspects
from backend.errors import BadRequest, NotFound
from backend.services import Services
from backend.stats.label_errors import ErrorKind
from backend.stats.task_agreement import Rater, RaterKind
from backend.store.database import Database
from backend.store.runs import active_run, end_run
from backend.store.stored_reports import store_report
from backend.store.training_tables import SqlTrainedVersion
from backend.training.entities import Phase, RunState, TrainingRun
from tests.backend.dashboard.makers import PROJECT, store_dashboard_project
from tests.backend.dashboard.reports import training_run
from tests.backend.report.makers import NOW, VERSIONS, make_report
from tests.backend.tallies import know_project
from tests.backend.training.projects import begin

CHAMPION, OLD, SETTINGS = VERSIONS
REPORT = make_report(PROJECT)


@pytest.fixture
def project(services: Services) -> Services:
    store_dashboard_project(services)
    return services


def run_page(run: TrainingRun) -> RunPage:
    return RunPage(run, project="Street scenes", facts={}, progress=0.4, charts=())


def with_errors(services: Services, count: int, **changes: object) -> None:
    """Let the report have so many suspected errors of one kind."""
    first = replace(REPORT.label_errors.errors[0], **changes)  # type: ignore[arg-type]
    errors = tuple(replace(first, task_id=1000 + number) for number in range(count))
    counts = {kind: 0 for kind in ErrorKind} | {ErrorKind.MISSING: count + 5}
    label_errors = replace(REPORT.label_errors, errors=errors, counts=counts)
    later = replace(REPORT, label_errors=label_errors, made_at=NOW + timedelta(minutes=1))
    store_report(services.database, later, basis="", seconds=0)


def test_champion_is_in_service_and_cannot_be_promoted(project: Services) -> None:
    page = read_version_page(project, PROJECT, CHAMPION)
    assert (page.is_serving, page.is_promotable) == (True, False)
    assert page.lineage == (Ancestor(OLD, has_page=True),) and page.can_roll_back
    assert [move.version for move in page.promotions] == [CHAMPION]
    assert page.verdict == ("good enough for service", "good") and page.state == ("in service", "good")


def test_version_has_learnt_from_the_images_that_were_not_kept_out(project: Services) -> None:
    page = read_version_page(project, PROJECT, CHAMPION)
    assert page.listed is not None
    assert (page.learnt_from, page.listed.images) == (150, 180)


@pytest.mark.parametrize(
    ("base", "has_page"),
    [
        pytest.param(SETTINGS, True, id="corrected by people"),
        pytest.param("yolo11s-1b1b1b1b", False, id="never seen"),
    ],
)
def test_base_has_a_page_where_something_is_known_of_it(project: Services, base: str, has_page: bool) -> None:
    with project.database.write() as session:
        session.get_one(SqlTrainedVersion, OLD).parent = base
    assert read_version_page(project, PROJECT, OLD).lineage == (Ancestor(base, has_page),)
    assert read_version_page(project, PROJECT, CHAMPION).lineage[1:] == (Ancestor(base, has_page),)


def test_version_before_it_can_be_promoted_and_has_no_parent(project: Services) -> None:
    page = read_version_page(project, PROJECT, OLD)
    assert (page.is_serving, page.is_promotable, page.lineage, page.promotions) == (False, True, (), ())


def test_weights_of_the_settings_have_figures_alone(project: Services) -> None:
    page = read_version_page(project, PROJECT, SETTINGS)
    assert page.listed is None and page.quality is not None
    assert (page.is_promotable, page.verdict[0]) == (False, "not decided")
    assert [chart.key for chart in page.charts] == ["version-corrections"]


def test_unknown_version_is_not_found(project: Services) -> None:
    with pytest.raises(NotFound, match="no version 'v9'"):
        read_version_page(project, PROJECT, "v9")


def test_version_of_another_project_is_not_found(project: Services) -> None:
    know_project(project.database, 2)
    with pytest.raises(NotFound):
        read_version_page(project, 2, CHAMPION)


def test_run_tells_how_long_it_took_and_will_take(project: Services) -> None:
    run = active_run(project.database, PROJECT)
    assert run is not None
    page = read_run_page(project, run.id, now=NOW + timedelta(minutes=5))
    assert page.facts == {
        "State": "training",
        "Epochs": "12 of at most 30",
        "Time so far": "5:00",
        "Time left": "about 5:00",
    }
    assert (page.progress, page.is_over, page.project) == (0.4, False, "Street scenes")


def test_ended_run_has_no_time_left(project: Services) -> None:
    run = active_run(project.database, PROJECT)
    assert run is not None
    with project.database.write() as session:
        end_run(session, run.id, RunState.FAILED, owner="maker", now=NOW + timedelta(minutes=7))
    page = read_run_page(project, run.id, now=NOW + timedelta(days=1))
    assert page.is_over
    assert (page.facts["Time so far"], page.facts["Time left"]) == ("7:00", "none")


def test_run_of_a_project_without_a_report_has_the_projects_number(services: Services) -> None:
    page = read_run_page(services, begin(services.database, project=2, now=NOW), now=NOW)
    assert (page.project, page.facts["Time so far"]) == ("Project 2", "not begun")


def test_title_is_the_reports(database: Database) -> None:
    assert project_title(database, PROJECT) == f"Project {PROJECT}"
    store_report(database, REPORT, basis="", seconds=0)
    assert project_title(database, PROJECT) == "Street scenes"


def test_annotator_has_own_errors_disputed_tasks_and_standing(project: Services) -> None:
    page = read_annotator_page(project, PROJECT, "7")
    assert (page.name, len(page.errors)) == ("Edsger Wybe", 4)
    assert page.standing is not None and page.standing.is_unlike
    assert page.charts[-1].key == "annotator-disputed" and page.charts[-1].table.rows
    assert read_annotator_page(project, PROJECT, "5").errors == ()


@pytest.mark.parametrize("annotator", ["99", UNKNOWN_ANNOTATOR, "Ada Byron", ""])
def test_unknown_annotator_is_not_found(project: Services, annotator: str) -> None:
    with pytest.raises(NotFound):
        read_annotator_page(project, PROJECT, annotator)


@pytest.mark.parametrize(
    "change",
    [
        {"is_cancel_asked": True},
        {"phase": Phase.EVALUATE},
        {"error": "No image could be read.", "state": RunState.QUEUED},
        {"retry_at": NOW},
        {"notes": ("The batch was halved.",)},
        {"warnings": ("2 images are the same.",)},
        {"verdict_reasons": ("Not worse.",)},
        {"device": "cuda:0"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_mark_of_a_run_is_another_where_more_than_its_figures_is(change: dict[str, Any]) -> None:
    run = training_run(state=RunState.RUNNING, phase=Phase.TRAIN, finished_at=None, verdict_reasons=())
    assert run_page(replace(run, **change)).mark != run_page(run).mark
    assert run_page(replace(run, epoch=13, seconds=990.0)).mark == run_page(run).mark


def test_disputed_tasks_are_those_of_one_person_with_who_disagrees() -> None:
    links = Links(task=lambda task: f"/task/{task}")
    chart = disputed_tasks(REPORT, Rater(RaterKind.ANNOTATOR, 7), links)
    assert [row[0] for row in chart.table.rows] == [100, 103, 106, 109]
    assert chart.table.rows[0][-1] == "Ada Byron, grace@example.org"
    assert chart.table.links == {place: f"/task/{row[0]}" for place, row in enumerate(chart.table.rows)}
    assert disputed_tasks(REPORT, Rater(RaterKind.ANNOTATOR, 99), Links()).table.rows == ()


def test_classes_of_a_version_are_those_of_its_corrections() -> None:
    quality = REPORT.quality.versions[0]
    rows = corrected_classes(quality).table.rows
    assert [row[0] for row in rows] == ["car", "person"]
    precision = quality.labels[0].corrected.precision
    assert precision is not None and rows[0][2] == precision.value
    assert corrected_classes(None).table.rows == ()


def test_errors_come_by_the_page_and_beyond_the_last_is_the_last(project: Services) -> None:
    with_errors(project, 2 * ON_A_PAGE + 1)
    pages = [read_suspects(project, PROJECT, number=number) for number in (1, 2, 3, 4)]
    assert [len(page.suspects) for page in pages] == [ON_A_PAGE, ON_A_PAGE, 1, 1]
    assert [(page.number, page.pages) for page in pages] == [(1, 3), (2, 3), (3, 3), (3, 3)]
    tasks = [suspect.error.task_id for page in pages[:3] for suspect in page.suspects]
    assert tasks == list(range(1000, 1000 + 2 * ON_A_PAGE + 1))


def test_addresses_keep_what_was_asked_for(project: Services) -> None:
    page = read_suspects(project, PROJECT, kind="missing label", annotator=7)
    home = f"/dashboard/projects/{PROJECT}/label-errors"
    assert page.address(page=2) == f"{home}?kind=missing+label&annotator=7&page=2"
    assert page.address(kind="", annotator="", page=1) == home


def test_counts_are_those_of_whom_is_asked_for(project: Services) -> None:
    first, *others = REPORT.label_errors.errors
    errors = (replace(first, annotator=5), replace(first, annotator=5), first, *others)
    counts = dict.fromkeys(ErrorKind, 1) | {ErrorKind.MISSING: 30}
    found = replace(REPORT.label_errors, errors=errors, counts=counts)
    later = replace(REPORT, label_errors=found, made_at=NOW + timedelta(minutes=1))
    store_report(project.database, later, basis="", seconds=0)
    everybody, ada = (read_suspects(project, PROJECT, annotator=who) for who in (None, 5))
    assert everybody.counts == counts
    assert ada.counts == dict.fromkeys(ErrorKind, 0) | {ErrorKind.MISSING: 2}
    assert [(page.total, page.held, page.found) for page in (everybody, ada)] == [(33, 6, 6), (33, 6, 2)]


def test_unknown_kind_is_refused(project: Services) -> None:
    with pytest.raises(BadRequest, match="missing label"):
        read_suspects(project, PROJECT, kind="odd")


@pytest.mark.parametrize(
    ("place", "words"),
    [
        pytest.param(0, ["car 95 %, by the model"], id="missing label"),
        pytest.param(1, ["car, as labelled", "person 95 %, by the model"], id="wrong class"),
        pytest.param(2, ["car, as labelled"], id="extra label"),
    ],
)
def test_both_boxes_say_whose_they_are(place: int, words: list[str]) -> None:
    frames = frames_of(REPORT.label_errors.errors[place])
    assert [frame.word for frame in frames] == words
    assert [frame.is_predicted for frame in frames] == ["by the model" in word for word in words]
