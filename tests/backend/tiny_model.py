"""A detection checkpoint of under a megabyte with random weights, made without a network."""

from pathlib import Path

import torch
import yaml
from ultralytics import YOLO

CLASSES = ("car", "person", "traffic light")
IMAGE_SIZE = 128  # pixels of the network's input: small, so that a forward pass takes milliseconds
SEED = 7

_LAYERS = {
    "backbone": [
        [-1, 1, "Conv", [8, 3, 2]],
        [-1, 1, "Conv", [16, 3, 2]],
        [-1, 1, "Conv", [16, 3, 2]],
        [-1, 1, "Conv", [32, 3, 2]],
        [-1, 1, "Conv", [32, 3, 2]],
    ],
    "head": [[[2, 3, 4], 1, "Detect", ["nc"]]],
}
# Spreads random class scores over (0, 1): among near-ties rounding could turn the order round.
_SCORE_GAIN = 4.0


def save_tiny_weights(path: Path, *, classes: tuple[str, ...] = CLASSES, seed: int = SEED) -> Path:
    """Let ultralytics save a checkpoint at `path`, and return the path; equal arguments give equal boxes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    layers = path.with_suffix(".yaml")
    layers.write_text(yaml.safe_dump({"nc": len(classes), **_LAYERS}))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = YOLO(str(layers), task="detect")
        _spread(model.model)
    layers.unlink()
    model.model.names = dict(enumerate(classes))
    model.ckpt = {"train_args": {"imgsz": IMAGE_SIZE, "task": "detect"}}
    model.save(path)
    return path


@torch.no_grad()
def _spread(network: torch.nn.Module) -> None:
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d) and layer.weight.requires_grad:
            torch.nn.init.kaiming_normal_(layer.weight)
    for branch in network.model[-1].cv3:
        branch[-1].weight.mul_(_SCORE_GAIN)
        branch[-1].bias.zero_()
