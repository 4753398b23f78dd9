"""What a written data set consists of, and that it is whole whenever it is there."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from backend.errors import ArtifactError
from backend.store.artifacts import ArtifactStore
from backend.training.entities import Side, Snapshot
from backend.training.names import image_artifact
from retrain.dataset import write
from retrain.dataset.write import NoTrainingImages, write_dataset
from tests.retrain.dataset.snapshots import KEYPOINTS, LABELS, example, snapshot, target

BOX = "1 0.5 0.5 0.2 0.2"

pytestmark = pytest.mark.usefixtures("quiet_ultralytics")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run" / "data"


@pytest.fixture
def boxes(artifacts: ArtifactStore) -> Snapshot:
    """An image in each split and one that holds nothing."""
    return snapshot(
        [
            example(artifacts, [BOX, "0 0.1 0.1 0.1 0.1"], Side.TRAIN, seed=1),
            example(artifacts, [], Side.TRAIN, seed=2),
            example(artifacts, [BOX], Side.VAL, seed=3),
            example(artifacts, [BOX], Side.TEST, seed=4),
        ],
        target(),
    )


@pytest.fixture
def classes(artifacts: ArtifactStore) -> Snapshot:
    """Two classes of three in the train split, an image without one, and none to validate on."""
    return snapshot(
        [
            example(artifacts, ["2"], Side.TRAIN, seed=1),
            example(artifacts, ["0"], Side.TRAIN, seed=2),
            example(artifacts, [], Side.TRAIN, seed=3),
            example(artifacts, ["1"], Side.TEST, seed=4),
        ],
        target("classify"),
    )


def files_below(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_images_and_labels_lie_in_their_splits(
    boxes: Snapshot, artifacts: ArtifactStore, folder: Path
) -> None:
    data = write_dataset(boxes, artifacts, folder)
    one, empty, val, test = (example.image for example in boxes.examples)
    found = files_below(folder)
    assert data == folder / "data.yaml"
    assert found.keys() == {"data.yaml", "snapshot.txt"} | {
        f"{kind}/{side}/{image}{suffix}"
        for side, image in [("train", one), ("train", empty), ("val", val), ("test", test)]
        for kind, suffix in [("images", ".png"), ("labels", ".txt")]
    }
    assert found[f"labels/train/{one}.txt"] == f"{BOX}\n0 0.1 0.1 0.1 0.1\n".encode()
    assert found[f"labels/train/{empty}.txt"] == b""


def test_description_names_splits_and_classes(
    boxes: Snapshot, artifacts: ArtifactStore, folder: Path
) -> None:
    assert yaml.safe_load(write_dataset(boxes, artifacts, folder).read_text()) == {
        "train": "images/train",
        "val": "images/val",
        "test": "images/test",
        "names": dict(enumerate(LABELS)),
    }


def test_description_of_a_pose_names_its_key_points(artifacts: ArtifactStore, folder: Path) -> None:
    poses = snapshot([example(artifacts, [f"{BOX} 0 0 0 0.5 0.5 2 0 0 0"])], target("pose"))
    data = yaml.safe_load(write_dataset(poses, artifacts, folder).read_text())
    assert data["kpt_shape"] == [3, 3]
    assert data["kpt_names"] == {number: list(KEYPOINTS) for number in range(len(LABELS))}


def test_without_a_val_split_it_is_the_train_split(artifacts: ArtifactStore, folder: Path) -> None:
    only = snapshot([example(artifacts, [BOX])], target())
    data = yaml.safe_load(write_dataset(only, artifacts, folder).read_text())
    assert (data["val"], "test" in data) == ("images/train", False)


def test_image_shares_its_place_on_disk_with_the_artifact(
    boxes: Snapshot, artifacts: ArtifactStore, folder: Path
) -> None:
    write_dataset(boxes, artifacts, folder)
    one = boxes.examples[0]
    kept = artifacts.fetch(image_artifact(one.image, one.suffix))
    assert (folder / "images" / "train" / kept.name).samefile(kept)


def test_image_is_copied_where_it_cannot_be_linked(
    boxes: Snapshot, artifacts: ArtifactStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: Path, link: Path) -> None:
        raise OSError("another file system")

    monkeypatch.setattr(os, "link", refuse)
    write_dataset(boxes, artifacts, folder)
    one = boxes.examples[0]
    kept = artifacts.fetch(image_artifact(one.image, one.suffix))
    copy = folder / "images" / "train" / kept.name
    assert copy.read_bytes() == kept.read_bytes() and not copy.samefile(kept)


def test_classes_are_folders_by_number_in_each_split(
    classes: Snapshot, artifacts: ArtifactStore, folder: Path
) -> None:
    assert write_dataset(classes, artifacts, folder) == folder
    two, zero, _, test = (f"{example.image}.png" for example in classes.examples)
    found = files_below(folder)
    # Nothing to validate on: the train split, else ultralytics would take the test split.
    assert found.keys() == {".ndjson.yaml", "snapshot.txt", f"test/1/{test}"} | {
        f"{side}/{place}" for side in ("train", "val") for place in (f"2/{two}", f"0/{zero}")
    }
    for side in ("train", "val", "test"):
        assert sorted(path.name for path in (folder / side).iterdir()) == ["0", "1", "2"]


@pytest.mark.parametrize("task", ["boxes", "classes"])
def test_finished_data_set_is_not_written_again(
    task: str, artifacts: ArtifactStore, folder: Path, request: pytest.FixtureRequest
) -> None:
    content = request.getfixturevalue(task)
    data = write_dataset(content, artifacts, folder)
    (folder / "train.cache").write_text("of ultralytics")
    artifacts.delete("images")
    assert write_dataset(content, artifacts, folder) == data
    assert (folder / "train.cache").exists()


def _lose_label(folder: Path) -> None:
    next((folder / "labels" / "train").iterdir()).unlink()


def _empty_label(folder: Path) -> None:
    next((folder / "labels" / "val").iterdir()).write_bytes(b"")


def _empty_image(folder: Path) -> None:
    image = next((folder / "images" / "val").iterdir())
    image.unlink()
    image.touch()


def _lose_marker(folder: Path) -> None:
    (folder / "snapshot.txt").unlink()


def _damage_marker(folder: Path) -> None:
    (folder / "snapshot.txt").write_bytes(b"\xff\x00")


def _lose_all(folder: Path) -> None:
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    "damage", [_lose_label, _empty_label, _empty_image, _lose_marker, _damage_marker, _lose_all]
)
def test_data_set_that_is_not_whole_is_written_again(
    damage: Callable[[Path], None], boxes: Snapshot, artifacts: ArtifactStore, folder: Path
) -> None:
    write_dataset(boxes, artifacts, folder)
    before = files_below(folder)
    damage(folder)
    write_dataset(boxes, artifacts, folder)
    assert files_below(folder) == before


def test_another_snapshot_replaces_what_is_there(
    boxes: Snapshot, artifacts: ArtifactStore, folder: Path
) -> None:
    write_dataset(boxes, artifacts, folder)
    other = snapshot([example(artifacts, [BOX], seed=9)], target(), digest="e" * 64)
    write_dataset(other, artifacts, folder)
    assert [path.stem for path in (folder / "images").rglob("*.png")] == [other.examples[0].image]


def test_process_killed_in_the_middle_leaves_no_half_data_set(
    boxes: Snapshot, artifacts: ArtifactStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        left = iter(range(5))
        real = write._write

        def stop_after_some(*args: object) -> None:
            next(left)
            real(*args)  # type: ignore[arg-type]

        patch.setattr(write, "_write", stop_after_some)
        with pytest.raises(StopIteration):
            write_dataset(boxes, artifacts, folder)
    assert not folder.exists()
    write_dataset(boxes, artifacts, folder)
    assert len(files_below(folder)) == 10 and not list(folder.parent.glob("*.part"))


def test_image_that_is_lost_or_damaged_is_an_error(
    boxes: Snapshot, artifacts: ArtifactStore, folder: Path
) -> None:
    name = image_artifact(boxes.examples[0].image, ".png")
    artifacts.put_bytes(b"something else", name)
    with pytest.raises(ArtifactError, match="damaged"):
        write_dataset(boxes, artifacts, folder)
    artifacts.delete(name)
    with pytest.raises(ArtifactError, match="no artifact"):
        write_dataset(boxes, artifacts, folder)


@pytest.mark.parametrize(
    ("task", "labels", "side"),
    [
        pytest.param("detect", [BOX], Side.TEST, id="only test images"),
        pytest.param("classify", [], Side.TRAIN, id="no image with a class"),
    ],
)
def test_nothing_to_train_on_is_an_error_for_good(
    artifacts: ArtifactStore, folder: Path, task: str, labels: list[str], side: Side
) -> None:
    with pytest.raises(NoTrainingImages, match="train split") as raised:
        write_dataset(snapshot([example(artifacts, labels, side)], target(task)), artifacts, folder)
    assert raised.value.is_final


def test_image_that_ultralytics_would_pass_over_is_an_error(artifacts: ArtifactStore, folder: Path) -> None:
    odd = snapshot([example(artifacts, [BOX], suffix=".gif", seed=42)], target())
    with pytest.raises(NoTrainingImages, match="task 42 ends in '.gif'"):
        write_dataset(odd, artifacts, folder)
