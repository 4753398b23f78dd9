"""The labelling page in a browser: the boxes wait there before an annotator does anything."""

import os
from pathlib import Path

from label_studio_sdk.client import LabelStudio
from PIL import Image

from demo.label_studio import ROOT

from .conftest import Prelabelled
from .labelling_page import SIZE, LabellingPage
from .pictures import SHOWN_SEED
from .projects import predictions_by_task

SHOWN = f"scene_{SHOWN_SEED}.jpg"
README_PICTURE = ROOT / "docs/images/labelling-page.png"
README_PICTURE_BYTES = 600_000


def test_predicted_regions_wait_on_the_labelling_page(
    labelling_page: LabellingPage, sdk: LabelStudio, prelabelled: Prelabelled, tmp_path: Path
):
    project = prelabelled.project
    (prediction,) = predictions_by_task(sdk, project)[project.tasks[SHOWN]]
    expected = [(r["value"]["rectanglelabels"][0], f"{r['score']:.2f}") for r in prediction.result]
    assert len(expected) >= 3, "too few regions for a test of the page"

    labelling_page.open_task(project.id, project.tasks[SHOWN], regions=prediction.result)

    assert sorted(labelling_page.listed()) == sorted(expected)
    target = tmp_path / "labelling-page.png"
    labelling_page.save_screenshot(target)
    _check_screenshot(target)


def _check_screenshot(target: Path) -> None:
    with Image.open(target) as picture:
        assert picture.size == (SIZE["width"], SIZE["height"])
        if os.environ.get("UPDATE_SCREENSHOTS") == "1":
            README_PICTURE.parent.mkdir(parents=True, exist_ok=True)
            # Fewer shades, which nobody sees, halve the size of a picture full of noise.
            shades = picture.convert("RGB").point([round(v / 255 * 63) * 255 // 63 for v in range(256)] * 3)
            shades.save(README_PICTURE, optimize=True)
            assert README_PICTURE.stat().st_size < README_PICTURE_BYTES
