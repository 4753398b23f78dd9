"""ultralytics trains on what we write: no image, no label and no class of it gets lost."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from backend.entities import Box, Geometry, ImageSize, Mask, Point, Polygon, RotatedBox
from backend.inference.checkpoint import read_checkpoint
from backend.store.artifacts import ArtifactStore
from backend.training.entities import Example, Side, Snapshot, TrainingTarget
from backend.training.names import image_artifact
from retrain.dataset.labels import label_lines
from retrain.dataset.write import IMAGE_SUFFIXES, write_dataset
from tests.backend.pictures import encoded, picture
from tests.retrain.dataset.snapshots import KEYPOINTS, example, region, snapshot, target

SIZE = ImageSize(64, 48)
SHAPES: dict[str, list[Geometry | None]] = {
    "detect": [Box(4, 4, 30, 30), Box(20, 10, 64, 48)],
    "obb": [RotatedBox(30, 20, 30, 12, 30), RotatedBox(2, 24, 40, 10, 80), RotatedBox(-5, 24, 40, 10, 10)],
    "segment": [Polygon(((4, 4), (40, 8), (20, 40))), Mask(10, 5, np.ones((20, 20), bool)), Box(1, 1, 9, 9)],
    "pose": [Box(4, 4, 30, 30), Box(20, 10, 64, 48)],
    "classify": [None],
}
# Names that YAML, a file system or ultralytics could take for something else.
ODD_LABELS = ("a/b", "..", "no")
ORIENTATION = 0x0112  # EXIF's tag


def examples_of(wanted: TrainingTarget, artifacts: ArtifactStore) -> list[Example]:
    """Return eight images with every shape of the task, and one that holds nothing."""
    sides = [Side.TRAIN] * 6 + [Side.VAL, Side.TEST]
    found = []
    for seed, side in enumerate(sides):
        regions = [
            region(shape, wanted.labels[(seed + place) % 3], id=f"r{place}", size=SIZE)
            for place, shape in enumerate(SHAPES[wanted.task])
        ]
        if wanted.task == "pose":
            marks = [region(Point(9, 9), label, id=label, control="point", size=SIZE) for label in KEYPOINTS]
            regions += marks[: seed % 4]
        lines = label_lines(regions, wanted, SIZE)
        assert lines.problems == ()
        found.append(example(artifacts, lines.lines, side, seed=seed, size=SIZE))
    return [*found, example(artifacts, [], Side.TRAIN, seed=99, size=SIZE)]


def trainer_of(task: str, weights: Path, data: Path, folder: Path) -> Any:
    from ultralytics import YOLO

    model = YOLO(str(weights), task=task)
    trainers = []
    model.add_callback("on_train_start", trainers.append)
    model.train(
        data=str(data),
        epochs=1,
        imgsz=64,
        batch=4,
        workers=0,
        device="cpu",
        plots=False,
        amp=False,
        project=str(folder),
        verbose=False,
    )
    return trainers[0]


def labels_in(dataset: Any, task: str) -> list[int]:
    """Return the class numbers of all instances that ultralytics counts."""
    if task == "classify":
        return sorted(sample[1] for sample in dataset.samples)
    return sorted(int(number) for labels in dataset.labels for number in labels["cls"].ravel())


def labels_of(written: Snapshot, side: Side) -> list[int]:
    lines = (line for example in written.examples if example.side == side for line in example.labels)
    return sorted(int(line.split()[0]) for line in lines)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Names and addresses that were looked up on the network, none of which answered."""
    asked: list[object] = []

    def refuse(*args: object, **options: object) -> None:
        asked.append(args)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    return asked


@pytest.mark.filterwarnings("ignore::UserWarning:torch")
@pytest.mark.parametrize("task", list(SHAPES))
def test_ultralytics_trains_on_all_that_was_written(
    task: str,
    artifacts: ArtifactStore,
    tiny_weights_of: Callable[[str], Path],
    tmp_path: Path,
    calls: list[object],
) -> None:
    wanted = target(task, labels=ODD_LABELS)
    written = snapshot(examples_of(wanted, artifacts), wanted)
    data = write_dataset(written, artifacts, tmp_path / "data")
    trainer = trainer_of(task, tiny_weights_of(task), data, tmp_path / "runs")
    assert labels_in(trainer.train_loader.dataset, task) == labels_of(written, Side.TRAIN)
    assert labels_in(trainer.test_loader.dataset, task) == labels_of(written, Side.VAL)
    # The one that holds nothing is learnt from too; for a classifier there is nothing in it to learn.
    assert len(trainer.train_loader.dataset) == (6 if task == "classify" else 7)
    assert read_checkpoint(trainer.best).class_names == ODD_LABELS
    assert calls == []


@pytest.mark.parametrize("task", ["detect", "obb", "segment", "pose"])
def test_description_is_taken_with_any_names(
    task: str, artifacts: ArtifactStore, quiet_ultralytics: None, tmp_path: Path, calls: list[object]
) -> None:
    from ultralytics.data.utils import check_det_dataset

    names = ("1", "true", "Fußgänger: rot", "😀", "new\nline", "\x7f", "#", "'\"")
    wanted = target(task, labels=names)
    written = snapshot([example(artifacts, ["7 0.5 0.5 0.2 0.2"])], wanted)
    found = check_det_dataset(str(write_dataset(written, artifacts, tmp_path / "data")))
    assert found["names"] == dict(enumerate(names)) and calls == []


