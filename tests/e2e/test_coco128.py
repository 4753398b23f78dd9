"""`yolov8n.pt` served over HTTP on coco128, against ultralytics' own figure for the same files."""

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from .coco128 import class_names, find_assets, image_paths, serve_images
from .projects import label_config
from .servers import run_web

pytestmark = pytest.mark.slow

ULTRALYTICS_MAP50 = 0.6155  # `yolo val` of yolov8n.pt on these 128 images, threshold 0.001
TOLERANCE = 0.01
THRESHOLD = 0.001
TASKS_PER_REQUEST = 16
REQUEST_SECONDS = 300.0
IOU_LEVELS = np.linspace(0.5, 0.95, 10)

# Boxes (n, 4) xyxy pixels, classes (n,), scores (n,).
Boxes = tuple[NDArray[np.float64], NDArray[np.int_], NDArray[np.float64]]


@pytest.fixture(scope="module")
def assets() -> Path:
    return find_assets("yolov8n.pt")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, assets: Path) -> dict[Path, Boxes]:
    """Our server's boxes of every image, back in pixels."""
    images, names = image_paths(assets), class_names(assets)
    config = label_config(names, attributes=f'model_score_threshold="{THRESHOLD}"')
    settings = {"YOLO_WEIGHTS": str(assets / "weights/yolov8n.pt")}
    found: dict[Path, Boxes] = {}
    with (
        serve_images(assets) as image_server,
        run_web(
            tmp_path_factory.mktemp("coco128"), settings={"LABEL_STUDIO_URL": image_server, **settings}
        ) as url,
    ):
        for start in range(0, len(images), TASKS_PER_REQUEST):
            chosen = images[start : start + TASKS_PER_REQUEST]
            tasks = [
                {"id": start + i, "data": {"image": f"{image_server}/{p.name}"}} for i, p in enumerate(chosen)
            ]
            body = {"tasks": tasks, "project": "1.1", "label_config": config, "params": {}}
            answer = httpx.post(f"{url}/predict", json=body, timeout=REQUEST_SECONDS, trust_env=False)
            assert answer.status_code == 200, answer.text
            results = answer.json()["results"]
            found |= {p: _read(r, p, names) for p, r in zip(chosen, results, strict=True)}
    return found


def test_served_predictions_reach_the_map50_of_ultralytics_itself(
    quiet_ultralytics: None, served: dict[Path, Boxes], capsys: pytest.CaptureFixture[str]
):
    from ultralytics.utils.metrics import ap_per_class

    truths = {path: _read_truth(path) for path in served}
    assert len(served) == 128
    hits = np.concatenate([_hits(served[path], truths[path]) for path in served])
    scores = np.concatenate([found[2] for found in served.values()])
    classes = np.concatenate([found[1] for found in served.values()])
    true_classes = np.concatenate([truth[1] for truth in truths.values()])

    average_precision = ap_per_class(hits, scores, classes, true_classes)[5]

    map50, map50_95 = float(average_precision[:, 0].mean()), float(average_precision.mean())
    figures = f"mAP50 {map50:.4f} (ultralytics {ULTRALYTICS_MAP50}), mAP50-95 {map50_95:.4f}"
    with capsys.disabled():
        print(f"\ncoco128 over HTTP: {figures}")
    assert map50 == pytest.approx(ULTRALYTICS_MAP50, abs=TOLERANCE)


def _read(result: dict[str, Any], path: Path, class_names: list[str]) -> Boxes:
    boxes, classes, scores = [], [], []
    for region in result["result"]:
        value = region["value"]
        width, height = region["original_width"], region["original_height"]
        x1, y1 = value["x"] / 100 * width, value["y"] / 100 * height
        boxes.append((x1, y1, x1 + value["width"] / 100 * width, y1 + value["height"] / 100 * height))
        classes.append(class_names.index(value["rectanglelabels"][0]))
        scores.append(region["score"])
    assert result["model_version"].startswith("yolov8n-"), path.name
    return np.array(boxes, float).reshape(-1, 4), np.array(classes, int), np.array(scores, float)


def _read_truth(path: Path) -> tuple[NDArray[np.float64], NDArray[np.int_]]:
    label_file = path.parents[2] / "labels/train2017" / f"{path.stem}.txt"
    rows = np.loadtxt(label_file, ndmin=2) if label_file.exists() else np.zeros((0, 5))
    rows = rows.reshape(-1, 5)
    with Image.open(path) as image:
        size = np.array(image.size * 2)
    centre, half = rows[:, 1:3], rows[:, 3:5] / 2
    return np.concatenate([centre - half, centre + half], axis=1) * size, rows[:, 0].astype(int)


def _hits(found: Boxes, truth: tuple[NDArray[np.float64], NDArray[np.int_]]) -> NDArray[np.bool_]:
    """Return (n, 10): is box n a true positive at each IoU level, by ultralytics' own matching."""
    import torch
    from ultralytics.engine.validator import BaseValidator
    from ultralytics.utils.metrics import box_iou

    (boxes, classes, _), (true_boxes, true_classes) = found, truth
    if not len(boxes) or not len(true_boxes):
        return np.zeros((len(boxes), len(IOU_LEVELS)), bool)
    validator = BaseValidator.__new__(BaseValidator)  # its constructor wants a data set
    validator.iouv = torch.from_numpy(IOU_LEVELS)
    iou = box_iou(torch.from_numpy(true_boxes), torch.from_numpy(boxes))
    hits = validator.match_predictions(torch.from_numpy(classes), torch.from_numpy(true_classes), iou)
    matched: NDArray[np.bool_] = hits.numpy()
    return matched
