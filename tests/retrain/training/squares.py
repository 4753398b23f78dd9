"""Data sets of coloured squares as ultralytics reads them: small enough to train on in a second."""

from pathlib import Path

import cv2
import numpy as np
import yaml

from backend.training.entities import TrainingTarget

# Those of the tiny weights, whose module imports ultralytics.
CLASSES = ("car", "person", "traffic light")
KEYPOINTS = 3
SIDE = 64  # pixels
SIZES = {"train": 10, "val": 4}
_COLOURS = ((0, 0, 255), (0, 255, 0), (255, 0, 0))


def target_of(task: str, *, labels: tuple[str, ...] = CLASSES) -> TrainingTarget:
    """Return the target that the squares are labels of."""
    keypoints = tuple(f"corner {number}" for number in range(KEYPOINTS)) if task == "pose" else ()
    return TrainingTarget(task, ("label",), labels, "$image", keypoints)


def write_squares(folder: Path, *, task: str = "detect", sizes: dict[str, int] = SIZES) -> Path:
    """Write one square per image, classes in turn; return what ultralytics' `data` takes."""
    rng = np.random.default_rng(3)
    for split, count in sizes.items():
        for number in range(count):
            x, y = (int(value) for value in rng.integers(4, 36, 2))
            image = np.full((SIDE, SIDE, 3), 40, np.uint8)
            kind = number % len(CLASSES)
            cv2.rectangle(image, (x, y), (x + 22, y + 22), _COLOURS[kind], thickness=-1)
            where = Path(split, str(kind)) if task == "classify" else Path("images", split)
            (folder / where).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / where / f"{number}.png"), image)
            if task != "classify":
                labels = folder / "labels" / split
                labels.mkdir(parents=True, exist_ok=True)
                (labels / f"{number}.txt").write_text(f"{kind} {_shape(x, y, task)}\n")
    names = dict(enumerate(CLASSES))
    if task == "classify":
        (folder / ".ndjson.yaml").write_text(yaml.safe_dump({"names": names}))
        return folder
    data = {"train": "images/train", "val": "images/val", "names": names}
    pose = {"kpt_shape": [KEYPOINTS, 3]} if task == "pose" else {}
    (folder / "data.yaml").write_text(yaml.safe_dump({**data, **pose}))
    return folder / "data.yaml"


def _shape(x: int, y: int, task: str) -> str:
    left, top, right, bottom = (value / SIDE for value in (x, y, x + 22, y + 22))
    box = [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
    corners = [left, top, right, top, right, bottom, left, bottom]
    seen = [left, top, 2, right, top, 2, right, bottom, 2]
    values = {"detect": box, "pose": box + seen, "segment": corners, "obb": corners}[task]
    return " ".join(f"{value:.5f}" for value in values)
