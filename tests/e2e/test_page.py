"""The labelling page in a browser: the boxes wait there before an annotator does anything."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from label_studio_sdk.client import LabelStudio
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from demo.label_studio import ROOT

from .conftest import Prelabelled
from .pictures import SHOWN_SEED
from .projects import predictions_by_task
from .servers import LabelStudioServer

SHOWN = f"scene_{SHOWN_SEED}.jpg"
README_PICTURE = ROOT / "docs/images/labelling-page.png"
README_PICTURE_BYTES = 600_000
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


@pytest.fixture
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser, label_studio: LabelStudioServer) -> Page:
    """A page of a browser that is logged in."""
    opened = browser.new_page(viewport=SIZE)
    opened.set_default_timeout(PAGE_MS)
    opened.goto(f"{label_studio.url}/user/login/")
    opened.fill("input[name=email]", label_studio.user)
    opened.fill("input[name=password]", label_studio.password)
    opened.press("input[name=password]", "Enter")
    opened.wait_for_url(lambda url: "/user/login" not in url)
    return opened


def test_predicted_regions_wait_on_the_labelling_page(
    page: Page, label_studio: LabelStudioServer, sdk: LabelStudio, prelabelled: Prelabelled, tmp_path: Path
):
    project = prelabelled.project
    (prediction,) = predictions_by_task(sdk, project)[project.tasks[SHOWN]]
    expected = [(r["value"]["rectanglelabels"][0], f"{r['score']:.2f}") for r in prediction.result]
    assert len(expected) >= 3, "too few regions for a test of the page"

    page.goto(f"{label_studio.url}/projects/{project.id}/data?task={project.tasks[SHOWN]}")
    regions = page.locator(".lsf-outliner-item")
    expect(regions).to_have_count(len(expected), timeout=PAGE_MS)

    labels = page.locator(".lsf-outliner-item__title").all_inner_texts()
    scores = page.locator(".lsf-outliner-item__control_type_score").all_inner_texts()
    shown = zip(map(str.strip, labels), map(str.strip, scores), strict=True)
    assert sorted(shown) == sorted(expected)
    _save_screenshot(page, tmp_path / "labelling-page.png")


def _save_screenshot(page: Page, target: Path) -> None:
    page.wait_for_load_state("networkidle")
    page.wait_for_function("[...document.images].every(image => image.complete)")
    page.screenshot(path=target, animations="disabled")
    with Image.open(target) as picture:
        assert picture.size == (SIZE["width"], SIZE["height"])
        if os.environ.get("UPDATE_SCREENSHOTS") == "1":
            README_PICTURE.parent.mkdir(parents=True, exist_ok=True)
            # Fewer shades, which nobody sees, halve the size of a picture full of noise.
            shades = picture.convert("RGB").point([round(v / 255 * 63) * 255 // 63 for v in range(256)] * 3)
            shades.save(README_PICTURE, optimize=True)
            assert README_PICTURE.stat().st_size < README_PICTURE_BYTES
