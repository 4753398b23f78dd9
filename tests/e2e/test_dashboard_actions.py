"""The page's actions and details in a browser, on a server of this process; no Label Studio is needed."""

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import pytest
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

from backend.app import create_app
from backend.entities import Box, ImageSize
from backend.services import Services
from backend.stats.label_errors import ErrorKind, LabelError
from backend.store.audit import AuditEntry, list_audit
from backend.store.runs import active_run, ask_to_cancel_run, store_epoch
from backend.store.stored_reports import store_report
from backend.store.training_requests import is_training_asked
from backend.store.training_tables import SqlTrainingRun
from backend.training.entities import EpochMetrics, SavedCheckpoint
from demo.scenes import SceneObject, draw_scene
from tests.backend.dashboard.makers import PROJECT, store_dashboard_project
from tests.backend.image_server import ImageServer
from tests.backend.makers import MakeServices, MakeSettings
from tests.backend.pictures import encoded, picture
from tests.backend.report.makers import NOW, VERSIONS, make_report
from tests.backend.review_rows import store_rows, viewed_task

from .screenshots import keep_screenshot

HOME = f"/dashboard/projects/{PROJECT}"
USER, PASSWORD = "ada", "secret"
# Where the button is, what is written on it, and on the one that confirms; the action, and where it leads.
ACTIONS = [
    pytest.param(HOME, "Train now", "Train now", "train", HOME, id="train"),
    pytest.param(HOME, "Pre-label", "Pre-label", "prelabel", HOME, id="pre-label"),
    pytest.param(HOME, "Work out anew", "Work out anew", "renew", HOME, id="work out anew"),
    pytest.param(HOME, "Roll back", "Roll back", "rollback", HOME, id="roll back"),
    pytest.param(HOME, "Acknowledge", "I take care of it", "acknowledge", HOME, id="acknowledge"),
    pytest.param(
        f"{HOME}#next-tasks", "Make them a tab", "Make the tab", "tab-next-tasks", HOME, id="next tasks"
    ),
    pytest.param(
        f"{HOME}/label-errors", "Make it a tab", "Make the tab", "tab-label-errors", HOME, id="label errors"
    ),
    pytest.param(
        f"{HOME}/promote?version=settings", None, "Put it in service", "promote", HOME, id="promote"
    ),
    pytest.param("RUN", "Cancel", "Cancel the run", "cancel-run", "RUN", id="cancel a run"),
]


# Pictures for the docs, by name: the page, and what is on it when it is all there.
PICTURES = [
    ("dashboard-version", f"{HOME}/versions/{VERSIONS[0]}", "#chart-version-classes .main-svg"),
    ("dashboard-run", "RUN", "#chart-run-quality .main-svg"),
    ("dashboard-annotator", f"{HOME}/annotators/7", "#chart-annotator-untouched .main-svg"),
    ("dashboard-label-errors", f"{HOME}/label-errors", ".suspects img"),
    ("dashboard-question", f"{HOME}/promote?version={VERSIONS[1]}", "button"),
]
WAIT_MS = 60_000
# Pictures farther down are loaded only when somebody comes there.
SEEN = """() => [...document.images].every((image) =>
    image.getBoundingClientRect().top > innerHeight || image.complete && image.naturalWidth)"""
SCENES = (2_000_102, 2_000_000, 2_000_001, 2_000_004, 2_000_005, 2_000_007)
WORDS = {
    ErrorKind.MISSING: "A {} with 94 % is not labelled.",
    ErrorKind.EXTRA: "The model sees no {} there.",
    ErrorKind.WRONG_CLASS: "The model says {} with 94 %.",
    ErrorKind.LOOSE: "This {} is smaller than what was marked.",
}


@dataclass(frozen=True)
class Site:
    """The server, and what it stores. `problems` are what the browser's console was told."""

    url: str
    services: Services
    page: Page
    problems: list[str]

    def open(self, path: str) -> None:
        """Open a page of the server."""
        self.page.goto(self.url + path)

    def audit(self) -> AuditEntry:
        """Return what was written down last."""
        return list_audit(self.services.database, PROJECT, limit=1)[0]

    def run(self) -> str:
        """Return the id of the run that goes on."""
        run = active_run(self.services.database, PROJECT)
        assert run is not None
        return run.id


