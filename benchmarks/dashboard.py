"""Milliseconds of a project's page with 100 000 annotations and 50 versions, made and shown in a browser."""

import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from flask import Flask
from playwright.sync_api import Browser, Playwright, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

from backend.app import create_app
from backend.report.build import make_report
from backend.services import Services
from backend.settings import Settings
from benchmarks.dashboard_material import ANNOTATIONS, VERSIONS, fill_project
from benchmarks.quality import PROJECT
from benchmarks.rounds import measure, print_table, ratio, timed

ROUNDS = 5
BASE = "GET /health"
PAGE = f"/dashboard/projects/{PROJECT}"
CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
# Milliseconds from the start of the navigation to the load event, as the browser itself measures them.
_LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"
# Charts are drawn when they come into view.
_CHART, _DRAWN = "figure.chart:has(.plot)", ".plot .main-svg"


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(_env_file=None, data_dir=Path(folder), label_studio_url="http://127.0.0.1:1")
        with closing(Services.build(settings)) as services:
            fill_project(services.database)
            began = time.perf_counter()
            make_report(services, PROJECT)
            worked_out = time.perf_counter() - began
            app = create_app(services)
            client = app.test_client()
            runs = {
                path: timed(lambda path=path: client.get(path)) for path in ("/health", PAGE, "/dashboard")
            }  # type: ignore[misc]
            answered = measure(runs, rounds=ROUNDS)
            size = len(client.get(PAGE).data)
            with _serve(app) as address, sync_playwright() as playwright:
                with closing(_launch(playwright)) as browser:
                    loaded, drawn = _load(browser, address + PAGE)
    rows = [
        (what, f"{1000 * statistics.median(seconds):.0f}", f"{ratio(seconds, answered['/health']):.0f}")
        for what, seconds in answered.items()
    ]
    rows += [
        ("browser, until loaded, first visit", f"{loaded[0]:.0f}", ""),
        ("browser, until loaded, later visits", f"{statistics.median(loaded[1:]):.0f}", ""),
        ("browser, until the first chart is drawn, later visits", f"{statistics.median(drawn[1:]):.0f}", ""),
        ("report worked out in the background", f"{1000 * worked_out:.0f}", ""),
    ]
    print_table(
        f"Page of a project with {ANNOTATIONS:,} annotations and {VERSIONS} versions, {ROUNDS} rounds "
        f"(medians); {size / 1024:.0f} KB of HTML",
        ("what", "ms", "of /health"),
        rows,
    )


def _launch(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_ARGUMENTS)


def _load(browser: Browser, address: str) -> tuple[list[float], list[float]]:
    """Return the milliseconds of each visit until the page is loaded, and until a chart is seen."""
    loaded, drawn = [], []
    page = browser.new_page()
    for _ in range(ROUNDS + 1):
        page.goto(address)
        page.locator(_CHART).first.scroll_into_view_if_needed()
        page.locator(_DRAWN).first.wait_for(state="attached")
        drawn.append(float(page.evaluate("performance.now()")))
        loaded.append(float(page.evaluate(_LOADED)))
    return loaded, drawn


class _QuietHandler(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        pass


@contextmanager
def _serve(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_QuietHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()


if __name__ == "__main__":
    main()
