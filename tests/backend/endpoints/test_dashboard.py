"""The pages over HTTP: who may see them, what guards them, and what they hold."""

import csv
import gzip
import io
import re
from importlib.resources import files

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from backend.review.table import BYTE_ORDER_MARK
from backend.services import Services
from backend.store.projects import store_project
from backend.store.stored_reports import store_report
from tests.backend.dashboard.makers import ALERT, store_dashboard_project
from tests.backend.makers import MakeClient
from tests.backend.report.makers import NOW, VERSIONS, make_report

PAGES = ("/dashboard", "/dashboard/projects/1")
# What would run or paint without being one of our files.
INLINE = re.compile(r"\son\w+=|\sstyle=|<style|javascript:", re.IGNORECASE)
HOME = "/dashboard/projects/1"


@pytest.fixture
def project(services: Services, client: FlaskClient) -> FlaskClient:
    """A caller of a server that holds the sample project."""
    store_dashboard_project(services)
    return client


def addresses(page: TestResponse) -> set[str]:
    """Return the files that a page names, and the script that it loads later."""
    return set(re.findall(r'(?:href|src|data-plotly)="(/dashboard/(?:static|plotly)[^"]+)"', page.text))


def test_list_names_each_project_with_how_it_stands(project: FlaskClient) -> None:
    page = project.get("/dashboard")
    assert page.status_code == 200 and page.mimetype == "text/html"
    for words in (f'href="{HOME}">Street scenes', "1 open alert", "0.87 (0.86 to 0.88)", ">30 <", "of 102"):
        assert words in page.text


def test_list_without_projects_says_how_to_connect_one(client: FlaskClient) -> None:
    assert "python -m backend connect --project ID" in client.get("/dashboard").text


def test_project_has_all_parts_in_their_order(project: FlaskClient) -> None:
    page = project.get(HOME).text
    parts = re.findall(r'<section id="([\w-]+)"', page)
    assert parts[:3] == ["next", "alerts", "quality"] and parts[-1] == "audit"
    named = re.search(r'<nav class="parts".*?</nav>', page, re.DOTALL)
    assert named is not None and re.findall(r'href="#([\w-]+)"', named.group()) == parts


def test_project_shows_the_reports_figures(project: FlaskClient) -> None:
    report = make_report()
    page = project.get(HOME).text
    assert "Figures of" in page and "2 March 2026, 09:30 UTC" in page
    assert report.quality.versions[0].corrected.f1 is not None
    assert f'<span class="figure">{report.quality.versions[0].corrected.f1.value:.2f}</span>' in page
    for line in report.advice:
        assert line.todo in page and line.figure in page and line.reason in page
    assert "since 2 March 2026" in page and ALERT.partition(" Look")[0] in page


@pytest.mark.parametrize("action", ["train", "prelabel", "rollback", "renew", "tabs/next-tasks"])
def test_project_offers_actions(project: FlaskClient, action: str) -> None:
    assert f'href="{HOME}/{action}"' in project.get(HOME).text


def test_project_that_has_one_model_alone_offers_no_way_back(services: Services, client: FlaskClient) -> None:
    store_project(services.database, 3, label_config="<View/>", model_version=VERSIONS[2], now=NOW)
    assert "/rollback" not in client.get("/dashboard/projects/3").text


def test_each_part_that_advice_is_about_is_on_the_page(project: FlaskClient) -> None:
    page = project.get(HOME).text
    anchors = set(re.findall(r'href="#([\w-]+)"', page))
    assert {"drift", "images", "runs"} <= anchors
    assert anchors <= set(re.findall(r'id="([\w-]+)"', page))


def test_ids_on_a_page_are_all_different(project: FlaskClient) -> None:
    ids = re.findall(r'\sid="([^"]+)"', project.get(HOME).text)
    assert len(ids) == len(set(ids))


def test_project_without_anything_but_its_number_says_what_to_do(
    services: Services, client: FlaskClient
) -> None:
    store_project(services.database, 3, label_config="<View/>", model_version=None, now=NOW)
    page = client.get("/dashboard/projects/3")
    assert page.status_code == 200
    assert "<h1>Project 3</h1>" in page.text and "python -m backend" in page.text
    assert "<svg" not in page.text.partition('class="bar"')[0]


