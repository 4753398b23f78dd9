"""From ultralytics' results to detections, on pictures that are not square, pixels worked out by hand."""

import tracemalloc
from math import radians, sqrt
from typing import Any

import numpy as np
import pytest
import torch
from ultralytics.data.augment import LetterBox
from ultralytics.engine.results import Results

from backend.entities import Box, Detection, Keypoint, Mask, RotatedBox
from backend.inference.heads import PROTOTYPE_STRIDE, detections

NAMES = {0: "car", 1: "person", 2: "boat"}
Shape = tuple[int, int]


def results(height: int, width: int, **parts: Any) -> Results:
    """Return what ultralytics would for an image of this size, which takes no memory here."""
    image = np.broadcast_to(np.uint8(0), (height, width, 3))
    tensors = {name: torch.as_tensor(part, dtype=torch.float32) for name, part in parts.items()}
    return Results(image, path="", names=NAMES, **tensors)


def masks(size: Shape, logits: np.ndarray, *boxes: list[float]) -> list[Detection]:
    """Return the segmentation head's detections in an image of (height, width)."""
    rows = [[*box, 0.9 - index / 10, 0] for index, box in enumerate(boxes)]
    return detections(results(*size, boxes=rows, masks=logits), "segment", threshold=0.25)


def block(cells: Shape, rows: slice, columns: slice) -> np.ndarray:
    """Return the logits of one thing in an image: 1 in these prototype cells, -1 in the others."""
    logits = np.full((1, *cells), -1.0)
    logits[0, rows, columns] = 1.0
    return logits


def extent(mask: Mask) -> tuple[int, int, int, int]:
    height, width = mask.pixels.shape
    return mask.x, mask.y, width, height


def test_boxes_are_named_and_come_highest_score_first() -> None:
    rows = [[10, 20, 30, 50, 0.5, 1], [0, 0, 300, 100, 0.75, 2], [1, 2, 3, 4, 0.125, 0]]
    assert detections(results(100, 300, boxes=rows), "detect", threshold=0.25) == [
        Detection("boat", 0.75, Box(0, 0, 300, 100)),
        Detection("person", 0.5, Box(10, 20, 30, 50)),
    ]


@pytest.mark.parametrize("size", [(100, 300), (300, 100)])
def test_rotated_box_turns_clockwise_and_its_box_encloses_it(size: Shape) -> None:
    result = results(*size, obb=[[60, 50, 40, 20, radians(30), 0.5, 1]])
    [found] = detections(result, "obb", threshold=0.25)
    assert isinstance(found.shape, RotatedBox)
    turned = [found.shape.x, found.shape.y, found.shape.width, found.shape.height, found.shape.angle]
    assert turned == pytest.approx([60, 50, 40, 20, 30])
    across, down = 10 * sqrt(3) + 5, 10 + 5 * sqrt(3)
    box = [found.box.x1, found.box.y1, found.box.x2, found.box.y2]
    assert box == pytest.approx([60 - across, 50 - down, 60 + across, 50 + down])
    # As ultralytics has it too, the right end is below the centre.
    rightmost = max(result.obb.xyxyxyxy[0].tolist())
    assert rightmost == pytest.approx([60 + across, 50 + 10 - 5 * sqrt(3)])


def test_key_points_keep_the_models_order_and_their_visibility() -> None:
    points = [[[10, 20, 0.5], [0, 0, 0.0]], [[290, 90, 1.0], [5, 6, 0.25]]]
    rows = [[0, 0, 20, 30, 0.5, 1], [200, 50, 300, 100, 0.75, 1]]
    first, second = detections(results(100, 300, boxes=rows, keypoints=points), "pose", threshold=0.25)
    assert first == Detection(
        "person", 0.75, Box(200, 50, 300, 100), (Keypoint(290, 90, 1.0), Keypoint(5, 6, 0.25))
    )
    assert second.shape == (Keypoint(10, 20, 0.5), Keypoint(0, 0, 0.0))


def test_key_points_of_a_model_without_visibility_are_visible() -> None:
    result = results(300, 100, boxes=[[0, 0, 20, 30, 0.5, 1]], keypoints=[[[10, 20], [0, 3]]])
    [found] = detections(result, "pose", threshold=0.25)
    assert found.shape == (Keypoint(10, 20, 1.0), Keypoint(0, 3, 1.0))


def test_classes_of_the_whole_image_come_highest_first_from_the_threshold_on() -> None:
    result = results(100, 300, probs=[0.25, 0.625, 0.125])
    assert detections(result, "classify", threshold=0.25) == [
        Detection("person", 0.625, None),
        Detection("car", 0.25, None),
    ]
    assert len(detections(result, "classify", threshold=0.0)) == 3


@pytest.mark.parametrize(
    ("task", "parts"),
    [
        ("detect", {"boxes": np.zeros((0, 6))}),
        ("obb", {"obb": np.zeros((0, 7))}),
        ("segment", {"boxes": np.zeros((0, 6)), "masks": np.zeros((0, 24, 32))}),
        ("pose", {"boxes": np.zeros((0, 6)), "keypoints": np.zeros((0, 3, 3))}),
    ],
)
def test_image_without_a_thing_has_no_detections(task: str, parts: dict[str, np.ndarray]) -> None:
    assert detections(results(100, 160, **parts), task, threshold=0.0) == []


