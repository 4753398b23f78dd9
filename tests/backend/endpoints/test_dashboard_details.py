"""Pages of one version, one run, one annotator and of suspected errors: what they show, and their tables."""

import csv
import io
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete

from backend.report.build import current_report
from backend.review.table import BYTE_ORDER_MARK
from backend.services import Services
from backend.store.projects import store_project
from backend.store.runs import active_run, ask_to_cancel_run, list_runs, store_epoch
from backend.store.stored_reports import store_report
from backend.store.training_tables import SqlPromotion, SqlTrainedVersion
from backend.training.entities import EpochMetrics, SavedCheckpoint
from tests.backend.dashboard.makers import PROJECT, store_dashboard_project
from tests.backend.label_configs import BOXES
from tests.backend.makers import MakeClient
from tests.backend.report.makers import NOW, VERSIONS

HOME = f"/dashboard/projects/{PROJECT}"
CHAMPION, OLD, SETTINGS = VERSIONS
ANOTHER_IMAGE = """<Image name="other" value="{}"/>
  <RectangleLabels name="box" toName="other"><Label value="Car"/></RectangleLabels></View>"""
IMAGE_LIST = ANOTHER_IMAGE.replace('value="{}"', 'valueList="$all"')


@pytest.fixture(autouse=True)
def project(services: Services) -> None:
    store_dashboard_project(services)


@pytest.fixture
def run_id(services: Services) -> str:
    """The run that goes on."""
    run = active_run(services.database, PROJECT)
    assert run is not None
    return run.id


def finish_epoch(services: Services, run_id: str, number: int) -> None:
    metrics = {"train/box_loss": 1 / number, "metrics/mAP50(B)": 1 - 1 / number}
    store_epoch(
        services.database,
        run_id,
        EpochMetrics(number, 5.0, metrics),
        checkpoint=SavedCheckpoint(number, "last.pt", "a" * 64, "best.pt", "b" * 64, is_last=False),
        owner="maker",
        now=NOW,
    )


def test_version_is_shown_with_verdict_lineage_and_service(client: FlaskClient) -> None:
    page = client.get(f"{HOME}/versions/{CHAMPION}").text
    for words in ("in service", "good enough for service", "0.10 (0.05 to 0.15) above", "not worse"):
        assert words in page
    assert '<span class="figure">150</span> images' in page and "of 180, 12 to stop in time" in page
    assert f'href="{HOME}/versions/{OLD}"' in page
    assert f'href="{HOME}/rollback"' in page and "/promote" not in page


def test_other_version_can_be_promoted(client: FlaskClient) -> None:
    page = client.get(f"{HOME}/versions/{OLD}").text
    assert f'href="{HOME}/promote?version={OLD}"' in page and "/rollback" not in page


def test_base_that_nobody_has_corrected_is_named_without_a_link(
    client: FlaskClient, services: Services
) -> None:
    with services.database.write() as session:
        session.get_one(SqlTrainedVersion, OLD).parent = "yolo11s-1b1b1b1b"
    page = client.get(f"{HOME}/versions/{OLD}").text
    assert "<li>from yolo11s-1b1b1b1b</li>" in page and "not yet in service" in page


@pytest.mark.parametrize("has_served", [True, False])
def test_model_in_service_can_be_taken_back_where_another_served_before(
    client: FlaskClient, services: Services, has_served: bool
) -> None:
    if not has_served:
        with services.database.write() as session:
            session.execute(delete(SqlPromotion))
    assert (f'href="{HOME}/rollback"' in client.get(f"{HOME}/versions/{CHAMPION}").text) == has_served


def test_weights_of_the_settings_have_a_page_of_what_people_corrected(client: FlaskClient) -> None:
    page = client.get(f"{HOME}/versions/{SETTINGS}").text
    assert (
        "weights that no run of this project has made" in page and "By class, as people corrected it" in page
    )


def test_run_is_shown_with_cancel_while_it_goes_on(client: FlaskClient, run_id: str) -> None:
    page = client.get(f"/dashboard/runs/{run_id}").text
    assert "12 of at most 30" in page and f'href="/dashboard/runs/{run_id}/cancel"' in page
    assert f'data-live="/dashboard/runs/{run_id}/live"' in page and "run.js" in page


