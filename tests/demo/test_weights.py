"""The committed weights load and find objects on scenes they were not trained on."""

import json

import pytest

from demo.measure_weights import HELD_OUT_SCENES, HELD_OUT_START, IMAGE_SIZE, WEIGHTS, ultralytics_folder
from demo.scenes import CLASSES, SceneObject, draw_scene
from demo.train_weights import EPOCHS, TRAIN_SCENES, TRAIN_START

MAX_BYTES = 6_000_000


def iou(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Return the intersection over union of two xyxy boxes."""
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return width * height / (both - width * height)


def is_found(item: SceneObject, predicted: list[tuple[str, tuple[float, ...]]]) -> bool:
    """Tell whether a prediction has the object's class and an IoU of 0.5 or more with it."""
    return any(label == item.label and iou(box, item.box) >= 0.5 for label, box in predicted)


def test_checkpoint_is_small_and_its_figures_say_how_it_was_made() -> None:
    assert 0 < WEIGHTS.stat().st_size <= MAX_BYTES
    report = json.loads(WEIGHTS.with_suffix(".json").read_text())
    assert report["train_scenes"] == TRAIN_SCENES
    assert report["epochs"] == EPOCHS
    assert report["imgsz"] == IMAGE_SIZE
    assert report["held_out_scenes"] == HELD_OUT_SCENES
    assert set(report["ap50"]) == set(CLASSES)
    assert {"seed", "batch", "ultralytics", "torch"} <= set(report)
    assert 0.5 <= report["map50"] <= 0.8, "middling on purpose"
    assert 0 < report["map50_95"] < report["map50"]


def test_training_scenes_are_not_held_out_scenes() -> None:
    assert TRAIN_START + TRAIN_SCENES <= HELD_OUT_START


def test_checkpoint_finds_objects_on_held_out_scenes() -> None:
    pytest.importorskip("ultralytics")
    found = total = 0
    with ultralytics_folder():
        from ultralytics import YOLO

        model = YOLO(str(WEIGHTS))
        assert tuple(model.names.values()) == CLASSES
        for seed in range(HELD_OUT_START, HELD_OUT_START + 8):
            scene = draw_scene(seed)
            result = model.predict(scene.image, imgsz=IMAGE_SIZE, conf=0.25, device="cpu", verbose=False)[0]
            boxes = [tuple(box) for box in result.boxes.xyxy.tolist()]
            labels = [model.names[int(number)] for number in result.boxes.cls.tolist()]
            predicted = list(zip(labels, boxes, strict=True))
            found += sum(is_found(item, predicted) for item in scene.objects)
            total += len(scene.objects)
    assert total >= 20
    assert found / total >= 0.35
