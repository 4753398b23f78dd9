"""The labelling page with Auto-Annotation on: prompts are drawn, and what comes back is waited for."""

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from .labelling_page import PAGE_MS, LabellingPage, Percent

POINT_TOOL, BOX_TOOL = "key-point-tool", "rectangle-tool"
_SELECTED = "lsf-label_selected"
_ANSWER = r"/api/ml/\d+/interactive-annotating"


class SmartPage(LabellingPage):
    """A labelling page whose smart tools ask the backend; call `switch_on` first."""

    def switch_on(self, *, accepts: bool) -> None:
        """Have smart tools, and accept suggestions at once or only when asked to."""
        self._set("Auto-Annotation", True)
        self._set("Auto-Accept Suggestions", accepts)

    def take_tool(self, tool: str, *, tag: int, label: str) -> None:
        """Choose a label in the `tag`-th row of labels, from 0, and the smart tool to draw with."""
        self.choose_label(tag=tag, label=label)
        self.page.locator(".lsf-tool_smart:visible").first.hover()
        self.page.locator(f".lsf-tool_smart[aria-label='{tool}']:visible").first.click()

    def choose_label(self, *, tag: int, label: str) -> None:
        """Choose a label for the next prompt, after each one that was accepted at once."""
        self.page.keyboard.press("Escape")  # else the label would go to the region that is picked
        expect(self.page.locator(".lsf-region-editor")).to_have_count(0, timeout=PAGE_MS)
        chosen = self.page.locator(".lsf-labels").nth(tag).locator(".lsf-label", has_text=label)
        if _SELECTED not in (chosen.get_attribute("class") or ""):
            chosen.click()
        expect(chosen).to_have_class(re.compile(_SELECTED), timeout=PAGE_MS)

    def click(self, place: Percent, *, takes_away: bool = False) -> list[dict[str, Any]]:
        """Click with the point tool, with Alt where it takes away; return the suggested results."""

        def act() -> None:
            if takes_away:
                self.page.keyboard.down("Alt")
            self.page.mouse.click(*self._point(place))
            if takes_away:
                self.page.keyboard.up("Alt")

        return self._suggested(act)

    def frame(self, start: Percent, end: Percent) -> list[dict[str, Any]]:
        """Draw a box with the box tool; return the suggested results."""
        return self._suggested(lambda: self._drag(start, end))

    def accept(self) -> None:
        """Accept the suggestions; the prompts go with it."""
        self.page.get_by_test_id("bottombar-accept-suggestions-button").click()
        expect(self.page.get_by_test_id("bottombar-accept-suggestions-button")).to_have_count(
            0, timeout=PAGE_MS
        )

    def expect_regions(self, count: int) -> None:
        """Wait until so many regions are listed."""
        expect(self._regions).to_have_count(count, timeout=PAGE_MS)

    def _set(self, name: str, wanted: bool) -> None:
        toggle = self.page.locator("label", has_text=name).locator("input[type=checkbox]")
        if toggle.is_checked() != wanted:
            self.page.get_by_text(name, exact=True).click()
        expect(toggle).to_be_checked(checked=wanted, timeout=PAGE_MS)

    def _suggested(self, act: Callable[[], None]) -> list[dict[str, Any]]:
        answer = self._wait_for(act, "POST", _ANSWER).json()
        assert "data" in answer, answer
        results: list[dict[str, Any]] = answer["data"]["result"]
        return results
