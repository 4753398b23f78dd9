"""`yolo11n-seg.pt` served over HTTP on coco128: what Label Studio gets against ultralytics' own masks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from label_studio_sdk.converter.brush import decode_rle
from numpy.typing import NDArray

from .coco128 import class_names, find_assets, image_paths, serve_images
from .servers import run_web

pytestmark = pytest.mark.slow

WEIGHTS = "yolo11n-seg.pt"
THRESHOLD = 0.25
LEAST_BRUSH_IOU = 0.97
LEAST_POLYGON_IOU = 0.93
POLYGON_POINTS = 64
TASKS_PER_REQUEST = 16
REQUEST_SECONDS = 300.0
# Ours travel with six decimals, and come from batches, which change the last digits of a forward pass.
SCORE_TOLERANCE = 1e-3

Pixels = NDArray[np.bool_]


@dataclass(frozen=True)
class Instance:
    """One thing as a mask of the whole image, (H, W)."""

    label: str
    score: float
    pixels: Pixels


@dataclass(frozen=True)
class Overlaps:
    """IoU of each of the reference's instances with ours, by control tag; what has no partner is counted."""

    name: str
    brush: list[float]
    polygon: list[float]
    unmatched: list[str]

    def __str__(self) -> str:
        kinds = (("brush", self.brush), ("polygon", self.polygon))
        figures = [
            f"{kind} mean {np.mean(ious):.4f}, 5th percentile {np.percentile(ious, 5):.4f}, "
            f"least {min(ious):.4f}"
            for kind, ious in kinds
        ]
        counts = f"{len(self.brush)} instances, {len(self.unmatched)} unmatched"
        return f"against {self.name}: {'; '.join(figures)} ({counts})"


@pytest.fixture(scope="module")
def assets() -> Path:
    return find_assets(WEIGHTS)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, assets: Path) -> dict[Path, list[dict[str, Any]]]:
    """What Label Studio gets for every image."""
    images = image_paths(assets)
    labels = "".join(f'<Label value="{name}"/>' for name in class_names(assets))
    tags = "".join(
        f'<{kind} name="{name}" toName="image" model_score_threshold="{THRESHOLD}">{labels}</{kind}>'
        for name, kind in (("brush", "BrushLabels"), ("polygon", "PolygonLabels"))
    )
    config = f'<View><Image name="image" value="$image"/>{tags}</View>'
    settings = {"YOLO_WEIGHTS": str(assets / "weights" / WEIGHTS), "POLYGON_POINTS": str(POLYGON_POINTS)}
    found: dict[Path, list[dict[str, Any]]] = {}
    folder = tmp_path_factory.mktemp("segmentation")
    with (
        serve_images(assets) as label_studio,
        run_web(folder, settings={"LABEL_STUDIO_URL": label_studio, **settings}) as url,
    ):
        for start in range(0, len(images), TASKS_PER_REQUEST):
            chosen = images[start : start + TASKS_PER_REQUEST]
            tasks = [
                {"id": start + i, "data": {"image": f"{label_studio}/{p.name}"}} for i, p in enumerate(chosen)
            ]
            body = {"tasks": tasks, "project": "1.1", "label_config": config, "params": {}}
            answer = httpx.post(f"{url}/predict", json=body, timeout=REQUEST_SECONDS, trust_env=False)
            assert answer.status_code == 200, answer.text
            results = [entry["result"] for entry in answer.json()["results"]]
            found |= dict(zip(chosen, results, strict=True))
    return found


@pytest.fixture(scope="module")
def overlaps(
    quiet_ultralytics: None, assets: Path, served: dict[Path, list[dict[str, Any]]]
) -> list[Overlaps]:
    """Compare with both kinds of masks that ultralytics makes, one image after the other."""
    from ultralytics import YOLO

    weights = assets / "weights" / WEIGHTS
    # One model each: it keeps the options of its first call.
    models = {"retina masks": (YOLO(weights), True), "default masks, upscaled": (YOLO(weights), False)}
    compared = [Overlaps(name, [], [], []) for name in models]
    for path, results in served.items():
        brush = [_read_brush(result) for result in results if result["from_name"] == "brush"]
        polygon = [_read_polygon(result) for result in results if result["from_name"] == "polygon"]
        for overlap, (model, is_retina) in zip(compared, models.values(), strict=True):
            _compare(overlap, path.name, _ultralytics_instances(model, path, is_retina), brush, polygon)
    return compared


