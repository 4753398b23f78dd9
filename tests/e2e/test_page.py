"""The labelling page in a browser: the boxes wait there before an annotator does anything."""

from pathlib import Path

from label_studio_sdk.client import LabelStudio

from .conftest import Prelabelled
from .labelling_page import LabellingPage
from .pictures import SHOWN_SEED
from .projects import predictions_by_task
from .screenshots import take_screenshot

SHOWN = f"scene_{SHOWN_SEED}.jpg"


def test_predicted_regions_wait_on_the_labelling_page(
    labelling_page: LabellingPage, sdk: LabelStudio, prelabelled: Prelabelled, tmp_path: Path
):
    project = prelabelled.project
    (prediction,) = predictions_by_task(sdk, project)[project.tasks[SHOWN]]
    expected = [(r["value"]["rectanglelabels"][0], f"{r['score']:.2f}") for r in prediction.result]
    assert len(expected) >= 3, "too few regions for a test of the page"

    labelling_page.open_task(project.id, project.tasks[SHOWN], regions=prediction.result)

    assert sorted(labelling_page.listed()) == sorted(expected)
    take_screenshot(labelling_page, tmp_path / "labelling-page.png")