def test_classes_are_numbered_as_in_the_config_and_beyond_ten(
    artifacts: ArtifactStore, quiet_ultralytics: None, tmp_path: Path
) -> None:
    from ultralytics.cfg import get_cfg
    from ultralytics.data.dataset import ClassificationDataset
    from ultralytics.data.utils import check_cls_dataset

    names = tuple(f"class {number}" for number in range(12, 0, -1))
    wanted = target("classify", labels=names)
    written = snapshot(
        [example(artifacts, [str(number)], seed=number) for number in (10, 2, 11)]
        + [example(artifacts, ["5"], Side.TEST, seed=5)],
        wanted,
    )
    data = check_cls_dataset(write_dataset(written, artifacts, tmp_path / "data"))
    assert data["names"] == dict(enumerate(names))
    for side, numbers in [("train", [2, 10, 11]), ("val", [2, 10, 11]), ("test", [5])]:
        dataset = ClassificationDataset(str(data[side]), get_cfg(), prefix=side, names=data["names"])
        assert sorted(sample[1] for sample in dataset.samples) == numbers


def test_photo_on_its_side_is_read_upright_with_its_box(
    artifacts: ArtifactStore, quiet_ultralytics: None, tmp_path: Path
) -> None:
    """Orientation 6: stored 64 x 48, to be turned a quarter clockwise to 48 x 64."""
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    upright, thing = ImageSize(48, 64), Box(8, 40, 24, 56)
    photo = PillowImage.new("RGB", (upright.width, upright.height), "black")
    photo.paste("white", (int(thing.x1), int(thing.y1), int(thing.x2), int(thing.y2)))
    exif = PillowImage.Exif()
    exif[ORIENTATION] = 6
    stored = encoded(photo.transpose(PillowImage.Transpose.ROTATE_90), "JPEG", quality=95, exif=exif)
    lines = label_lines([region(thing, size=upright)], target(), upright)
    one = example(artifacts, lines.lines, data=stored, suffix=".jpg", size=upright)
    data = write_dataset(snapshot([one], target()), artifacts, tmp_path / "data")

    read = check_det_dataset(str(data))
    dataset = YOLODataset(img_path=read["train"], data=read, task="detect", imgsz=64, augment=False)
    pixels, (height, width), _ = dataset.load_image(0)
    assert (width, height) == (upright.width, upright.height) and pixels.shape[:2] == (64, 48)
    x, y, w, h = dataset.labels[0]["bboxes"][0] * [width, height, width, height]
    assert (x - w / 2, y - h / 2, x + w / 2, y + h / 2) == pytest.approx((8, 40, 24, 56), abs=0.01)
    is_white = pixels.mean(axis=-1) > 128
    assert is_white[40:56, 8:24].mean() > 0.95 and is_white.mean() < 256 / (64 * 48) * 1.1


def test_kinds_of_images_that_are_let_in_are_known_to_ultralytics(quiet_ultralytics: None) -> None:
    from ultralytics.data.utils import IMG_FORMATS

    assert {suffix.removeprefix(".") for suffix in IMAGE_SUFFIXES} <= set(IMG_FORMATS)


@pytest.mark.parametrize("suffix", [".png", ".JPG", ".bmp", ".webp", ".tiff"])
def test_image_of_each_kind_is_read(
    suffix: str, artifacts: ArtifactStore, quiet_ultralytics: None, tmp_path: Path
) -> None:
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    kind = {".JPG": "JPEG"}.get(suffix, suffix[1:].upper())
    one = example(artifacts, ["1 0.5 0.5 0.2 0.2"], data=encoded(picture(), kind), suffix=suffix)
    read = check_det_dataset(str(write_dataset(snapshot([one], target()), artifacts, tmp_path / "data")))
    dataset = YOLODataset(img_path=read["train"], data=read, task="detect", imgsz=64, augment=False)
    assert labels_in(dataset, "detect") == [1] and dataset.load_image(0)[1] == (48, 64)


def test_photo_that_ultralytics_mends_is_not_changed_where_it_is_kept(
    artifacts: ArtifactStore, quiet_ultralytics: None, tmp_path: Path
) -> None:
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    one = example(artifacts, ["1 0.5 0.5 0.2 0.2"], data=encoded(picture(), "JPEG") + b"more", suffix=".jpg")
    data = write_dataset(snapshot([one], target()), artifacts, tmp_path / "data")
    kept = artifacts.fetch(image_artifact(one.image, ".jpg"))
    linked = data.parent / "images" / "train" / kept.name
    assert linked.samefile(kept)
    read = check_det_dataset(str(data))
    YOLODataset(img_path=read["train"], data=read, task="detect", imgsz=64, augment=False)
    assert not linked.samefile(kept)
    assert artifacts.fetch(image_artifact(one.image, ".jpg"), digest=one.image) == kept
