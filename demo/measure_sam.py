"""Measure a SAM on held-out scenes: masks from one click, from one box, and after corrections.

Run `python -m demo.measure_sam` for the committed weights. It runs them as the server does, at full size.
"""

import argparse
import hashlib
import json
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.entities import Box
from backend.sam.engine import TorchSam
from backend.sam.entities import Embedding, FoundMask, PromptPoint, Prompts, SamEngine
from demo.drawing.lighting import Camera
from demo.measure_weights import HELD_OUT_SCENES, HELD_OUT_START
from demo.scenes import CLASSES, Appearance, SceneObject, SceneStyle, draw_scene

WEIGHTS = Path(__file__).parent / "weights" / "demo_sam.pt"
SMALLEST = 12 * 12  # visible pixels; what is smaller is not measured
WAYS = ("click", "click_1_more", "click_2_more", "box")
Bitmap = NDArray[np.bool_]


def measure(engine: SamEngine, seeds: Sequence[int], style: SceneStyle = SceneStyle()) -> dict[str, Any]:
    """Return the mean IoU, in [0, 1], of each of `WAYS` over all objects and by class.

    A click lies where the object is deepest. One or two more then go to the largest error, positive or
    negative, with the last answer's logits. A box is the object's own.
    """
    reached: dict[str, dict[str, list[float]]] = {way: defaultdict(list) for way in WAYS}
    for seed in seeds:
        scene = draw_scene(seed, style=style)
        objects = [item for item in scene.objects if item.mask.sum() >= SMALLEST]
        embedding = engine.embed(scene.image)
        for item in objects:
            for way, value in overlaps_of(engine, embedding, item).items():
                reached[way][item.label].append(value)
    return _summarise(reached)


def overlaps_of(engine: SamEngine, embedding: Embedding, item: SceneObject) -> dict[str, float]:
    """Return the IoU with one object's mask by each of `WAYS`."""
    answers = {"box": engine.segment(embedding, [Prompts(box=Box(*item.box))])[0]}
    points: tuple[PromptPoint, ...] = (deepest(item.mask),)
    for way in WAYS[:3]:
        logits = answers[WAYS[WAYS.index(way) - 1]].logits if way != WAYS[0] else None
        answers[way] = engine.segment(embedding, [Prompts(points=points, logits=logits)])[0]
        points = (*points, correcting_click(item.mask, to_bitmap(answers[way], item.mask.shape)))
    return {way: overlap(item.mask, to_bitmap(answers[way], item.mask.shape)) for way in WAYS}


def deepest(area: Bitmap, *, is_positive: bool = True) -> PromptPoint:
    """Return a click on the pixel of an area that is farthest from its edge."""
    # The picture's edge is an edge of the area too.
    depth = cv2.distanceTransform(np.pad(area, 1).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return PromptPoint(float(column) - 0.5, float(row) - 0.5, is_positive)


def correcting_click(wanted: Bitmap, found: Bitmap) -> PromptPoint:
    """Return a click in the middle of the largest piece that is missing or too much."""
    pieces = []
    for area, is_positive in ((wanted & ~found, True), (found & ~wanted, False)):
        _, labels, facts, _ = cv2.connectedComponentsWithStats(area.astype(np.uint8), connectivity=4)
        if len(facts) > 1:
            largest = 1 + int(facts[1:, cv2.CC_STAT_AREA].argmax())
            pieces.append((int(facts[largest, cv2.CC_STAT_AREA]), labels == largest, is_positive))
    if not pieces:
        return deepest(wanted)
    _, piece, is_positive = max(pieces, key=lambda piece: piece[0])
    return deepest(piece, is_positive=is_positive)


def to_bitmap(found: FoundMask, shape: tuple[int, ...]) -> Bitmap:
    """Return an answer's mask on the whole picture, (H, W) bool."""
    whole = np.zeros(shape, bool)
    mask = found.mask
    height, width = mask.pixels.shape
    whole[mask.y : mask.y + height, mask.x : mask.x + width] = mask.pixels
    return whole


def overlap(wanted: Bitmap, found: Bitmap) -> float:
    """Return the IoU of two masks of one size."""
    return float((wanted & found).sum() / (wanted | found).sum())


def _summarise(reached: Mapping[str, Mapping[str, Sequence[float]]]) -> dict[str, Any]:
    everything = {
        way: [iou for found in by_class.values() for iou in found] for way, by_class in reached.items()
    }
    return {
        "objects": len(everything["click"]),
        "mean_iou": {way: round(statistics.fmean(found), 4) for way, found in everything.items()},
        "clicks_at_0_8": round(statistics.fmean(iou >= 0.8 for iou in everything["click"]), 4),
        "mean_iou_by_class": {
            name: {way: round(statistics.fmean(reached[way][name]), 4) for way in WAYS}
            for name in CLASSES
            if name in reached["click"]
        },
    }


def load_engine(weights: Path) -> TorchSam:
    """Return the weights as the server runs them, on the CPU."""
    return TorchSam(weights, hashlib.sha256(weights.read_bytes()).hexdigest(), device="cpu")


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and print the figures as JSON; `--write` puts them beside the weights."""
    parser = argparse.ArgumentParser(prog="python -m demo.measure_sam", description="Measure a SAM.")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--camera", choices=get_args(Camera), default="day")
    parser.add_argument("--appearance", choices=get_args(Appearance), default="plain")
    parser.add_argument("--scenes", type=int, default=HELD_OUT_SCENES)
    parser.add_argument("--write", action="store_true", help="add the figures to the weights' JSON file")
    options = parser.parse_args(arguments)
    seeds = range(HELD_OUT_START, HELD_OUT_START + options.scenes)
    style = SceneStyle(camera=options.camera, appearance=options.appearance)
    if options.write and (style != SceneStyle() or options.scenes != HELD_OUT_SCENES):
        parser.error(
            f"--write takes figures of {HELD_OUT_SCENES} scenes of the plain day alone; leave out --camera, "
            "--appearance and --scenes."
        )
    figures = {
        "held_out_scenes": options.scenes,
        "held_out_start_seed": HELD_OUT_START,
        **measure(load_engine(options.weights), seeds, style),
    }
    if options.write:
        path = options.weights.with_suffix(".json")
        made = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        path.write_text(json.dumps(made | figures, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
