"""Train the demo's small detector from scratch, on purpose to a middling quality.

Run `python -m demo.train_weights`. It needs no download and no pretrained file. The weights are to
find most large objects and miss many small and hidden ones, so that an annotator has something to
correct and retraining something to gain.
"""

import json
from pathlib import Path
from typing import Any

from demo.make_scenes import write_data_yaml, write_scenes
from demo.measure_weights import (
    HELD_OUT_SCENES,
    HELD_OUT_START,
    IMAGE_SIZE,
    WEIGHTS,
    measure,
    ultralytics_folder,
)
from demo.scenes import CLASSES

ARCHITECTURE = "yolo11"  # its layers ship with ultralytics
DEPTH = 0.5
WIDTH = 0.125  # half of yolo11n's: two CPU cores train it twice as fast, which suits a demo
TRAIN_START = 0
# Few scenes and few epochs are what keeps the weights middling.
TRAIN_SCENES = 180
EPOCHS = 36
BATCH = 8
LEARNING_RATE = 0.002
SEED = 0
THREADS = 2  # the order of floating-point sums, and so the result, hangs on it


def train(work: Path) -> Path:
    """Train in the folder `work` and return the last checkpoint, stripped of its optimizer."""
    import torch
    from ultralytics import YOLO

    torch.set_num_threads(THREADS)
    write_scenes(work / "train", range(TRAIN_START, TRAIN_START + TRAIN_SCENES))
    # ultralytics measures on a val split after the last epoch; the real figures are measured later.
    write_scenes(work / "val", range(TRAIN_START, TRAIN_START + BATCH))
    data = write_data_yaml(work)
    model = YOLO(str(_write_architecture(work / "demo_yolo.yaml")))
    model.train(
        data=str(data),
        epochs=EPOCHS,
        batch=BATCH,
        nbs=BATCH,  # else ultralytics gathers gradients up to 64 images before each step
        mosaic=0.0,  # small objects are learnt late, and training from scratch is short here
        warmup_epochs=1.0,
        imgsz=IMAGE_SIZE,
        optimizer="AdamW",
        lr0=LEARNING_RATE,
        seed=SEED,
        deterministic=True,
        pretrained=False,
        device="cpu",
        workers=0,
        amp=False,
        val=False,
        plots=False,
        project=str(work),
        name="run",
        verbose=False,
    )
    return work / "run" / "weights" / "last.pt"


def _write_architecture(path: Path) -> Path:
    """Write ultralytics' layer list with the demo's own depth and width to `path`."""
    import ultralytics
    from ultralytics.utils import YAML

    listed = Path(ultralytics.__file__).parent / "cfg" / "models" / "11" / f"{ARCHITECTURE}.yaml"
    layers = YAML.load(listed)
    del layers["scales"]
    layers.update(nc=len(CLASSES), depth_multiple=DEPTH, width_multiple=WIDTH)
    YAML.save(path, layers)
    return path


def write_checkpoint(source: Path, target: Path) -> None:
    """Copy a checkpoint without what ties it to one machine or moment: paths, dates, timings."""
    import torch

    checkpoint = torch.load(source, map_location="cpu", weights_only=False)
    portable = {"task": "detect", "mode": "train", "imgsz": IMAGE_SIZE, "epochs": EPOCHS, "batch": BATCH}
    checkpoint["model"].args = {**portable, "model": ARCHITECTURE}
    checkpoint["model"].yaml["yaml_file"] = ARCHITECTURE
    kept = {key: checkpoint[key] for key in ("epoch", "model", "version", "license", "docs")}
    target.parent.mkdir(parents=True, exist_ok=True)
    torch.save(
        {**kept, "ema": None, "optimizer": None, "train_args": {**portable, "model": ARCHITECTURE}}, target
    )


def describe(figures: dict[str, Any]) -> dict[str, Any]:
    """Return what is written beside the weights: how they were made and what they reach."""
    import torch
    import ultralytics

    return {
        "architecture": ARCHITECTURE,
        "depth_multiple": DEPTH,
        "width_multiple": WIDTH,
        "train_scenes": TRAIN_SCENES,
        "train_start_seed": TRAIN_START,
        "epochs": EPOCHS,
        "batch": BATCH,
        "imgsz": IMAGE_SIZE,
        "seed": SEED,
        "held_out_scenes": HELD_OUT_SCENES,
        "held_out_start_seed": HELD_OUT_START,
        **figures,
        "ultralytics": ultralytics.__version__,
        "torch": torch.__version__.split("+")[0],
    }


def main() -> None:
    """Train, write the weights and their figures, and print the figures."""
    with ultralytics_folder() as work:
        write_checkpoint(train(work), WEIGHTS)
        report = json.dumps(describe(measure(WEIGHTS, work / "held_out")), indent=2)
    WEIGHTS.with_suffix(".json").write_text(report + "\n", encoding="utf-8")
    print(report)


if __name__ == "__main__":
    main()
