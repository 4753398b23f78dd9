"""The pages of all projects and of one project in a browser, on a server of this process."""

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect
from werkzeug.serving import make_server

from backend.app import create_app
from backend.dashboard.report_file import write_report
from backend.services import Services
from tests.backend.dashboard.makers import ALERT, PROJECT, store_dashboard_project

from .screenshots import keep_screenshot

DESKTOP = {"width": 1400, "height": 900}
PHONE = {"width": 390, "height": 844}
HOME = f"/dashboard/projects/{PROJECT}"
WAIT_MS = 60_000
DRAWN = ".plot .main-svg"
# High enough for pictures to show the first charts whole.
WIDE = {"width": 1400, "height": 1500}

OpenSite = Callable[..., "Site"]


@dataclass
class Site:
    """A page of the server in a browser; `problems` are what its console was told."""

    page: Page
    url: str
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(WAIT_MS)
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))

    def open(self, path: str) -> None:
        """Open a page of the server."""
        self.page.goto(self.url + path)

    def draw_all(self) -> None:
        """Scroll to each chart, and wait until it is drawn."""
        for chart in self.charts.all():
            chart.scroll_into_view_if_needed()
            expect(chart.locator(".main-svg").first).to_be_visible()
        self.page.evaluate("scrollTo(0, 0)")

    @property
    def charts(self) -> Locator:
        """All charts that can be drawn."""
        return self.page.locator("figure.chart:has(.plot)")

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(message.text)


@pytest.fixture(autouse=True, scope="module")
def patience() -> Iterator[None]:
    """Wait longer for what is expected than playwright does: on a busy machine charts take seconds."""
    expect.set_options(timeout=WAIT_MS)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture
def server(services: Services) -> Iterator[str]:
    """A server with the sample project; yields its address."""
    store_dashboard_project(services)
    running = make_server("127.0.0.1", 0, create_app(services), threaded=True)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture
def open_site(browser: Browser, server: str) -> Iterator[OpenSite]:
    """Open a browser's page of the server; none may have told its console of a problem in the end."""
    sites: list[Site] = []

    def open_(path: str, **options: Any) -> Site:
        context = browser.new_context(**{"viewport": DESKTOP, **options})
        sites.append(Site(context.new_page(), server))
        sites[-1].open(path)
        return sites[-1]

    yield open_
    for site in sites:
        site.page.context.close()
    assert not [problem for site in sites for problem in site.problems]


def test_a_manager_finds_the_project_and_what_to_do(open_site: OpenSite, tmp_path: Path) -> None:
    site = open_site("/dashboard")
    card = site.page.get_by_role("listitem").filter(has_text="Street scenes")
    expect(card).to_contain_text("1 open alert")
    taken = tmp_path / "dashboard-projects.png"
    site.page.screenshot(path=taken, clip={"x": 0, "y": 0, "width": 1400, "height": 330})
    keep_screenshot(taken)
    card.get_by_role("link").click()
    expect(site.page.get_by_role("heading", level=1)).to_have_text("Street scenes")
    expect(site.page.locator(".advice li").first).to_contain_text("Look at the new images")
    expect(site.page.locator(".alerts")).to_contain_text(ALERT.partition(" Look")[0])


@pytest.mark.parametrize("look", ["light", "dark"])
def test_every_chart_is_drawn_in_the_colours_of_the_look(
    open_site: OpenSite, tmp_path: Path, look: str
) -> None:
    site = open_site(HOME, color_scheme=look, viewport=WIDE)
    site.draw_all()
    assert site.page.locator(".plot.failed").count() == 0
    ink = site.page.evaluate("getComputedStyle(document.body).color")
    title = site.page.locator(".main-svg .xtitle").first
    assert title.evaluate("each => getComputedStyle(each).fill") == ink
    taken = tmp_path / ("dashboard-project.png" if look == "light" else "dashboard-dark.png")
    site.page.screenshot(path=taken, animations="disabled")
    keep_screenshot(taken)


def test_charts_follow_when_the_look_changes(open_site: OpenSite) -> None:
    site = open_site(HOME, color_scheme="light")
    expect(site.page.locator(DRAWN).first).to_be_visible()
    title = site.page.locator(".main-svg .xtitle").first
    before = title.evaluate("each => getComputedStyle(each).fill")
    site.page.emulate_media(color_scheme="dark")
    expect(title).not_to_have_css("fill", before)


def test_charts_are_drawn_only_where_somebody_looks(open_site: OpenSite) -> None:
    site = open_site(HOME)
    expect(site.page.locator(DRAWN).first).to_be_visible()
    last = site.charts.last
    assert last.locator(".main-svg").count() == 0
    last.scroll_into_view_if_needed()
    expect(last.locator(".main-svg").first).to_be_visible()


def test_chart_whose_figures_change_is_drawn_anew(open_site: OpenSite) -> None:
    site = open_site(HOME)
    chart = site.charts.first
    expect(chart.locator(".main-svg").first).to_be_visible()
    chart.evaluate(
        """figure => {
            const data = figure.querySelector("script.plot-data");
            data.textContent = JSON.stringify(
                {data: [{type: "bar", x: ["a"], y: [1]}], layout: {xaxis: {title: {text: "Anew"}}}});
            figure.dispatchEvent(new Event("chart:changed"));
        }"""
    )
    expect(chart.locator(".xtitle")).to_have_text("Anew")


