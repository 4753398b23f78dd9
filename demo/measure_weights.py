"""Measure a detector on held-out scenes.

Run `python -m demo.measure_weights --camera night` for the committed weights on night scenes.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

from demo.drawing.lighting import Camera
from demo.make_scenes import write_data_yaml, write_scenes
from demo.scenes import Appearance, SceneStyle

WEIGHTS = Path(__file__).parent / "weights" / "demo_yolo.pt"
IMAGE_SIZE = 320  # pixels, the longer side at the network's input
HELD_OUT_START = 1_000_000
HELD_OUT_SCENES = 100


@contextmanager
def ultralytics_folder() -> Iterator[Path]:
    """Yield a temporary folder that also holds ultralytics' settings and keeps it off the network.

    ultralytics reads these variables once, at its first import; imported earlier by somebody else,
    it keeps the settings it has.
    """
    with tempfile.TemporaryDirectory(prefix="demo_yolo_") as name:
        own = {"YOLO_CONFIG_DIR": name, "YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false"}
        before = {variable: os.environ.get(variable) for variable in own}
        os.environ.update(own)
        try:
            yield Path(name)
        finally:
            for variable, value in before.items():
                del os.environ[variable]
                if value is not None:
                    os.environ[variable] = value


def measure(weights: Path, work: Path, *, style: SceneStyle = SceneStyle()) -> dict[str, Any]:
    """Return mAP50, mAP50-95 (in [0, 1]) and AP50 by class of `weights` on the held-out scenes.

    `work` is a folder to write the scenes to. Precision is averaged over all scores, as COCO does.
    """
    from ultralytics import YOLO

    seeds = range(HELD_OUT_START, HELD_OUT_START + HELD_OUT_SCENES)
    write_scenes(work / "val", seeds, style)
    data = _with_train_split(write_data_yaml(work))
    model = YOLO(str(weights))
    options = {"imgsz": IMAGE_SIZE, "device": "cpu", "workers": 0, "plots": False, "verbose": False}
    box = model.val(data=str(data), project=str(work), name="val_run", **options).box
    by_class = {
        model.names[int(i)]: round(float(ap), 4) for i, ap in zip(box.ap_class_index, box.ap50, strict=True)
    }
    return {"map50": round(float(box.map50), 4), "map50_95": round(float(box.map), 4), "ap50": by_class}


def _with_train_split(data: Path) -> Path:
    """Name a train split too: ultralytics wants one even where it only measures."""
    text = data.read_text(encoding="utf-8")
    if "train:" not in text:
        data.write_text(text.replace("val:", "train: val/images\nval:"), encoding="utf-8")
    return data


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and print the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m demo.measure_weights", description="Measure weights.")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--camera", choices=get_args(Camera), default="day")
    parser.add_argument("--appearance", choices=get_args(Appearance), default="plain")
    options = parser.parse_args(arguments)
    style = SceneStyle(camera=options.camera, appearance=options.appearance)
    with ultralytics_folder() as work:
        print(json.dumps(measure(options.weights, work, style=style), indent=2))


if __name__ == "__main__":
    main()
