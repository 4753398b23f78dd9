"""Label Studio's labelling page as a person uses it: regions are picked, moved, relabelled, deleted, drawn.

Places and distances are (x, y) in percent of the image's width and height, as in Label Studio's results.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, expect

from .servers import LabelStudioServer

SIZE = {"width": 1400, "height": 900}
PAGE_MS = 120_000
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# A pointer that leaps from one place to another drags nothing.
DRAG_STEPS = 10

Percent = tuple[float, float]


class LabellingPage:
    """A page of a browser, logged in. What a method asks for has happened when it returns."""

    def __init__(self, browser: Browser, server: LabelStudioServer) -> None:
        self.page = browser.new_page(viewport=SIZE)
        self.page.set_default_timeout(PAGE_MS)
        self._server = server
        self._regions = self.page.locator(".lsf-outliner-item")
        self._ids: list[str] = []  # as the page lists them; "" where the page made one up
        self._log_in()

    def _log_in(self) -> None:
        self.page.goto(f"{self._server.url}/user/login/")
        self.page.fill("input[name=email]", self._server.user)
        self.page.fill("input[name=password]", self._server.password)
        self.page.press("input[name=password]", "Enter")
        self.page.wait_for_url(lambda url: "/user/login" not in url)

    def open_task(self, project: int, task: int, *, regions: Sequence[Mapping[str, Any]]) -> None:
        """Open a task from the Data Manager, and wait for its picture and for these results' regions."""
        self.page.goto(f"{self._server.url}/projects/{project}/data?task={task}")
        self._ids = [region["id"] for region in regions]
        self._expect_listed()
        self.wait_until_loaded()

    def open_stream(self, project: int) -> None:
        """Do what the button "Label All Tasks" does: Label Studio chooses the task."""
        self.page.goto(f"{self._server.url}/projects/{project}/data?labeling=1")
        expect(self._button("Skip")).to_be_enabled(timeout=PAGE_MS)
        self.wait_until_loaded()

    def wait_until_loaded(self) -> None:
        """Wait until nothing is loading and the picture is there."""
        self.page.wait_for_load_state("networkidle")
        expect(self._canvas).to_be_visible(timeout=PAGE_MS)
        self.page.wait_for_function("[...document.images].every(image => image.complete)")

    def listed(self) -> list[tuple[str, str]]:
        """Return label and score of the regions, in the order of the list."""
        labels = self.page.locator(".lsf-outliner-item__title").all_inner_texts()
        scores = self.page.locator(".lsf-outliner-item__control_type_score").all_inner_texts()
        return list(zip(map(str.strip, labels), map(str.strip, scores), strict=True))

    def pick(self, region: Mapping[str, Any]) -> None:
        """Pick a region in the list; only then do the keys and the labels act on it."""
        self._item(region).click()
        details = self.page.locator(".lsf-detailed-region")
        expect(details.get_by_text(region["id"], exact=True)).to_be_visible(timeout=PAGE_MS)

    def move(self, region: Mapping[str, Any], *, by: Percent) -> None:
        """Drag a box, given as the result that it is now."""
        self.pick(region)
        left = self.page.locator(".lsf-region-editor__input").first
        before = left.input_value()
        value = region["value"]
        x, y = value["x"] + value["width"] / 2, value["y"] + value["height"] / 2
        self._drag((x, y), (x + by[0], y + by[1]))
        expect(left).not_to_have_value(before, timeout=PAGE_MS)

    def delete(self, region: Mapping[str, Any]) -> None:
        """Delete a region with the key."""
        self.pick(region)
        self.page.keyboard.press("Backspace")
        self._ids.remove(region["id"])
        self._expect_listed()

    def relabel(self, region: Mapping[str, Any], label: str) -> None:
        """Give a region another label."""
        self.pick(region)
        self._label(label).click()
        expect(self._item(region)).to_contain_text(label, timeout=PAGE_MS)

    def draw(self, label: str, start: Percent, end: Percent) -> None:
        """Draw a box with the pointer, where there is none."""
        self.page.keyboard.press("Escape")  # else the label would go to the region that is picked
        expect(self.page.locator(".lsf-region-editor")).to_have_count(0, timeout=PAGE_MS)
        self._label(label).click()
        expect(self._label(label)).to_have_class(re.compile("lsf-label_selected"), timeout=PAGE_MS)
        self._drag(start, end)
        self._ids.append("")
        self._expect_listed()

    def submit(self) -> int:
        """Submit what the page shows; return the new annotation's id."""
        return self._answer_of(self._button("Submit").click, "POST", r"/tasks/\d+/annotations")

    def update(self) -> int:
        """Submit changes of an annotation; return its id."""
        return self._answer_of(self._button("Update").click, "PATCH", r"/annotations/\d+")

    def expect_update_is_off(self) -> None:
        """Wait until there is nothing that could be updated."""
        expect(self._button("Update")).to_be_disabled(timeout=PAGE_MS)

    def skip(self) -> int:
        """Skip the task; return the id of the annotation that says so."""
        return self._answer_of(self._button("Skip").click, "POST", r"/tasks/\d+/annotations")

    def cancel_skip(self) -> None:
        """Take the skipping back: the annotation is gone, and what it held is a draft."""
        self._wait_for(self._button("Cancel skip").click, "DELETE", r"/annotations/\d+")
        expect(self._button("Submit")).to_be_enabled(timeout=PAGE_MS)
        self._expect_listed()
        self.wait_until_loaded()

    def delete_annotation(self, annotation: int) -> None:
        """Delete an annotation with its menu, and say yes when the page asks."""
        # A prediction's tab may have the same number.
        own = f"[data-annotation-id='{annotation}']:not(:has(.lsf-annotation-button__userpic_prediction))"
        self.page.locator(f"{own} .lsf-annotation-button__trigger").click()
        self.page.get_by_text("Delete Annotation", exact=True).click()
        sure = self.page.get_by_role("button", name="Delete", exact=True)
        self._wait_for(sure.click, "DELETE", f"/annotations/{annotation}")

    def wait_for_draft(self, change: Callable[[], None]) -> None:
        """Change something, and wait until the page has saved it as a draft, which takes it some seconds."""
        self._wait_for(change, "POST", "/drafts")

    def save_screenshot(self, target: Path) -> None:
        """Save what is seen, once nothing is loading."""
        self.wait_until_loaded()
        self.page.screenshot(path=target, animations="disabled")

    @property
    def _canvas(self) -> Locator:
        return self.page.locator(".konvajs-content").first

    def _item(self, region: Mapping[str, Any]) -> Locator:
        return self._regions.nth(self._ids.index(region["id"]))

    def _label(self, label: str) -> Locator:
        return self.page.locator(".lsf-label", has_text=label)

    def _button(self, text: str) -> Locator:
        # Its name for screen readers differs from what is written on it.
        return self.page.locator("button", has_text=re.compile(f"^{text}$"))

    def _expect_listed(self) -> None:
        expect(self._regions).to_have_count(len(self._ids), timeout=PAGE_MS)

    def _drag(self, start: Percent, end: Percent) -> None:
        mouse = self.page.mouse
        mouse.move(*self._point(start))
        mouse.down()
        mouse.move(*self._point(end), steps=DRAG_STEPS)
        mouse.up()

    def _point(self, place: Percent) -> Percent:
        """Return where on the screen a place of the image is, in pixels."""
        box = self._canvas.bounding_box()
        assert box is not None, "the picture is not on the page"
        return box["x"] + place[0] * box["width"] / 100, box["y"] + place[1] * box["height"] / 100

    def _answer_of(self, act: Callable[[], None], method: str, path: str) -> int:
        return int(self._wait_for(act, method, path).json()["id"])

    def _wait_for(self, act: Callable[[], None], method: str, path: str) -> Any:
        """Do something, and return Label Studio's answer to the request that it makes; `path` is a pattern.

        Label Studio here sends its events before it answers: they are stored by then.
        """

        def is_it(response: Any) -> bool:
            return response.request.method == method and re.search(rf"{path}(\?|$)", response.url) is not None

        with self.page.expect_response(is_it, timeout=PAGE_MS) as answer:
            act()
        assert answer.value.ok, f"{method} {answer.value.url}: {answer.value.status}"
        return answer.value
