"""The similarity of poses is that of COCO and ultralytics."""

import numpy as np
import pytest

from backend.entities import Box, Point, Region
from retrain.evaluation.keypoint_similarity import COCO_SIGMAS, similarities
from tests.retrain.dataset.snapshots import KEYPOINTS, region

SHARE_OF_BOX = 0.53  # that ultralytics takes for an object's area


def poses(name: str, boxes: np.ndarray, points: np.ndarray, labels: tuple[str, ...]) -> list[Region]:
    """Return boxes and those of their points that have a number."""
    regions = []
    for place, (box, marks) in enumerate(zip(boxes.tolist(), points.tolist(), strict=True)):
        regions.append(region(Box(*box), id=f"{name}{place}"))
        regions += [
            region(Point(x, y), label, id=f"{name}{place}{label}", parent=f"{name}{place}")
            for label, (x, y) in zip(labels, marks, strict=True)
            if not np.isnan(x)
        ]
    return regions


def boxes_only(regions: list[Region]) -> list[Region]:
    return [each for each in regions if isinstance(each.geometry, Box)]


@pytest.mark.parametrize("count", [pytest.param(3, id="own points"), pytest.param(17, id="COCO's points")])
def test_similarity_is_that_of_ultralytics(quiet_ultralytics: None, count: int) -> None:
    import torch
    from ultralytics.utils.metrics import OKS_SIGMA, kpt_iou

    rng = np.random.default_rng(count)
    labels = tuple(f"point {number}" for number in range(count))
    start = rng.uniform(0, 50, (4, 2))
    boxes = np.hstack([start, start + rng.uniform(30, 90, (4, 2))])
    true_points = rng.uniform(0, 100, (4, count, 2))
    points = np.concatenate([true_points + rng.normal(0, 5, true_points.shape)] * 2)
    is_annotated = rng.random((4, count)) < 0.8
    is_annotated[:, 0] = True
    truth = poses("truth", boxes, np.where(is_annotated[..., None], true_points, np.nan), labels)
    found = poses("found", np.concatenate([boxes] * 2), points, labels)
    ours = similarities(boxes_only(truth), truth, boxes_only(found), found, keypoints=labels)
    theirs = kpt_iou(
        torch.tensor(np.dstack([true_points, is_annotated])),
        torch.tensor(points),
        torch.tensor((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) * SHARE_OF_BOX),
        OKS_SIGMA.tolist() if count == len(OKS_SIGMA) else [1 / count] * count,
    )
    assert ours == pytest.approx(theirs.numpy(), abs=1e-6)


def test_sigmas_are_those_of_coco(quiet_ultralytics: None) -> None:
    from ultralytics.utils.metrics import OKS_SIGMA

    assert COCO_SIGMAS == pytest.approx(OKS_SIGMA.tolist())


def test_point_that_was_not_found_adds_nothing() -> None:
    box = np.array([[0.0, 0.0, 50.0, 50.0]])
    marks = np.array([[[5.0, 5.0], [20.0, 20.0], [np.nan, np.nan]]])
    truth = poses("truth", box, marks, KEYPOINTS)
    without_one = np.array([[[5.0, 5.0], [np.nan, np.nan], [9.0, 9.0]]])
    found = poses("found", box, without_one, KEYPOINTS)
    alike = similarities(boxes_only(truth), truth, boxes_only(found), found, keypoints=KEYPOINTS)
    assert alike.tolist() == [[0.5]]


def test_object_without_points_has_no_similarity() -> None:
    box = np.array([[0.0, 0.0, 50.0, 50.0]])
    truth = poses("truth", box, np.full((1, 3, 2), np.nan), KEYPOINTS)
    found = poses("found", box, np.full((1, 3, 2), 7.0), KEYPOINTS)
    alike = similarities(boxes_only(truth), truth, boxes_only(found), found, keypoints=KEYPOINTS)
    assert np.isnan(alike).all()
