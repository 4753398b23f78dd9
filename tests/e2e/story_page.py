"""A project's page of the dashboard, as its manager reads it: tables by the key of their chart."""

from collections.abc import Mapping

from playwright.sync_api import Page, expect


class ProjectPage:
    """The page of one project.

    Args:
        page: Of a browser that names user and password.
        address: Of the project's page.
    """

    def __init__(self, page: Page, address: str) -> None:
        self._page = page
        self._address = address

    def open_anew(self) -> None:
        """Have all figures worked out anew by the page's button, and open the page with them."""
        self._page.goto(self._address)
        self._page.get_by_role("link", name="Work out anew").click()
        self._page.locator("form.question button[type=submit]").click()
        expect(self._page.locator("#message")).to_contain_text("All figures are worked out anew.")

    def table(self, key: str) -> dict[str, Mapping[str, str]]:
        """Return the rows of a chart's table by their first cell, each cell by its column's name."""
        figure = self._page.locator(f"#chart-{key}")
        names = figure.locator("thead th").all_text_contents()
        rows = [row.locator("th, td").all_text_contents() for row in figure.locator("tbody tr").all()]
        return {row[0]: dict(zip(names, row, strict=True)) for row in rows}

    def section(self, key: str) -> str:
        """Return the text of a part of the page, by its key in addresses; what is folded too."""
        return self._page.locator(f"section#{key}").text_content() or ""

    def first_figures(self) -> str:
        """Return the text of the figures at the top."""
        return self._page.locator(".tiles").text_content() or ""
