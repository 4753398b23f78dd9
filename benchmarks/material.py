"""Weights and images to measure with: the shared assets where they are, else the demo's own."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from demo.make_scenes import write_scenes

ROOT = Path(__file__).resolve().parent.parent
IMAGES = 128  # all of coco128
DEMO_WEIGHTS = ROOT / "demo/weights/demo_yolo.pt"


@dataclass(frozen=True, slots=True)
class Material:
    """Weights, image files, and what to call them in a table."""

    name: str
    weights: Path
    images: list[Path]


def assets_folder() -> Path:
    """Return TEST_ASSETS, where shared weights and images may be."""
    return Path(os.environ.get("TEST_ASSETS", ROOT.parent / "shared/assets"))


def find_material(count: int) -> Material:
    """Return yolov8n and coco128 from TEST_ASSETS, or the demo's weights and freshly drawn scenes."""
    assets = assets_folder()
    images = sorted((assets / "coco128/images/train2017").glob("*.jpg"))[:count]
    if images:
        return Material("yolov8n on coco128", assets / "weights/yolov8n.pt", images)
    folder = Path(tempfile.mkdtemp(prefix="bench-scenes-"))
    scenes = write_scenes(folder, range(3_000_000, 3_000_000 + count))
    return Material("demo weights on demo scenes (no TEST_ASSETS)", DEMO_WEIGHTS, scenes)
