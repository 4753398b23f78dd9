"""Training a SAM: pictures and views, clicks where they belong, the decoder, one short run."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.sam.architectures import SamArchitecture, build_sam, load_sam, save_sam
from demo.sam_training.decoding import Answers, Asked, decode, embed_prompts
from demo.sam_training.losses import answer_loss, mask_losses, overlaps
from demo.sam_training.pictures import OUTSIDE, SIDE, Pictures, choose_style, draw_pictures, to_square
from demo.sam_training.prompts import MOST_BOX_JITTER, choose_clicks, choose_corrections, loosen_boxes
from demo.sam_training.training import Progress, Trainer, TrainingPlan
from demo.sam_training.views import Store, find_boxes, take_views
from demo.scenes import draw_scene
from demo.train_sam import TRAIN_SCENES, TRAIN_START, VALIDATION_SCENES, VALIDATION_START

TINY = SamArchitecture(
    image_size=64,
    patch_size=8,
    width=16,
    depth=1,
    heads=2,
    global_layers=(0,),
    window=4,
    prompt_width=16,
    decoder_mlp=32,
    decoder_heads=2,
)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def square_thing(*, left: int, top: int, side: int, height: int = SIDE) -> Pictures:
    """Return one picture, `height` of its square high: a red thing on grey."""
    pixels = np.full((1, SIDE, SIDE, 3), 100, np.uint8)
    things = np.zeros((1, SIDE, SIDE), np.uint8)
    things[0, height:] = OUTSIDE
    pixels[0, top : top + side, left : left + side] = (255, 0, 0)
    things[0, top : top + side, left : left + side] = 1
    return Pictures(pixels, things)


def area(*, rows: slice, columns: slice, side: int = 32) -> torch.Tensor:
    """Return one mask (1, side, side) of a rectangle."""
    mask = torch.zeros(1, side, side)
    mask[0, rows, columns] = 1
    return mask


def test_picture_keeps_every_object_and_knows_where_it_ends() -> None:
    scene = draw_scene(TRAIN_START + 4)
    _, things = to_square(scene)
    width, height = scene.size
    drawn = things != OUTSIDE
    assert drawn.sum() == round(SIDE * SIDE * min(width, height) / max(width, height))
    shares = [(things == number).sum() / drawn.sum() for number in range(1, len(scene.objects) + 1)]
    assert shares == pytest.approx([item.mask.mean() for item in scene.objects], rel=0.1)


def test_several_processes_draw_what_one_draws() -> None:
    seeds = range(TRAIN_START, TRAIN_START + 3)
    alone, together = draw_pictures(seeds, processes=1), draw_pictures(seeds, processes=2)
    np.testing.assert_array_equal(alone.pixels, together.pixels)
    np.testing.assert_array_equal(alone.things, together.things)


def test_most_training_scenes_are_by_day_and_plain_but_not_all() -> None:
    styles = [choose_style(seed) for seed in range(200)]
    assert 100 < sum(style.camera == "day" for style in styles) < 200
    assert 0 < sum(style.appearance == "masked" for style in styles) < 100


def test_no_scene_both_trains_and_measures() -> None:
    measured = range(1_000_000, 4_000_000)
    for start, count in ((TRAIN_START, TRAIN_SCENES), (VALIDATION_START, VALIDATION_SCENES)):
        assert not set(range(start, start + count)) & set(measured)
    assert VALIDATION_START + VALIDATION_SCENES <= TRAIN_START


def test_plain_view_is_the_picture_made_smaller() -> None:
    store = Store.of(square_thing(left=64, top=128, side=96, height=384), "cpu")
    views = take_views(store, torch.tensor([0]), objects=2, side=64, cells=32, is_varied=False)
    assert views.boxes.tolist() == [[[8, 16, 20, 28]] * 2]
    assert views.shares.sum((-2, -1)).tolist() == [[36, 36]]
    assert views.is_picture.sum() == 64 * 48
    assert views.pixels[0, :, 20, 10].tolist() == [255, 0, 0]


def test_varied_views_move_mask_and_picture_alike() -> None:
    store = Store.of(square_thing(left=200, top=150, side=90, height=384), "cpu")
    views = take_views(
        store, torch.zeros(24, dtype=torch.long), objects=1, side=256, cells=256, is_varied=True
    )
    is_red = (views.pixels[:, 0] - views.pixels[:, 1] > 90) & views.is_picture[:, 0]
    is_seen = views.is_thing[:, 0]
    assert is_seen.sum() > 8
    found = torch.where(is_red, 1.0, -1.0)[:, None]
    assert overlaps(found, views.shares[:, 0])[is_seen].min() > 0.9
    assert len({tuple(box) for box in views.boxes[is_seen, 0].round().tolist()}) > 6


def test_view_without_a_large_enough_object_says_so() -> None:
    store = Store.of(square_thing(left=10, top=10, side=5), "cpu")
    views = take_views(store, torch.tensor([0]), objects=2, side=64, cells=32, is_varied=False)
    assert views.is_thing.tolist() == [[False, False]]
    assert views.shares.sum() == 0


def test_box_ends_one_past_the_last_pixel() -> None:
    mask = area(rows=slice(3, 9), columns=slice(4, 20)) > 0
    assert find_boxes(mask).tolist() == [[4, 3, 20, 9]]


@pytest.mark.parametrize("care", [None, 1e9], ids=["anywhere", "in the middle"])
def test_clicks_lie_inside(care: float | None) -> None:
    masks = area(rows=slice(4, 14), columns=slice(6, 12)).expand(50, -1, -1)
    points, cells = choose_clicks(masks, 2.0, care)
    assert masks.flatten(1).gather(1, cells[:, None]).min() == 1
    assert ((points >= torch.tensor([12, 8])) & (points <= torch.tensor([24, 28]))).all()


def test_careful_click_hits_the_middle_and_others_spread() -> None:
    masks = area(rows=slice(4, 25), columns=slice(4, 25)).expand(50, -1, -1)
    careful, _ = choose_clicks(masks, 1.0, 1e9)
    assert (careful - 14.5).abs().max() <= 4
    assert choose_clicks(masks, 1.0)[0].std(0).min() > 1


def test_correction_adds_what_is_missing_and_takes_what_is_too_much() -> None:
    wanted = area(rows=slice(4, 20), columns=slice(4, 20))
    too_small, too_large = wanted.clone() > 0, wanted.clone() > 0
    too_small[:, :, 12:] = False
    too_large[:, :, 20:30] = True
    point, is_positive = choose_corrections(wanted, too_small, 1.0)
    assert is_positive.item() and point[0, 0] >= 12
    point, is_positive = choose_corrections(wanted, too_large, 1.0)
    assert not is_positive.item()
    point, is_positive = choose_corrections(wanted, wanted > 0, 1.0)
    assert is_positive.item() and wanted[0, int(point[0, 1]), int(point[0, 0])] == 1


def test_loose_boxes_stay_near_and_some_are_exact() -> None:
    boxes = torch.tensor([[10.0, 20.0, 50.0, 100.0]]).expand(200, -1)
    moved = (loosen_boxes(boxes) - boxes).abs() / torch.tensor([40.0, 80.0, 40.0, 80.0])
    assert moved.max() <= MOST_BOX_JITTER + 1e-6
    assert 0 < (moved.amax(1) == 0).sum() < 200


def test_decoder_answers_many_images_as_each_alone() -> None:
    sam = build_sam(TINY)
    features = torch.randn(3, TINY.prompt_width, TINY.grid, TINY.grid)
    asked = Asked(torch.rand(3, 1, 2) * 64, torch.ones(3, 1, dtype=torch.bool), None)
    sparse, dense = embed_prompts(sam.prompt_encoder, asked, None)
    together = decode(sam, features, sparse, dense)
    for index in range(3):
        logits, quality = sam.mask_decoder(
            image_embeddings=features[index : index + 1],
            image_pe=sam.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse[index : index + 1],
            dense_prompt_embeddings=dense[index : index + 1],
            multimask_output=True,
        )
        torch.testing.assert_close(together.logits[index, 1:], logits[0], atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(together.quality[index, 1:], quality[0], atol=1e-4, rtol=1e-4)


def test_right_mask_costs_least_and_overlap_is_iou() -> None:
    wanted = area(rows=slice(4, 20), columns=slice(4, 20))
    right = (wanted * 20 - 10)[:, None]
    shifted = right.roll(4, -1)
    losses = mask_losses(torch.cat([right, shifted, -right], 1), wanted)[0]
    assert losses[0] < 0.01 < losses[1] < losses[2]
    assert overlaps(torch.cat([right, shifted], 1), wanted)[0].tolist() == pytest.approx([1, 12 / 20])


def test_views_without_objects_cost_nothing() -> None:
    answers = Answers(torch.randn(2, 4, 32, 32), torch.zeros(2, 4))
    shares = area(rows=slice(0, 8), columns=slice(0, 8)).expand(2, -1, -1)
    both = answer_loss(answers, shares, torch.tensor([True, False]))
    first = answer_loss(Answers(answers.logits[:1], answers.quality[:1]), shares[:1], torch.tensor([True]))
    assert both.item() == pytest.approx(first.item())
    assert answer_loss(answers, shares, torch.tensor([False, False])) == 0


def test_short_run_learns_and_leaves_a_file_that_loads(tmp_path: Path) -> None:
    store = Store.of(square_thing(left=100, top=100, side=200), "cpu")
    trainer = Trainer(TINY, TrainingPlan(seconds=1, batch=4, objects=2, average=0.5), "cpu")
    views = take_views(store, torch.zeros(4, dtype=torch.long), objects=2, side=64, cells=32, is_varied=False)
    losses = [trainer.step(views, 0.1, number).item() for number in range(40)]
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    save_sam(trainer.averaged, TINY, tmp_path / "tiny.pt")
    loaded, architecture = load_sam(tmp_path / "tiny.pt")
    assert architecture == TINY
    assert not torch.equal(
        loaded.mask_decoder.iou_token.weight, build_sam(TINY).mask_decoder.iou_token.weight
    )


def test_run_saves_at_its_end_and_reports_what_it_reached() -> None:
    store = Store.of(square_thing(left=100, top=100, side=200), "cpu")
    trainer = Trainer(TINY, TrainingPlan(seconds=1e-9, batch=2, objects=2), "cpu")
    saved: list[object] = []
    reports: list[Progress] = []
    trainer.run(store, store, report=reports.append, save=saved.append)
    assert len(saved) == 1
    last = reports[-1]
    assert last.click is not None and last.box is not None
    assert 0 <= last.click <= 1 and 0 <= last.box <= 1
    assert math.isfinite(last.loss)