def test_masks_that_label_studio_gets_are_ultralytics_own(
    overlaps: list[Overlaps], served: dict[Path, list[dict[str, Any]]], capsys: pytest.CaptureFixture[str]
):
    assert len(served) == 128
    with capsys.disabled():
        print()
        for overlap in overlaps:
            print(f"coco128 over HTTP {overlap}")
    for overlap in overlaps:
        assert overlap.unmatched == []
        assert np.mean(overlap.brush) >= LEAST_BRUSH_IOU, overlap.name
        assert np.mean(overlap.polygon) >= LEAST_POLYGON_IOU, overlap.name


def test_polygons_keep_to_their_number_of_points(served: dict[Path, list[dict[str, Any]]]):
    counts = [len(r["value"]["points"]) for rs in served.values() for r in rs if r["from_name"] == "polygon"]
    assert 3 <= min(counts) and max(counts) <= POLYGON_POINTS


def _compare(
    overlaps: Overlaps,
    image: str,
    references: Iterator[Instance],
    brush: Sequence[Instance],
    polygon: Sequence[Instance],
) -> None:
    left = {"brush": list(brush), "polygon": list(polygon)}
    ious = {"brush": overlaps.brush, "polygon": overlaps.polygon}
    for reference in references:
        for kind, ours in left.items():
            partners = [
                instance
                for instance in ours
                if instance.label == reference.label
                and abs(instance.score - reference.score) < SCORE_TOLERANCE
            ]
            if not partners:
                overlaps.unmatched.append(f"{image}: {kind} of {reference.label} {reference.score:.4f}")
                continue
            best = max(partners, key=lambda instance: _iou(instance.pixels, reference.pixels))
            ours.remove(best)
            ious[kind].append(_iou(best.pixels, reference.pixels))
    for kind, ours in left.items():
        overlaps.unmatched.extend(f"{image}: our {kind} of {i.label} {i.score:.4f}" for i in ours)


def _ultralytics_instances(model: Any, path: Path, is_retina: bool) -> Iterator[Instance]:
    """Yield what ultralytics itself finds; the file is read as we read it."""
    from ultralytics.utils.ops import scale_masks

    image = cv2.imread(str(path))
    (result,) = model.predict(image, conf=THRESHOLD, retina_masks=is_retina, verbose=False)
    if result.masks is None:
        return
    for box, mask in zip(result.boxes, result.masks.data, strict=True):
        pixels = scale_masks(mask[None, None].float(), image.shape[:2])[0, 0].numpy() > 0.5
        yield Instance(result.names[int(box.cls)], float(box.conf), pixels)


def _read_brush(result: dict[str, Any]) -> Instance:
    value, size = result["value"], (result["original_height"], result["original_width"])
    assert value["format"] == "rle"
    pixels = decode_rle(value["rle"]).reshape(*size, 4)[:, :, 3] > 0
    return Instance(value["brushlabels"][0], result["score"], pixels)


def _read_polygon(result: dict[str, Any]) -> Instance:
    value, height, width = result["value"], result["original_height"], result["original_width"]
    points = np.array(value["points"]) / 100 * [width, height]
    return Instance(value["polygonlabels"][0], result["score"], _fill(points, height, width))


def _fill(points: NDArray[np.float64], height: int, width: int) -> Pixels:
    """Return the pixels whose centre lies in the polygon, even-odd; OpenCV would paint its border too."""
    crossings = np.zeros((height, width + 1), int)
    for (x1, y1), (x2, y2) in zip(points, np.roll(points, -1, axis=0), strict=True):
        low, high = sorted((y1, y2))
        rows = np.arange(max(int(np.ceil(low - 0.5)), 0), min(int(np.ceil(high - 0.5)), height))
        if rows.size:
            x = x1 + (rows + 0.5 - y1) * (x2 - x1) / (y2 - y1)
            crossings[rows, np.clip(np.ceil(x - 0.5), 0, width).astype(int)] += 1
    return crossings[:, :width].cumsum(axis=1) % 2 == 1


def _iou(one: Pixels, other: Pixels) -> float:
    return float((one & other).sum() / max((one | other).sum(), 1))
