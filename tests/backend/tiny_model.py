"""Checkpoints of under a megabyte with random weights for every task, made without a network."""

from pathlib import Path

import torch
import yaml
from ultralytics import YOLO
from ultralytics.data.augment import classify_transforms
from ultralytics.nn.modules import Classify

CLASSES = ("car", "person", "traffic light")
IMAGE_SIZE = 128  # pixels of the network's input: small, so that a forward pass takes milliseconds
SEED = 7

KEYPOINTS = 3

_BACKBONE = [
    [-1, 1, "Conv", [8, 3, 2]],
    [-1, 1, "Conv", [16, 3, 2]],
    [-1, 1, "Conv", [16, 3, 2]],
    [-1, 1, "Conv", [32, 3, 2]],
    [-1, 1, "Conv", [32, 3, 2]],
]
_HEADS = {
    "detect": [[2, 3, 4], 1, "Detect", ["nc"]],
    "obb": [[2, 3, 4], 1, "OBB", ["nc", 1]],
    "segment": [[2, 3, 4], 1, "Segment", ["nc", 4, 8]],
    "pose": [[2, 3, 4], 1, "Pose", ["nc", "kpt_shape"]],
    "classify": [-1, 1, "Classify", ["nc"]],
}
TASKS = tuple(_HEADS)
# Spreads random class scores over (0, 1): among near-ties rounding could turn the order round.
_SCORE_GAIN = 4.0
_CLASS_GAIN = 30.0


def save_tiny_weights(
    path: Path, *, classes: tuple[str, ...] = CLASSES, seed: int = SEED, task: str = "detect"
) -> Path:
    """Let ultralytics save a checkpoint at `path` and return the path; equal arguments give equal results."""
    path.parent.mkdir(parents=True, exist_ok=True)
    layers = path.with_suffix(".yaml")
    parts = {"backbone": _BACKBONE, "head": [_HEADS[task]], "kpt_shape": [KEYPOINTS, 3]}
    layers.write_text(yaml.safe_dump({"nc": len(classes), **parts}))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = YOLO(str(layers), task=task)
        _spread(model.model)
    layers.unlink()
    model.model.names = dict(enumerate(classes))
    if task == "classify":  # a trained classifier carries them
        model.model.transforms = classify_transforms(IMAGE_SIZE)
    model.ckpt = {"train_args": {"imgsz": IMAGE_SIZE, "task": task}}
    model.save(path)
    return path


@torch.no_grad()
def _spread(network: torch.nn.Module) -> None:
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d) and layer.weight.requires_grad:
            torch.nn.init.kaiming_normal_(layer.weight)
    head = network.model[-1]
    if isinstance(head, Classify):
        head.linear.weight.mul_(_CLASS_GAIN)
        return
    for branch in head.cv3:
        branch[-1].weight.mul_(_SCORE_GAIN)
        branch[-1].bias.zero_()
