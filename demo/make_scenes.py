"""Write scenes as JPEG pictures with YOLO label files.

Run `python -m demo.make_scenes --out DIR --count 20`.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import cv2

from demo.drawing.lighting import Camera
from demo.scenes import CLASSES, Appearance, Scene, SceneStyle, draw_scene

JPEG_QUALITY = 95
SPLITS = ("train", "val", "test")


def yolo_lines(scene: Scene) -> list[str]:
    """Return one line per object: class number, then box centre and size as shares of the image."""
    width, height = scene.size
    lines = []
    for item in scene.objects:
        x1, y1, x2, y2 = item.box
        shares = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height)
        lines.append(" ".join([str(CLASSES.index(item.label)), *(f"{share:.8f}" for share in shares)]))
    return lines


def write_scenes(out: Path, seeds: Sequence[int], style: SceneStyle = SceneStyle()) -> list[Path]:
    """Write `out`/images/scene_<seed>.jpg and `out`/labels/scene_<seed>.txt; return the image paths."""
    images, labels = out / "images", out / "labels"
    images.mkdir(parents=True, exist_ok=True)
    labels.mkdir(parents=True, exist_ok=True)
    written = []
    for seed in seeds:
        scene = draw_scene(seed, style=style)
        path = images / f"scene_{seed}.jpg"
        if not cv2.imwrite(str(path), scene.image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]):
            raise OSError(f"cannot write {path}")
        text = "".join(f"{line}\n" for line in yolo_lines(scene))
        (labels / f"scene_{seed}.txt").write_text(text, encoding="utf-8")
        written.append(path)
    return written


def write_data_yaml(out: Path) -> Path:
    """Write `out`/data.yaml, ultralytics' data file, naming the splits that exist under `out`."""
    lines = [f"path: {out.resolve()}"]
    lines += [f"{split}: {split}/images" for split in SPLITS if (out / split / "images").is_dir()]
    lines += ["names:", *(f"  {i}: {name}" for i, name in enumerate(CLASSES))]
    path = out / "data.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and write the scenes it asks for."""
    parser = argparse.ArgumentParser(prog="python -m demo.make_scenes", description="Write synthetic scenes.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--count", type=int, default=20, help="number of scenes (default 20)")
    parser.add_argument("--start-seed", type=int, default=0, help="seed of the first scene (default 0)")
    parser.add_argument("--split", choices=SPLITS, help="write under OUT/SPLIT and name it in OUT/data.yaml")
    parser.add_argument("--camera", choices=get_args(Camera), default="day")
    parser.add_argument("--appearance", choices=get_args(Appearance), default="plain")
    options = parser.parse_args(arguments)
    seeds = range(options.start_seed, options.start_seed + options.count)
    target = options.out / options.split if options.split else options.out
    style = SceneStyle(camera=options.camera, appearance=options.appearance)
    written = write_scenes(target, seeds, style)
    if options.split:
        write_data_yaml(options.out)
    print(f"wrote {len(written)} scenes to {target}")


if __name__ == "__main__":
    main()