def test_every_csv_that_a_page_names_is_there(project: FlaskClient) -> None:
    named = re.findall(rf'href="({HOME}/charts/[\w-]+\.csv)"', project.get(HOME).text)
    assert len(named) > 10
    for address in named:
        answer = project.get(address)
        assert (answer.status_code, answer.mimetype) == (200, "text/csv"), address
        assert len(list(csv.reader(io.StringIO(answer.text)))) > 1, address
        assert answer.text.startswith(BYTE_ORDER_MARK)  # or Excel reads "Müller" wrong


def test_csv_is_saved_under_a_name_of_its_own(project: FlaskClient) -> None:
    (address, *_) = re.findall(rf"{HOME}/charts/([\w-]+)\.csv", project.get(HOME).text)
    answer = project.get(f"{HOME}/charts/{address}.csv")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="project-1-{address}.csv"'


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("/dashboard/projects/9", id="project"),
        pytest.param(f"{HOME}/charts/pie.csv", id="chart"),
        pytest.param("/dashboard/static/secret.txt", id="file"),
        pytest.param(f"/dashboard/static/{'a' * 300}.css", id="file of a name that none can have"),
        pytest.param("/dashboard/nowhere", id="page"),
    ],
)
def test_what_is_not_there_is_told_on_a_page(project: FlaskClient, address: str) -> None:
    page = project.get(address)
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert "This did not work" in page.text and 'href="/dashboard"' in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_errors_elsewhere_stay_json(client: FlaskClient) -> None:
    answer = client.get("/dashboards")
    assert (answer.status_code, answer.mimetype) == (404, "application/json")
    assert "Content-Security-Policy" not in answer.headers


@pytest.mark.parametrize("address", [*PAGES, "/dashboard/static/page.css", "/dashboard/plotly.js"])
def test_only_who_names_the_password_may_look(make_client: MakeClient, address: str) -> None:
    caller = make_client(basic_auth_user="ada", basic_auth_pass="secret")
    refused = caller.get(address)
    assert (refused.status_code, refused.mimetype) == (401, "text/html")
    assert refused.headers["WWW-Authenticate"].startswith("Basic")
    assert caller.get(address, auth=("ada", "secret")).status_code in (200, 404)


@pytest.mark.parametrize("address", PAGES)
def test_pages_let_in_nothing_foreign_and_nothing_inline(project: FlaskClient, address: str) -> None:
    page = project.get(address)
    policy = page.headers["Content-Security-Policy"]
    assert "unsafe-inline" not in policy and "http" not in policy and "script-src 'self';" in policy
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert page.headers["Cache-Control"] == "private, no-cache"
    markup = re.sub(r'<script type="application/json".*?</script>', "", page.text, flags=re.DOTALL)
    assert not INLINE.search(markup)
    assert all("src=" in script for script in re.findall(r"<script[^>]*>", markup))
    assert not re.findall(r'(?:src|href)="https?://(?!127\.0\.0\.1)', markup)


def test_answers_for_programs_keep_their_headers(client: FlaskClient) -> None:
    assert "Content-Security-Policy" not in client.get("/health").headers


def test_files_may_be_kept_for_ever_under_the_address_that_names_their_content(project: FlaskClient) -> None:
    found = addresses(project.get("/dashboard"))
    assert len(found) == 4
    for address in found:
        answer = project.get(address)
        assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
        other = project.get(address.partition("?")[0] + "?v=0")
        assert other.headers["Cache-Control"] == "private, no-cache"


def test_plotlys_script_is_the_packages_and_compressed_for_who_takes_that(client: FlaskClient) -> None:
    original = (files("plotly") / "package_data" / "plotly.min.js").read_bytes()
    assert client.get("/dashboard/plotly.js").data == original
    answer = client.get("/dashboard/plotly.js", headers={"Accept-Encoding": "gzip, br"})
    assert (answer.headers["Content-Encoding"], answer.mimetype) == ("gzip", "text/javascript")
    assert gzip.decompress(answer.data) == original
    assert "Accept-Encoding" in answer.headers["Vary"]


def test_known_file_is_not_sent_again(client: FlaskClient) -> None:
    first = client.get("/dashboard/static/page.js")
    again = client.get("/dashboard/static/page.js", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_title_is_escaped(services: Services, client: FlaskClient) -> None:
    title = "<script>alert(1)</script>"
    store_project(services.database, 1, label_config="<View/>", model_version=VERSIONS[0], now=NOW)
    store_report(services.database, make_report(title=title), basis="a", seconds=1.0)
    for address in PAGES:
        assert "<script>alert" not in client.get(address).text