def test_ended_run_is_shown_with_its_version_and_without_cancel(
    client: FlaskClient, services: Services
) -> None:
    ended = next(run for run in list_runs(services.database) if run.version == CHAMPION)
    page = client.get(f"/dashboard/runs/{ended.id}").text
    assert f'href="{HOME}/versions/{CHAMPION}"' in page and "good enough for service" in page
    assert "/cancel" not in page and "run.js" not in page and "data-live" not in page


def test_live_figures_follow_the_epochs(client: FlaskClient, services: Services, run_id: str) -> None:
    address = f"/dashboard/runs/{run_id}/live"
    before = client.get(address).json
    assert (before["is_over"], before["epoch"], before["charts"]) == (False, 12, {})
    assert f'data-mark="{before["mark"]}"' in client.get(f"/dashboard/runs/{run_id}").text
    finish_epoch(services, run_id, 13)
    news = client.get(f"{address}?epoch=12").json
    assert (news["epoch"], news["facts"]["Epochs"]) == (13, "13 of at most 30")
    assert news["progress"] == pytest.approx(13 / 30)
    losses = news["charts"]["run-losses"]
    assert losses["data"][0]["x"] == [13] and losses["rows"] == [["13", "0.0769"]]


def test_page_of_a_run_that_is_cancelled_says_so_instead_of_being_followed(
    client: FlaskClient, services: Services, run_id: str
) -> None:
    address = f"/dashboard/runs/{run_id}"
    followed, mark = client.get(address).text, client.get(f"{address}/live").json["mark"]
    assert 'data-followed="This page follows the run.">Load this page again' in followed
    ask_to_cancel_run(services.database, run_id, now=NOW)
    page = client.get(address).text
    assert ">It is being cancelled.</p>" in page and "data-followed" not in page
    assert client.get(f"{address}/live").json["mark"] != mark


def test_charts_without_a_new_epoch_are_left_out(
    client: FlaskClient, services: Services, run_id: str
) -> None:
    finish_epoch(services, run_id, 13)
    assert client.get(f"/dashboard/runs/{run_id}/live?epoch=13").json["charts"] == {}
    assert client.get(f"/dashboard/runs/{run_id}/live?epoch=x").status_code == 400


def test_annotator_is_shown_with_warning_and_suspected_errors(client: FlaskClient) -> None:
    page = client.get(f"{HOME}/annotators/7").text
    assert "Edsger Wybe" in page and "Leaves 98 % of what is shown" in page
    assert f'href="{HOME}/label-errors?annotator=7"' in page


def test_annotator_whom_label_studio_does_not_name_has_a_page(
    client: FlaskClient, services: Services
) -> None:
    report = current_report(services, PROJECT)
    nobody = replace(report.annotators[0], annotator=None)
    newer = replace(report, annotators=(nobody,), made_at=NOW + timedelta(days=1))
    store_report(services.database, newer, basis="", seconds=0)
    assert "unknown annotator" in client.get(f"{HOME}/annotators/unknown").text


def test_suspected_errors_are_drawn_over_their_pictures(client: FlaskClient, services: Services) -> None:
    page = client.get(f"{HOME}/label-errors").text
    url = services.settings.label_studio_url
    for task in (100, 101, 102, 103):
        assert f'src="{HOME}/tasks/{task}/thumbnail.jpg"' in page
        assert f'href="{url}/projects/{PROJECT}/data?task={task}"' in page
    assert page.count('viewBox="0 0 640 480"') == 4
    assert page.count('<rect class="annotated" x="100.0" y="100.0" width="100.0" height="120.0"/>') == 3
    assert '<rect class="predicted" x="110.0" y="90.0" width="130.0" height="170.0"/>' in page