def test_table_of_a_chart_folds_out_by_the_keyboard(open_site: OpenSite) -> None:
    site = open_site(HOME)
    chart = site.charts.first
    chart.scroll_into_view_if_needed()
    table = chart.get_by_role("table")
    expect(table).to_be_hidden()
    chart.locator("summary").focus()
    site.page.keyboard.press("Enter")
    expect(table).to_be_visible()


def test_csv_of_a_chart_is_saved(open_site: OpenSite) -> None:
    site = open_site(HOME)
    with site.page.expect_download() as saved:
        site.charts.first.get_by_role("link", name=re.compile("^CSV")).click()
    assert re.fullmatch(r"project-1-[\w-]+\.csv", saved.value.suggested_filename)


def test_without_scripts_the_tables_are_there(open_site: OpenSite) -> None:
    site = open_site(HOME, java_script_enabled=False)
    expect(site.page.locator(".plot").first).to_be_hidden()
    for table in site.charts.get_by_role("table").all():
        expect(table).to_be_visible()


def test_where_plotly_cannot_be_loaded_the_tables_are_there(browser: Browser, server: str) -> None:
    page = browser.new_page()
    page.route("**/plotly.js*", lambda route: route.abort())
    page.goto(server + HOME)
    expect(page.locator("figure.chart:has(.plot) table").first).to_be_visible()
    expect(page.locator(".plot").first).to_be_hidden()
    page.context.close()


def test_on_a_phone_nothing_is_wider_than_the_screen(open_site: OpenSite, tmp_path: Path) -> None:
    for path in ("/dashboard", HOME):
        site = open_site(path, viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=1)
        site.draw_all()
        assert site.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    taken = tmp_path / "dashboard-phone.png"
    site.page.screenshot(path=taken, animations="disabled")
    keep_screenshot(taken)


def test_on_paper_every_chart_is_there_and_no_button(open_site: OpenSite, tmp_path: Path) -> None:
    site = open_site(HOME, color_scheme="dark")
    expect(site.page.locator(DRAWN).first).to_be_visible()
    undrawn = (
        "[...document.querySelectorAll('.plot')].filter(each => !each.querySelector('.main-svg')).length"
    )
    assert site.page.evaluate(undrawn) > 0
    site.page.pdf(path=tmp_path / "page.pdf", format="A4")
    assert site.page.evaluate(undrawn) == 0
    site.page.emulate_media(media="print")
    for gone in (".button", ".parts", ".top", ".csv"):
        expect(site.page.locator(gone).first).to_be_hidden()
    assert site.page.evaluate("getComputedStyle(document.body).color") == "rgb(27, 32, 37)"


@pytest.mark.parametrize("path", ["/dashboard", HOME])
def test_a_reader_that_cannot_see_finds_its_way(open_site: OpenSite, path: str) -> None:
    page = open_site(path).page
    levels = [
        int(each[1]) for each in page.locator("h1, h2, h3").evaluate_all("all => all.map(e => e.tagName)")
    ]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(below - above <= 1 for above, below in zip(levels, levels[1:], strict=False))
    nameless = page.locator("main figure, main section, main [role=group], main svg[role=img]").evaluate_all(
        """all => all.filter(each => !each.closest(".plot")).filter(each => {
            const by = each.getAttribute("aria-labelledby");
            const name = each.getAttribute("aria-label") || document.getElementById(by)?.textContent;
            return !name?.trim();
        }).length"""
    )
    assert nameless == 0
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


@pytest.mark.parametrize("look", ["light", "dark"])
def test_words_stand_out_from_what_is_behind_them(open_site: OpenSite, look: str) -> None:
    page = open_site(HOME, color_scheme=look).page
    colours = page.evaluate(
        """() => Object.fromEntries(
            ["paper", "card", "ink", "faint", "link", "good", "good-paper", "warn", "warn-paper", "bad",
             "bad-paper"].map(name => [name,
             getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()]))"""
    )
    pairs = [(word, behind) for word in ("ink", "faint", "link", "bad") for behind in ("paper", "card")]
    pairs += [(tone, f"{tone}-paper") for tone in ("good", "warn", "bad")]
    weak = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
    assert not {pair: ratio for pair, ratio in weak.items() if ratio < 4.5}  # WCAG 2.2, level AA


def test_report_as_a_file_needs_no_server(browser: Browser, services: Services, tmp_path: Path) -> None:
    store_dashboard_project(services)
    file = tmp_path / "report.html"
    write_report(services, PROJECT, file)
    context = browser.new_context(offline=True)
    site = Site(context.new_page(), file.as_uri())
    asked: list[str] = []
    site.page.on("request", lambda request: asked.append(request.url))
    site.open("")
    site.draw_all()
    assert [url for url in asked if not url.startswith("data:")] == [file.as_uri()]
    assert site.page.locator(".button, a[href^='/']").count() == 0
    context.close()
    assert not site.problems


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours such as "#1b2025", as WCAG 2.2 defines it."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour, in [0, 1] (WCAG 2.2)."""
    shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
