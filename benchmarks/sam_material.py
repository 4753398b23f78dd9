"""What masks are measured with: SAM weights, large pictures, and clicks as Label Studio sends them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import torch

from backend.entities import ImageSize
from backend.sam.architectures import MOBILE, build_sam, save_sam
from backend.sam.entities import PromptPoint
from benchmarks.material import ROOT, assets_folder
from demo.__main__ import SAM_WEIGHTS
from demo.make_scenes import JPEG_QUALITY
from demo.measure_sam import SMALLEST, deepest
from demo.project import MASKS_CONFIG
from demo.scenes import CLASSES, draw_scene

SIZE = ImageSize(1920, 1080)
PROJECT = 1
# Of no scene that a model is trained, tested or shown on elsewhere.
_FIRST_SCENE = 4_000_000
# Of those tried, one whose masks cover a part of the picture, in a few pieces.
_SEED = 1
_RECORDED = json.loads((ROOT / "tests/data/traffic/015-predict.json").read_bytes())["body"]


@dataclass(frozen=True, slots=True)
class Model:
    """SAM weights to measure, and at what pace an annotator works with them: `seconds` a task."""

    name: str
    weights: Path
    seconds: float


@dataclass(frozen=True, slots=True)
class Picture:
    """An image file of `SIZE`, and a click in the middle of each thing on it."""

    path: Path
    clicks: Sequence[PromptPoint]

    @property
    def address(self) -> str:
        """Where a task finds it."""
        return f"/data/upload/{self.path.name}"


def find_models(folder: Path) -> list[Model]:
    """Return the demo's SAM and MobileSAM: published weights where they are, else random ones in the folder.

    An annotator of the demo's is ten times as fast as people are, since a session takes its time.
    """
    demo = Model("demo's SAM", SAM_WEIGHTS, seconds=1.0)
    published = assets_folder() / "weights/mobile_sam.pt"
    if published.exists():
        return [demo, Model("MobileSAM", published, seconds=10.0)]
    path = folder / "mobile_random.pt"
    _write_random_mobile(path)
    return [demo, Model("MobileSAM, random weights (no published ones here)", path, seconds=10.0)]


def draw_pictures(folder: Path, count: int) -> list[Picture]:
    """Write demo scenes that show something at the size of a film's frame."""
    pictures: list[Picture] = []
    seed = _FIRST_SCENE
    while len(pictures) < count:
        scene = draw_scene(seed, size=(SIZE.width, SIZE.height))
        clicks = [deepest(thing.mask) for thing in scene.objects if thing.mask.sum() >= SMALLEST]
        if clicks:
            path = folder / f"scene_{seed}.jpg"
            cv2.imwrite(str(path), scene.image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
            pictures.append(Picture(path, clicks))
        seed += 1
    return pictures


def click_body(task: int, picture: Picture, *, thing: int, clicks: int = 1) -> bytes:
    """Return the request of the newest of some clicks on a thing, as recorded from Label Studio 1.23.2.

    Args:
        task: Id of the task that shows the picture.
        picture: What is clicked on.
        thing: Number of the thing, which chooses one on the picture, and the label.
        clicks: The first is in its middle, the others beside it; all are still on the page.
    """
    [recorded] = _RECORDED["tasks"]
    data = {"image": picture.address}
    results = [_prompt(task, picture, thing, number) for number in range(clicks)]
    body = {
        **_RECORDED,
        "tasks": [{**recorded, "id": task, "project": PROJECT, "data": data}],
        "project": f"{PROJECT}.1795345561",
        "label_config": MASKS_CONFIG,
        "params": {**_RECORDED["params"], "context": {"result": results}},
    }
    return json.dumps(body).encode()


def points_of(picture: Picture, thing: int, clicks: int) -> list[PromptPoint]:
    """Return the points of these clicks, pixels."""
    middle = picture.clicks[thing % len(picture.clicks)]
    return [PromptPoint(middle.x + 3 * number, middle.y, True) for number in range(clicks)]


def _prompt(task: int, picture: Picture, thing: int, number: int) -> Mapping[str, Any]:
    [recorded] = _RECORDED["params"]["context"]["result"]
    point = points_of(picture, thing, number + 1)[-1]
    value = {
        **recorded["value"],
        "x": 100 * point.x / SIZE.width,
        "y": 100 * point.y / SIZE.height,
        "keypointlabels": [CLASSES[thing % len(CLASSES)]],
    }
    return {
        **recorded,
        "id": f"click{task}x{thing}x{number}",
        "from_name": "click",
        "original_width": SIZE.width,
        "original_height": SIZE.height,
        "value": value,
    }


def _write_random_mobile(path: Path) -> None:
    torch.manual_seed(_SEED)
    sam = build_sam(MOBILE)
    # Else each pixel of the low-resolution mask would have weights of its own, and the mask be a chequerboard
    # whose code is a hundred times as long as that of a mask that a person would be shown.
    with torch.no_grad():
        for layer in sam.mask_decoder.output_upscaling:
            if isinstance(layer, torch.nn.ConvTranspose2d):
                layer.weight.copy_(layer.weight.mean(dim=(2, 3), keepdim=True).expand_as(layer.weight))
    save_sam(sam, MOBILE, path)
