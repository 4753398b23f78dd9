"""Rules of the scene generator: same seed, same picture; the labels say what is to be seen."""

from itertools import combinations
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import pytest

from demo.drawing.lighting import Camera
from demo.make_scenes import main, write_scenes
from demo.scenes import CLASSES, Appearance, Scene, SceneStyle, draw_scene

SEEDS = range(40, 52)
STYLES = [SceneStyle(camera, look) for camera in get_args(Camera) for look in get_args(Appearance)]


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [draw_scene(seed) for seed in SEEDS]


def read_yolo(path: Path, width: int, height: int) -> list[tuple[str, np.ndarray]]:
    """Return (class name, xyxy box in pixels) per line of a YOLO label file."""
    found = []
    for line in path.read_text().splitlines():
        number, *shares = line.split()
        x, y, w, h = (float(share) for share in shares)
        box = np.array([(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height])
        found.append((CLASSES[int(number)], box))
    return found


def test_same_seed_gives_identical_pixels_and_boxes() -> None:
    first, second = draw_scene(7), draw_scene(7)
    assert np.array_equal(first.image, second.image)
    assert [item.box for item in first.objects] == [item.box for item in second.objects]


def test_other_seed_gives_another_picture() -> None:
    size = (320, 240)
    assert not np.array_equal(draw_scene(7, size=size).image, draw_scene(8, size=size).image)


def test_scenes_are_landscape_or_portrait_bgr_pictures(scenes: list[Scene]) -> None:
    assert {scene.size for scene in scenes} == {(640, 480), (480, 640)}
    assert all(scene.image.dtype == np.uint8 and scene.image.shape[2] == 3 for scene in scenes)


def test_asked_size_is_kept() -> None:
    assert draw_scene(3, size=(400, 300)).image.shape == (300, 400, 3)


def test_most_scenes_hold_objects_of_every_class_between_them(scenes: list[Scene]) -> None:
    labels = {item.label for scene in scenes for item in scene.objects}
    assert labels == set(CLASSES)
    assert max(len(scene.objects) for scene in scenes) <= 8


def test_some_scene_is_empty() -> None:
    assert any(not draw_scene(seed, size=(160, 160)).objects for seed in range(60))


def test_boxes_lie_in_the_frame_and_are_the_masks_tight_boxes(scenes: list[Scene]) -> None:
    for scene in scenes:
        width, height = scene.size
        for item in scene.objects:
            ys, xs = np.nonzero(item.mask)
            assert item.mask.shape == (height, width)
            assert item.box == (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
            assert 0 <= item.box[0] < item.box[2] <= width
            assert 0 <= item.box[1] < item.box[3] <= height


def test_masks_of_different_objects_do_not_overlap(scenes: list[Scene]) -> None:
    for scene in scenes:
        for one, other in combinations(scene.objects, 2):
            assert not (one.mask & other.mask).any()


def test_labelled_objects_can_be_seen(scenes: list[Scene]) -> None:
    visible = [item.visible for scene in scenes for item in scene.objects]
    assert min(visible) >= 0.25
    assert min(visible) < 0.95, "some objects must be partly hidden"
    assert max(visible) <= 1


@pytest.mark.parametrize("style", STYLES, ids=lambda style: f"{style.camera}-{style.appearance}")
def test_every_style_draws(style: SceneStyle) -> None:
    scene = draw_scene(41, style=style)
    assert scene.style == style
    assert scene.objects
    assert scene.image.std() > 5


@pytest.mark.parametrize("seed", SEEDS)
def test_night_is_darker_than_day(seed: int) -> None:
    day, night = draw_scene(seed), draw_scene(seed, style=SceneStyle(camera="night"))
    assert night.image.mean() < 0.6 * day.image.mean()


def test_fog_has_less_contrast_than_day(scenes: list[Scene]) -> None:
    fog = [draw_scene(seed, style=SceneStyle(camera="fog")) for seed in SEEDS]
    assert np.mean([scene.image.std() for scene in fog]) < 0.7 * np.mean([s.image.std() for s in scenes])


def test_masked_changes_persons_alone(scenes: list[Scene]) -> None:
    for plain in scenes:
        if "person" not in {item.label for item in plain.objects}:
            masked = draw_scene(plain.seed, style=SceneStyle(appearance="masked"))
            assert np.array_equal(plain.image, masked.image)
    crowd = next(scene for scene in scenes if "person" in {item.label for item in scene.objects})
    changed = draw_scene(crowd.seed, style=SceneStyle(appearance="masked"))
    assert not np.array_equal(crowd.image, changed.image)


def test_written_labels_read_back_to_the_same_boxes(tmp_path: Path, scenes: list[Scene]) -> None:
    paths = write_scenes(tmp_path, SEEDS)
    assert [path.name for path in paths] == [f"scene_{seed}.jpg" for seed in SEEDS]
    for path, scene in zip(paths, scenes, strict=True):
        image = cv2.imread(str(path))
        assert image.shape == scene.image.shape
        read = read_yolo(tmp_path / "labels" / f"{path.stem}.txt", *scene.size)
        assert [label for label, _ in read] == [item.label for item in scene.objects]
        for (_, box), item in zip(read, scene.objects, strict=True):
            assert np.abs(box - item.box).max() < 1e-3


def test_command_writes_as_many_scenes_as_asked_and_names_the_splits(tmp_path: Path) -> None:
    for split, start in (("train", 0), ("val", 100)):
        main(["--out", str(tmp_path), "--count", "3", "--start-seed", str(start), "--split", split])
    assert len(list((tmp_path / "train" / "images").iterdir())) == 3
    assert (tmp_path / "val" / "labels" / "scene_102.txt").exists()
    text = (tmp_path / "data.yaml").read_text()
    assert "train: train/images" in text and "val: val/images" in text and "0: person" in text
