"""Masks from clicks and boxes in a real Label Studio, against what the demo's scenes really show."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from label_studio_sdk.client import LabelStudio
from label_studio_sdk.converter.brush import decode_rle
from numpy.typing import NDArray
from playwright.sync_api import Browser

from demo.project import MASKS_CONFIG
from demo.scenes import SceneObject, draw_scene

from .conftest import ProjectFactory, RunCommand
from .pictures import ROTATED_SEED
from .projects import Project, call
from .rectangles import Result
from .screenshots import take_screenshot
from .servers import LabelStudioServer
from .smart_page import BOX_TOOL, POINT_TOOL, Percent, SmartPage

# Scenes whose largest things the demo's small SAM finds well: a car, with a part of the next one; a box; two.
CAR, BOX, TWO_BOXES = 2_000_010, 2_000_004, 2_000_102
# Rows of labels on the page, in the order of the labeling config.
CLICK_ROW, FRAME_ROW, MASK_ROW = range(3)
LEAST_IOU = 0.8

Pixels = NDArray[np.bool_]


@pytest.fixture(scope="module")
def project(new_project: ProjectFactory, run_backend_command: RunCommand) -> Project:
    made = new_project("Masks from clicks", config=MASKS_CONFIG, count=12)
    connected = run_backend_command("connect", "--project", str(made.id))
    assert connected.returncode == 0, connected.stdout + connected.stderr
    return made


@pytest.fixture
def page(browser: Browser, label_studio: LabelStudioServer) -> Iterator[SmartPage]:
    smart_page = SmartPage(browser, label_studio)
    yield smart_page
    smart_page.page.close()


def task_of(project: Project, seed: int) -> int:
    return project.tasks[f"scene_{seed}.jpg"]


def things(seed: int) -> list[SceneObject]:
    """Return what a scene shows, largest first."""
    return sorted(draw_scene(seed).objects, key=lambda thing: int(thing.mask.sum()), reverse=True)


def middle_of(mask: Pixels) -> Percent:
    """Return the place in a mask that is farthest from its edge."""
    distance = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    y, x = np.unravel_index(int(distance.argmax()), distance.shape)
    return 100 * (x + 0.5) / mask.shape[1], 100 * (y + 0.5) / mask.shape[0]


def corners_of(thing: SceneObject) -> tuple[Percent, Percent]:
    height, width = thing.mask.shape
    x1, y1, x2, y2 = thing.box
    return (100 * x1 / width, 100 * y1 / height), (100 * x2 / width, 100 * y2 / height)


def pixels_of(result: Result) -> Pixels:
    shape = (result["original_height"], result["original_width"], 4)
    return np.asarray(decode_rle(result["value"]["rle"]).reshape(shape)[:, :, 3] > 0)


def iou(one: Pixels, other: Pixels) -> float:
    return float((one & other).sum() / (one | other).sum())


def regions_of(sdk: LabelStudio, annotation: int) -> list[dict[str, Any]]:
    return list(call(sdk, "GET", f"api/annotations/{annotation}")["result"])


def test_one_click_gives_the_mask_and_alt_click_takes_away(
    page: SmartPage, project: Project, sdk: LabelStudio, tmp_path: Path
) -> None:
    thing = things(CAR)[0]
    page.open_task(project.id, task_of(project, CAR), regions=[])
    # With it on, a click on an accepted mask picks that region instead: Label Studio's choice.
    page.switch_on(accepts=False)
    page.take_tool(POINT_TOOL, tag=CLICK_ROW, label=thing.label)
    [first] = page.click(middle_of(thing.mask))
    assert first["type"] == "brushlabels" and first["value"]["brushlabels"] == [thing.label]
    assert iou(pixels_of(first), thing.mask) >= LEAST_IOU

    page.take_tool(POINT_TOOL, tag=CLICK_ROW, label=thing.label)
    too_much = pixels_of(first) & ~thing.mask
    [second] = page.click(middle_of(too_much), takes_away=True)
    assert second["id"] == first["id"]
    assert pixels_of(second).sum() < pixels_of(first).sum()
    assert iou(pixels_of(second), thing.mask) > iou(pixels_of(first), thing.mask)

    take_screenshot(page, tmp_path / "mask-from-a-click.png")
    page.accept()
    page.expect_regions(1)
    [region] = regions_of(sdk, page.submit())
    assert region["id"] == first["id"]
    assert (pixels_of(region) == pixels_of(second)).all()


def test_box_gives_the_mask_and_is_gone_once_accepted(
    page: SmartPage, project: Project, sdk: LabelStudio
) -> None:
    thing = things(BOX)[0]
    page.open_task(project.id, task_of(project, BOX), regions=[])
    page.switch_on(accepts=False)
    page.take_tool(BOX_TOOL, tag=FRAME_ROW, label=thing.label)
    [suggested] = page.frame(*corners_of(thing))
    assert iou(pixels_of(suggested), thing.mask) >= LEAST_IOU
    page.accept()
    page.expect_regions(1)
    [region] = regions_of(sdk, page.submit())
    assert region["id"] == suggested["id"] and region["type"] == "brushlabels"


def test_click_elsewhere_is_another_region(page: SmartPage, project: Project, sdk: LabelStudio) -> None:
    one, other = things(TWO_BOXES)[:2]
    page.open_task(project.id, task_of(project, TWO_BOXES), regions=[])
    page.switch_on(accepts=True)
    page.take_tool(POINT_TOOL, tag=CLICK_ROW, label=one.label)
    [first] = page.click(middle_of(one.mask))
    page.expect_regions(1)
    page.choose_label(tag=CLICK_ROW, label=one.label)
    [second] = page.click(middle_of(other.mask))
    page.expect_regions(2)
    assert second["id"] != first["id"]
    assert iou(pixels_of(first), one.mask) >= LEAST_IOU
    assert iou(pixels_of(second), other.mask) >= LEAST_IOU
    assert {region["id"] for region in regions_of(sdk, page.submit())} == {first["id"], second["id"]}


def test_mask_lies_on_a_photo_that_the_browser_turns(page: SmartPage, project: Project) -> None:
    thing = things(ROTATED_SEED)[0]
    page.open_task(project.id, task_of(project, ROTATED_SEED), regions=[])
    page.switch_on(accepts=False)
    page.take_tool(POINT_TOOL, tag=CLICK_ROW, label=thing.label)
    [suggested] = page.click(middle_of(thing.mask))
    assert iou(pixels_of(suggested), thing.mask) >= LEAST_IOU
