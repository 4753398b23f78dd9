"""The page of one run in a browser, while the run goes on: what it keeps up with by itself."""

import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

from backend.app import create_app
from backend.services import Services
from backend.store.runs import active_run, add_run_note, ask_to_cancel_run, store_epoch, update_run
from backend.training.entities import EpochMetrics, Phase, RunState, SavedCheckpoint
from tests.backend.dashboard.makers import PROJECT, store_dashboard_project
from tests.backend.report.makers import NOW

WAIT_MS = 60_000


@pytest.fixture(autouse=True, scope="module")
def patience() -> Iterator[None]:
    """Wait longer for what is expected than playwright does: on a busy machine pages take seconds."""
    expect.set_options(timeout=WAIT_MS)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture
def run_id(services: Services) -> str:
    """The run of the sample project that goes on."""
    store_dashboard_project(services)
    run = active_run(services.database, PROJECT)
    assert run is not None
    return run.id


@pytest.fixture
def page(browser: Browser, services: Services, run_id: str) -> Iterator[Page]:
    """The run's page, which has begun to follow it and told the browser's console of no problem."""
    server = make_server("127.0.0.1", 0, create_app(services), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    context = browser.new_context()
    opened = context.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.goto(f"http://127.0.0.1:{server.port}/dashboard/runs/{run_id}")
    expect(opened.locator("#live-state")).to_have_text("This page follows the run.")
    yield opened
    context.close()
    server.shutdown()
    thread.join()
    server.server_close()
    assert problems == []


def see_two_answers(page: Page) -> None:
    """Wait until the page has asked twice, so that it has dealt with the first answer."""
    for _ in range(2):
        with page.expect_response(lambda answer: "/live" in answer.url, timeout=WAIT_MS):
            pass


def test_wish_to_cancel_stays_in_sight(page: Page, services: Services, run_id: str) -> None:
    ask_to_cancel_run(services.database, run_id, now=NOW)
    expect(page.locator("[data-fact=State]")).to_have_text("cancelling")
    expect(page.locator("#live-state")).to_have_text("It is being cancelled.")
    see_two_answers(page)
    expect(page.locator("#live-state")).to_have_text("It is being cancelled.")


def test_error_and_the_time_of_the_next_try_appear(page: Page, services: Services, run_id: str) -> None:
    error = "The GPU has no memory left."
    update_run(
        services.database,
        run_id,
        owner="maker",
        now=NOW,
        state=RunState.QUEUED,
        error=error,
        retry_at=NOW.replace(hour=10),
    )
    expect(page.locator(".message.bad")).to_have_text(error)
    expect(page.get_by_text("It is tried again 2 March 2026, 10:30 UTC.")).to_be_visible()
    expect(page.locator("#live-state")).to_have_text("This page follows the run.")


def test_note_that_comes_meanwhile_appears(page: Page, services: Services, run_id: str) -> None:
    add_run_note(services.database, run_id, "The batch was halved.", owner="maker", now=NOW)
    expect(page.locator(".notes")).to_contain_text("The batch was halved.")


def test_next_step_of_a_run_is_followed(page: Page, services: Services, run_id: str) -> None:
    update_run(services.database, run_id, owner="maker", now=NOW, phase=Phase.EVALUATE)
    expect(page.locator("[data-fact=State]")).to_have_text("comparing models")
    expect(page.locator("#live-state")).to_have_text("This page follows the run.")


def test_page_is_loaded_again_only_where_something_is_new(page: Page) -> None:
    page.evaluate("window.isTheSame = true")
    see_two_answers(page)
    assert page.evaluate("window.isTheSame")


def test_rows_of_new_epochs_are_named_by_them(page: Page, services: Services, run_id: str) -> None:
    for number in (13, 14):
        store_epoch(
            services.database,
            run_id,
            EpochMetrics(number, 5.0, {"train/box_loss": 1 / number}),
            checkpoint=SavedCheckpoint(number, "last.pt", "a" * 64, "best.pt", "b" * 64, is_last=False),
            owner="maker",
            now=NOW,
        )
        names = page.locator("#chart-run-losses tbody th[scope=row]")
        expect(names).to_have_text([str(each) for each in range(13, number + 1)])