@pytest.fixture(autouse=True, scope="module")
def patience() -> Iterator[None]:
    """Wait longer for what is expected than playwright does: on a busy machine charts take seconds."""
    expect.set_options(timeout=WAIT_MS)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture
def services(make_services: MakeServices, make_settings: MakeSettings, image_server: ImageServer) -> Services:
    made = make_services(make_settings(basic_auth_user=USER, basic_auth_pass=PASSWORD))
    store_dashboard_project(made)
    address = "/data/upload/1/a.jpg"
    image_server.serve(address, encoded(picture(640, 480), "JPEG"), kind="image/jpeg")
    store_rows(
        made.database, *(viewed_task(task, project_id=PROJECT, image=address) for task in range(100, 103))
    )
    store_rows(made.database, viewed_task(103, project_id=PROJECT, image="/data/upload/1/gone.jpg"))
    return made


@pytest.fixture
def url(services: Services) -> Iterator[str]:
    """A server on a free port."""
    server = make_server("127.0.0.1", 0, create_app(services), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(http_credentials={"username": USER, "password": PASSWORD})
    yield context.new_page()
    context.close()


@pytest.fixture
def site(url: str, services: Services, page: Page, monkeypatch: pytest.MonkeyPatch) -> Site:
    # What they do to a real Label Studio is shown by tests of their own.
    monkeypatch.setattr("backend.dashboard.list_actions.keep_list_tab", lambda *_: None)
    monkeypatch.setattr("backend.dashboard.list_actions.keep_next_tabs", lambda *_: ["Next to label"])
    problems: list[str] = []
    page.on("console", lambda said: problems.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    return Site(url, services, page, problems)


def is_training_wanted(services: Services) -> bool:
    with services.database.read() as session:
        return is_training_asked(session, PROJECT)


def finish_epoch(services: Services, run: str, number: int) -> None:
    """Let the run's worker have finished an epoch."""
    losses = {f"{side}/box_loss": scale / number**0.4 for side, scale in (("train", 1.6), ("val", 1.9))}
    quality = {"metrics/mAP50(B)": 0.86 - 0.7 / number, "metrics/mAP50-95(B)": 0.61 - 0.55 / number}
    store_epoch(
        services.database,
        run,
        EpochMetrics(number, 16.0, {**losses, **quality}),
        checkpoint=SavedCheckpoint(number, "last.pt", "a" * 64, "best.pt", "b" * 64, is_last=False),
        owner="maker",
        now=NOW,
    )


def suspect(kind: ErrorKind, task: int, thing: SceneObject, size: ImageSize) -> LabelError:
    """Return an error as if somebody had labelled this thing so."""
    x1, y1, x2, y2 = thing.box
    right, loose = Box(x1, y1, x2, y2), Box(x1 - 14, y1 - 10, x2 + 8, y2 + 12)
    is_labelled, is_seen = kind != ErrorKind.MISSING, kind != ErrorKind.EXTRA
    other = "car" if thing.label == "person" else "person"
    return LabelError(
        task,
        task * 10,
        annotator=7,
        kind=kind,
        score=0.03 + task % 10 / 50,
        label=(other if kind == ErrorKind.WRONG_CLASS else thing.label) if is_labelled else None,
        box=(loose if kind == ErrorKind.LOOSE else right) if is_labelled else None,
        predicted_label=thing.label if is_seen else None,
        predicted_box=right if is_seen else None,
        predicted_score=0.94 if is_seen else None,
        size=size,
        version=VERSIONS[0],
        image=f"/data/upload/1/{task}.jpg",
        reason=WORDS[kind].format(thing.label),
    )


def store_scenes(services: Services, image_server: ImageServer) -> None:
    """Let one error be suspected in each of some scenes."""
    errors = []
    for task, (seed, kind) in enumerate(zip(SCENES, [*ErrorKind, *ErrorKind], strict=False), start=200):
        scene, address = draw_scene(seed), f"/data/upload/1/{task}.jpg"
        jpeg = cv2.imencode(".jpg", scene.image)[1].tobytes()
        image_server.serve(address, jpeg, kind="image/jpeg")
        store_rows(services.database, viewed_task(task, project_id=PROJECT, image=address))
        errors.append(suspect(kind, task, scene.objects[0], ImageSize(*scene.size)))
    report = make_report(PROJECT)
    counts = {kind: sum(each.kind == kind for each in errors) for kind in ErrorKind}
    found = replace(report.label_errors, errors=tuple(errors), counts=counts)
    later = replace(report, label_errors=found, made_at=NOW + timedelta(minutes=1))
    store_report(services.database, later, basis="", seconds=0)


@pytest.mark.parametrize(("start", "button", "confirm", "action", "end"), ACTIONS)
def test_action_asks_first_then_is_done_and_written_down(
    site: Site, start: str, button: str | None, confirm: str, action: str, end: str
) -> None:
    run = f"/dashboard/runs/{site.run()}"
    before = list_audit(site.services.database, PROJECT)
    site.open(start.replace("RUN", run))
    if button:
        links = site.page.get_by_role("link", name=button)
        (links.last if "next-tasks" in start else links.first).click()
    send = site.page.get_by_role("button", name=confirm, exact=True)
    expect(send).to_be_visible()
    assert list_audit(site.services.database, PROJECT) == before
    send.click()
    expect(site.page).to_have_url(re.compile(re.escape(site.url + end.replace("RUN", run)) + "(#.*)?$"))
    entry = site.audit()
    assert (entry.action, entry.who, entry.address, entry.is_done) == (action, USER, "127.0.0.1", True)
    expect(site.page.locator(".message.good")).to_contain_text(entry.detail)
    expect(site.page.locator(".message.good")).to_be_in_viewport()
    site.open(HOME)
    expect(site.page.locator(".message.good")).to_have_count(0)
    row = site.page.locator("#audit tbody tr").first
    expect(row).to_contain_text(USER)
    expect(row).to_contain_text("127.0.0.1")
    expect(row).to_contain_text(entry.words)
    assert site.problems == []


def test_action_works_without_scripts(browser: Browser, url: str, services: Services) -> None:
    context = browser.new_context(
        java_script_enabled=False, http_credentials={"username": USER, "password": PASSWORD}
    )
    page = context.new_page()
    page.goto(f"{url}{HOME}")
    page.get_by_role("link", name="Train now").click()
    page.get_by_role("button", name="Train now").click()
    expect(page).to_have_url(f"{url}{HOME}#message")
    assert is_training_wanted(services)
    context.close()


def test_going_back_does_nothing(site: Site) -> None:
    site.open(f"{HOME}/rollback")
    site.page.get_by_role("link", name="Back, without doing anything").click()
    expect(site.page).to_have_url(f"{site.url}{HOME}#versions")
    assert site.audit().action != "rollback" and site.problems == []


def test_what_fails_is_said_above_the_form_and_keeps_the_reason(site: Site) -> None:
    site.open(f"{HOME}/promote?version={VERSIONS[1]}")
    site.page.get_by_label("Reason").fill("it was better at night")
    site.page.get_by_role("button", name="Put it in service").click()
    expect(site.page.locator(".message.bad")).to_contain_text("Nothing was changed")
    expect(site.page.get_by_label("Reason")).to_have_value("it was better at night")
    assert not site.audit().is_done


def test_forged_value_is_refused_and_the_form_works_after_it(site: Site) -> None:
    site.open(f"{HOME}/train")
    site.page.evaluate("document.querySelector('input[name=csrf]').value = 'A'.repeat(43)")
    site.page.get_by_role("button", name="Train now").click()
    expect(site.page.locator(".message.bad")).to_contain_text("The form was not made by this page")
    assert not is_training_wanted(site.services)
    site.page.get_by_role("button", name="Train now").click()
    expect(site.page).to_have_url(f"{site.url}{HOME}#message")
    assert is_training_wanted(site.services)


@pytest.mark.parametrize("path", [f"{HOME}/train", f"/projects/{PROJECT}/train"], ids=["page", "program's"])
def test_form_of_another_site_is_refused_though_the_browser_adds_the_password(
    site: Site, image_server: ImageServer, path: str
) -> None:
    site.open(f"{HOME}/train")  # the browser knows the password and the cookie
    form = f'<form method="post" action="{site.url}{path}"><button>Win a prize</button></form>'
    for other in (image_server.url, image_server.named_url):
        image_server.serve("/prize", form.encode(), kind="text/html")
        site.page.goto(f"{other}/prize")
        with site.page.expect_response(lambda answer: answer.url.endswith(path)) as answer:
            site.page.get_by_role("button").click()
        assert answer.value.status == 403
    assert not is_training_wanted(site.services)


def test_page_follows_a_run_to_its_end(site: Site) -> None:
    run, database = site.run(), site.services.database
    site.open(f"/dashboard/runs/{run}")
    # A first curve is another part of the page, so it is loaded anew; the second epoch is drawn into it.
    for number in (13, 14):
        finish_epoch(site.services, run, number)
        expect(site.page.locator("[data-fact=Epochs]")).to_have_text(f"{number} of at most 30")
        expect(site.page.locator("#chart-run-losses tbody tr")).to_have_count(number - 12)
    ask_to_cancel_run(database, run, now=NOW.replace(year=2100))
    expect(site.page.locator("[data-fact=State]")).to_have_text("cancelled")
    expect(site.page.get_by_role("link", name="Cancel")).to_have_count(0)
    assert site.problems == []


def test_boxes_lie_over_their_pictures(site: Site) -> None:
    site.open(f"{HOME}/label-errors")
    cards = site.page.locator(".suspects > li")
    expect(cards).to_have_count(4)
    for place in range(4):
        card = cards.nth(place)
        card.scroll_into_view_if_needed()
        site.page.wait_for_function(
            "place => { const image = document.querySelectorAll('.suspects img')[place];"
            " return image.complete && image.naturalWidth > 0 }",
            arg=place,
        )
        picture_box, drawn = card.locator("img").bounding_box(), card.locator("svg").bounding_box()
        assert picture_box is not None and drawn is not None
        assert picture_box == pytest.approx(drawn, abs=1)
        assert picture_box["height"] > 100
    annotated = cards.nth(2).locator("rect.annotated").bounding_box()
    assert annotated is not None and picture_box is not None
    # 100 of 640 pixels wide, 120 of 480 high; a line has its width besides.
    assert annotated["width"] / picture_box["width"] == pytest.approx(100 / 640, abs=0.03)
    task = cards.first.locator("a.picture").get_attribute("href") or ""
    assert task == f"{site.services.settings.label_studio_url}/projects/{PROJECT}/data?task=100"
    assert site.problems == []


@pytest.mark.parametrize(
    "path",
    [f"{HOME}/versions/{VERSIONS[0]}", f"{HOME}/annotators/7", f"{HOME}/label-errors", f"{HOME}/rollback"],
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_fits_a_phone_and_complains_of_nothing(site: Site, path: str, scheme: str) -> None:
    site.page.set_viewport_size({"width": 390, "height": 844})
    site.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    site.open(path)
    site.page.wait_for_load_state("networkidle")
    assert site.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert site.problems == []


def test_pictures_for_the_docs(site: Site, image_server: ImageServer, tmp_path: Path) -> None:
    store_scenes(site.services, image_server)
    run = site.run()
    began = datetime.now(UTC) - timedelta(seconds=205)
    with site.services.database.write() as session:
        session.get_one(SqlTrainingRun, run).started_at = began
    for number in range(1, 13):
        finish_epoch(site.services, run, number)
    site.page.set_viewport_size({"width": 1400, "height": 1100})
    for name, path, what in PICTURES:
        site.open(path.replace("RUN", f"/dashboard/runs/{run}"))
        expect(site.page.locator(what).first).to_be_visible()
        site.page.wait_for_function(SEEN)
        taken = tmp_path / f"{name}.png"
        site.page.screenshot(path=taken, animations="disabled")
        keep_screenshot(taken)
    assert site.problems == []