# 160 x 100 pixels become 128 x 80 and are padded to 128 x 96: 8 above, 8 below. A prototype cell is 4 pixels
# of that, 5 of the image, so two rows of cells are padding. The three outermost pixels of each corner of a
# block of cells are nearer to what is outside.
def test_mask_lies_where_its_cells_are_in_a_landscape_picture() -> None:
    [found] = masks((100, 160), block((24, 32), slice(4, 8), slice(3, 7)), [0, 0, 160, 100])
    assert isinstance(found.shape, Mask)
    assert extent(found.shape) == (15, 10, 20, 20)
    expected = np.ones((20, 20), bool)
    expected[[0, 0, 1, 0, 0, 1, -1, -1, -2, -1, -1, -2], [0, 1, 0, -1, -2, -1, 0, 1, 0, -1, -2, -1]] = False
    assert np.array_equal(found.shape.pixels, expected)
    assert found.shape.pixels.base is None  # it keeps no more than itself in memory
    assert found.box == Box(0, 0, 160, 100)


def test_mask_lies_where_its_cells_are_in_a_portrait_picture() -> None:
    [found] = masks((160, 100), block((32, 24), slice(3, 7), slice(4, 8)), [0, 0, 100, 160])
    assert isinstance(found.shape, Mask)
    assert extent(found.shape) == (10, 15, 20, 20)


def test_odd_padding_is_undone_as_ultralytics_rounds_it() -> None:
    # 427 x 640 is padded to 448 x 640: 10 on the left, 11 on the right; a cell is 4 pixels.
    [found] = masks((640, 427), block((160, 112), slice(5, 9), slice(4, 8)), [0, 0, 427, 640])
    assert isinstance(found.shape, Mask)
    assert extent(found.shape) == (6, 20, 16, 16)
    assert found.shape.pixels.sum() == 16 * 16 - 4


def test_mask_ends_at_its_box() -> None:
    [found] = masks((100, 160), block((24, 32), slice(4, 8), slice(3, 7)), [16.2, 9, 31.0, 20.5])
    assert isinstance(found.shape, Mask)
    assert extent(found.shape) == (17, 10, 14, 11)
    assert found.box == Box(pytest.approx(16.2), 9, 31, 20.5)


def test_mask_at_the_images_edge_reaches_it() -> None:
    [found] = masks((100, 160), block((24, 32), slice(2, 22), slice(0, 32)), [0, 0, 160, 100])
    assert isinstance(found.shape, Mask)
    assert extent(found.shape) == (0, 0, 160, 100)


def test_thing_without_a_mask_is_left_out() -> None:
    logits = np.concatenate([block((24, 32), slice(4, 8), slice(3, 7))] * 3)
    found = masks((100, 160), logits, [100, 50, 160, 100], [10, 10, 20, 20], [15.2, 10, 15.6, 30])
    assert [d.score for d in found] == [pytest.approx(0.8)]


SIZES = [(427, 640), (640, 427), (33, 57), (1234, 777), (120, 3000), (3000, 119), (97, 640)]


@pytest.mark.parametrize("size", SIZES)
def test_mask_is_where_the_letterbox_took_it_from(size: Shape) -> None:
    height, width = size
    top, bottom, left, right = height // 4, height - height // 5, width // 3, width - width // 7
    picture = np.zeros((*size, 1), np.uint8)
    picture[top:bottom, left:right] = 255
    seen = LetterBox(640, auto=True, stride=32, padding_value=0)(image=picture.repeat(3, axis=2))[..., 0]
    cells = [side // PROTOTYPE_STRIDE for side in seen.shape]
    parts = seen.reshape(cells[0], PROTOTYPE_STRIDE, cells[1], PROTOTYPE_STRIDE)
    [found] = masks(size, parts.mean(axis=(1, 3))[None] - 127.5, [0, 0, width, height])
    assert isinstance(found.shape, Mask)
    x, y, w, h = extent(found.shape)
    off = np.abs(np.subtract([x, y, x + w, y + h], [left, top, right, bottom])).max()
    # Two cells mix what lies in them, so an edge is known to half a cell.
    assert off <= max(1, 0.5 * PROTOTYPE_STRIDE * max(size) / 640)


def test_masks_of_a_large_photograph_take_the_memory_of_their_cut_outs() -> None:
    cells = (120, 160)
    logits = np.ones((100, *cells), np.float32)
    boxes = [[x, y, x + 200.0, y + 150.0] for x in range(0, 4000, 400) for y in range(0, 3000, 300)]
    rows = torch.tensor([[*box, 0.5, 0] for box in boxes])
    result = results(3000, 4000, boxes=rows, masks=logits)
    tracemalloc.start()
    found = detections(result, "segment", threshold=0.25)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    area = 100 * 200 * 150
    assert len(found) == 100 and area < kept < 1.1 * area
    assert peak < 1.2 * area
