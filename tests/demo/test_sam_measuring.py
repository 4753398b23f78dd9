"""How masks are measured, and what the committed SAM reaches on scenes it was not trained on."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from backend.entities import Image, ImageSize, Mask
from backend.sam.entities import Embedding, FoundMask, Prompts
from demo.measure_sam import (
    SMALLEST,
    WEIGHTS,
    Bitmap,
    correcting_click,
    deepest,
    load_engine,
    main,
    measure,
    overlap,
    overlaps_of,
)
from demo.measure_weights import HELD_OUT_SCENES, HELD_OUT_START
from demo.scenes import CLASSES, SceneObject, draw_scene
from demo.train_sam import TRAIN_START

MAX_BYTES = 16_000_000


class Echo:
    """An engine that answers every prompt with one mask, and keeps what it was asked."""

    version, key, memory_bytes = "echo", "echo", 0

    def __init__(self, mask: Mask) -> None:
        self.mask = mask
        self.asked: list[Prompts] = []

    def embed(self, image: Image) -> Embedding:
        return Embedding(np.zeros((1, 1, 1), np.float16), ImageSize(image.shape[1], image.shape[0]))

    def segment(self, embedding: Embedding, prompts: Sequence[Prompts]) -> list[FoundMask]:
        self.asked += prompts
        return [FoundMask(self.mask, 1.0, np.full((4, 4), len(self.asked), np.float32)) for _ in prompts]


def bitmap(*, rows: slice, columns: slice) -> Bitmap:
    found = np.zeros((40, 60), bool)
    found[rows, columns] = True
    return found


def an_object() -> SceneObject:
    return SceneObject(
        "car", (10.0, 10.0, 30.0, 20.0), bitmap(rows=slice(10, 20), columns=slice(10, 30)), 1.0
    )


def test_click_lies_on_the_pixel_farthest_from_every_edge() -> None:
    point = deepest(bitmap(rows=slice(10, 21), columns=slice(10, 21)))
    assert (point.x, point.y, point.is_positive) == (15.5, 15.5, True)
    at_the_border = deepest(bitmap(rows=slice(0, 11), columns=slice(0, 11)))
    assert (at_the_border.x, at_the_border.y) == (5.5, 5.5)


def test_correction_goes_to_the_largest_error() -> None:
    wanted = bitmap(rows=slice(10, 30), columns=slice(10, 30))
    much_missing = bitmap(rows=slice(10, 30), columns=slice(10, 15)) | bitmap(
        rows=slice(2, 4), columns=slice(2, 4)
    )
    point = correcting_click(wanted, much_missing)
    assert point.is_positive and 15 < point.x < 30
    point = correcting_click(wanted, bitmap(rows=slice(10, 30), columns=slice(10, 50)))
    assert not point.is_positive and 30 < point.x < 50


def test_right_mask_is_clicked_once_more_in_its_middle() -> None:
    wanted = bitmap(rows=slice(10, 31), columns=slice(10, 31))
    assert correcting_click(wanted, wanted) == deepest(wanted)


def test_overlap_counts_a_mask_where_it_lies() -> None:
    engine = Echo(Mask(20, 10, np.ones((10, 10), bool)))
    reached = overlaps_of(engine, engine.embed(np.zeros((40, 60, 3), np.uint8)), an_object())
    assert reached == dict.fromkeys(("click", "click_1_more", "click_2_more", "box"), 0.5)


def test_corrections_add_clicks_and_hand_back_the_last_logits() -> None:
    engine = Echo(Mask(20, 10, np.ones((10, 10), bool)))
    overlaps_of(engine, engine.embed(np.zeros((40, 60, 3), np.uint8)), an_object())
    box, *clicks = engine.asked
    assert box.box is not None and not box.points
    assert [len(prompt.points) for prompt in clicks] == [1, 2, 3]
    assert clicks[0].logits is None
    assert [prompt.logits[0, 0] for prompt in clicks[1:] if prompt.logits is not None] == [2, 3]


def test_figures_are_means_over_objects_that_are_large_enough() -> None:
    seeds = range(HELD_OUT_START, HELD_OUT_START + 2)
    wanted = [o for seed in seeds for o in draw_scene(seed).objects if o.mask.sum() >= SMALLEST]
    figures = measure(Echo(Mask(0, 0, np.ones((480, 480), bool))), seeds)
    assert figures["objects"] == len(wanted)
    assert set(figures["mean_iou_by_class"]) <= set(CLASSES)
    assert 0 < figures["mean_iou"]["box"] < 0.5


def test_weights_are_small_and_their_figures_say_how_they_were_made() -> None:
    assert 0 < WEIGHTS.stat().st_size <= MAX_BYTES
    report = json.loads(WEIGHTS.with_suffix(".json").read_text())
    assert report["architecture"]["image_size"] == 256
    for run in report["runs"]:
        drawn = range(run["train_start_seed"], run["train_start_seed"] + run["train_scenes"])
        assert TRAIN_START <= drawn.start, "neither measured nor shown"
        assert {"seed", "minutes", "steps", "trained_on", "torch"} <= set(run)
    assert report["held_out_scenes"] == HELD_OUT_SCENES
    assert set(report["mean_iou_by_class"]) == set(CLASSES)
    assert report["mean_iou"]["click"] >= 0.65
    assert report["mean_iou"]["box"] >= 0.72


def test_committed_weights_find_objects_on_held_out_scenes() -> None:
    figures = measure(load_engine(WEIGHTS), range(HELD_OUT_START, HELD_OUT_START + 8))
    assert figures["objects"] >= 20
    assert figures["mean_iou"]["click"] >= 0.6
    assert figures["mean_iou"]["box"] >= 0.65
    assert figures["mean_iou"]["click_2_more"] >= figures["mean_iou"]["click"]


@pytest.mark.parametrize("other", [slice(0, 5), slice(35, 40)], ids=["above", "below"])
def test_masks_apart_have_no_overlap(other: slice) -> None:
    whole = slice(0, 60)
    assert overlap(bitmap(rows=slice(10, 20), columns=whole), bitmap(rows=other, columns=whole)) == 0


@pytest.mark.parametrize(
    "other", [("--camera", "fog"), ("--appearance", "masked"), ("--scenes", "2")], ids=lambda other: other[0]
)
def test_figures_of_other_scenes_are_not_written_beside_the_weights(
    tmp_path: Path, other: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["--weights", str(tmp_path / "sam.pt"), "--write", *other])
    assert "plain day alone" in capsys.readouterr().err and not list(tmp_path.iterdir())