@pytest.mark.parametrize(
    ("config", "is_drawn"),
    [
        pytest.param(BOXES, True, id="one image"),
        pytest.param(
            BOXES.replace("</View>", ANOTHER_IMAGE.format("$image")), True, id="one image, shown twice"
        ),
        pytest.param(BOXES.replace("</View>", ANOTHER_IMAGE.format("$night")), False, id="two images"),
        pytest.param(BOXES.replace("</View>", IMAGE_LIST), False, id="a list of images besides"),
        pytest.param("<View>", False, id="nobody can tell"),
    ],
)
def test_boxes_are_drawn_only_where_they_surely_lie_on_the_picture(
    client: FlaskClient, services: Services, config: str, is_drawn: bool
) -> None:
    store_project(services.database, PROJECT, label_config=config, model_version=VERSIONS[0], now=NOW)
    page = client.get(f"{HOME}/label-errors").text
    assert page.count('viewBox="0 0 640 480"') == (4 if is_drawn else 0)
    assert ("may have several images" in page) != is_drawn


@pytest.mark.parametrize(
    ("query", "tasks"),
    [
        pytest.param("?kind=wrong class", [101], id="one kind"),
        pytest.param("?annotator=7&page=1", [100, 101, 102, 103], id="one person"),
        pytest.param("?annotator=5", [], id="nobody's"),
    ],
)
def test_part_of_the_errors_can_be_asked_for(client: FlaskClient, query: str, tasks: list[int]) -> None:
    page = client.get(f"{HOME}/label-errors{query}").text
    assert [task for task in range(100, 104) if f"/tasks/{task}/" in page] == tasks


@pytest.mark.parametrize(
    ("query", "words"),
    [
        pytest.param("?annotator=5", "None by this person.", id="person"),
        pytest.param(
            "?kind=loose box&annotator=5", "None of this kind by this person.", id="kind and person"
        ),
    ],
)
def test_empty_list_says_of_what_there_is_none(client: FlaskClient, query: str, words: str) -> None:
    page = client.get(f"{HOME}/label-errors{query}").text
    assert words in page and 'Missing label <span class="faint">0</span>' in page


def test_picture_is_no_second_link_for_who_cannot_see_it(client: FlaskClient) -> None:
    page = client.get(f"{HOME}/label-errors").text
    pictures = re.findall(r'<a class="picture"[^>]*>', page)
    assert len(pictures) == 4
    assert all('aria-hidden="true"' in link and 'tabindex="-1"' in link for link in pictures)
    assert re.findall(r'<img[^>]* alt="([^"]*)"', page) == [""] * 4


@pytest.mark.parametrize("query", ["?kind=odd", "?page=x", "?kin=extra label"])
def test_bad_parameter_is_refused(client: FlaskClient, query: str) -> None:
    assert client.get(f"{HOME}/label-errors{query}").status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        f"{HOME}/versions/{CHAMPION}/charts/version-classes.csv",
        f"{HOME}/annotators/7/charts/annotator-disputed.csv",
        "RUN/charts/run-losses.csv",
    ],
)
def test_each_chart_has_its_table_as_a_file(
    client: FlaskClient, services: Services, run_id: str, path: str
) -> None:
    finish_epoch(services, run_id, 13)
    answer = client.get(path.replace("RUN", f"/dashboard/runs/{run_id}"))
    assert (answer.status_code, answer.mimetype) == (200, "text/csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    assert len(list(csv.reader(io.StringIO(answer.text)))) > 1
    assert answer.text.startswith(BYTE_ORDER_MARK)


@pytest.mark.parametrize(
    "path",
    [
        f"{HOME}/versions/v9",
        f"{HOME}/versions/v%00",
        f"{HOME}/versions/{CHAMPION}/charts/odd.csv",
        f"{HOME}/annotators/99",
        f"{HOME}/annotators/7/charts/odd.csv",
        "/dashboard/projects/404/label-errors",
        "/dashboard/projects/404/versions/v1",
        "/dashboard/projects/404/annotators/7",
        "/dashboard/runs/none",
        "/dashboard/runs/none/live",
    ],
)
def test_what_is_not_there_has_an_error_page(client: FlaskClient, path: str) -> None:
    shown = client.get(path)
    assert (shown.status_code, shown.mimetype) == (404, "text/html")


@pytest.mark.parametrize("path", ["versions/v", "annotators/7", "label-errors", "annotators/7/charts/a.csv"])
def test_callers_alone_see_the_pages(make_client: MakeClient, path: str) -> None:
    client = make_client(basic_auth_user="ada", basic_auth_pass="secret")
    assert client.get(f"{HOME}/{path}").status_code == 401
