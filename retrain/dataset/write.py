"""Write a snapshot as a data set that ultralytics reads, in the run's own folder.

What belongs there is planned first, so that writing and checking what an earlier attempt left agree. The
formats are those of ultralytics 8.4: `data/utils.py` and `data/dataset.py`.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from backend.errors import AppError
from backend.store.artifacts import ArtifactStore
from backend.training.entities import Example, Side, Snapshot, TrainingTarget
from backend.training.names import image_artifact
from retrain.dataset.fonts import provide_fonts

# Endings of image files that ultralytics reads; it passes over others without a word.
IMAGE_SUFFIXES = frozenset(
    (".avif", ".bmp", ".heic", ".heif", ".jp2", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp")
)
_DATA_FILE = "data.yaml"
# Classification has no data.yaml. With this file, which ultralytics writes for data sets of its platform, it
# takes folders for numbers of classes; without, their names for the classes, in alphabetical order.
_NAMES_FILE = ".ndjson.yaml"
# Holds the snapshot's digest, and is written last.
_MARKER = "snapshot.txt"


class NoTrainingImages(AppError):
    """The snapshot holds nothing that could be trained on. To try again changes nothing."""

    code = "no_training_images"
    status = 422
    is_final = True


@dataclass(frozen=True, slots=True)
class _File:
    """One file to be, at a path in the data set: a text, or the image of an example."""

    path: Path
    content: bytes | Example


def write_dataset(snapshot: Snapshot, artifacts: ArtifactStore, folder: Path) -> Path:
    """Write the data set, unless it is there already, and return what ultralytics' `data` argument takes.

    An image without labels has an empty file of labels; for a classifier it is left out. Without an example
    of the val split the train split is validated on, since ultralytics will not train without: its scores
    say little then. Written beside `folder` and renamed, so that whoever is killed here leaves nothing half
    done. Another content of the folder is replaced.

    Args:
        snapshot: What to write.
        artifacts: Where its images are kept. They are linked to where the file system can, else copied.
        folder: Of this data set alone. It may be moved afterwards.

    Raises:
        NoTrainingImages: no example is for training, or an image is of a kind that ultralytics cannot read.
        ArtifactError: an image cannot be had.
    """
    provide_fonts()
    folders, files = _plan(snapshot)
    if not _is_whole(folder, snapshot.digest, files):
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        for name in sorted(folders | {file.path.parent for file in files}):
            (part / name).mkdir(parents=True, exist_ok=True)
        for file in files:
            _write(part / file.path, file.content, artifacts)
        (part / _MARKER).write_bytes(snapshot.digest.encode())
        if folder.exists():
            shutil.rmtree(folder)
        part.rename(folder)
    return folder if snapshot.target.task == "classify" else folder / _DATA_FILE


def _plan(snapshot: Snapshot) -> tuple[set[Path], list[_File]]:
    """Return the folders that must be there even if they are empty, and the files."""
    target = snapshot.target
    is_classifier = target.task == "classify"
    examples = [example for example in snapshot.examples if example.labels or not is_classifier]
    _refuse_useless(snapshot, examples)
    sides = {example.side for example in examples}
    if is_classifier:
        numbers = [str(number) for number in range(len(target.labels))]
        folders = {Path(side, number) for side in sides | {Side.VAL} for number in numbers}
        names = _File(Path(_NAMES_FILE), _yaml({"names": dict(enumerate(target.labels))}))
        return folders, [names, *_class_files(examples, has_val=Side.VAL in sides)]
    return set(), [_File(Path(_DATA_FILE), _data_file(target, sides)), *_label_files(examples)]


def _refuse_useless(snapshot: Snapshot, examples: list[Example]) -> None:
    if not any(example.side == Side.TRAIN for example in examples):
        raise NoTrainingImages(
            f"None of the {len(snapshot.examples)} images of the snapshot is both labelled and in the train "
            "split. Review more tasks; where SPLIT_GROUP is set, from more than one group."
        )
    for example in examples:
        if example.suffix.lower() not in IMAGE_SUFFIXES:
            raise NoTrainingImages(
                f"The image of task {', '.join(map(str, example.tasks))} ends in {example.suffix!r}, which "
                f"ultralytics does not read; expected one of {', '.join(sorted(IMAGE_SUFFIXES))}."
            )


def _label_files(examples: list[Example]) -> Iterator[_File]:
    for example in examples:
        name = f"{example.image}{example.suffix}"
        yield _File(Path("images", example.side, name), example)
        # Also where there is nothing: without any file of labels ultralytics will not begin.
        lines = "".join(f"{line}\n" for line in example.labels)
        yield _File(Path("labels", example.side, f"{example.image}.txt"), lines.encode())


def _class_files(examples: list[Example], *, has_val: bool) -> Iterator[_File]:
    for example in examples:
        sides = [example.side]
        if example.side == Side.TRAIN and not has_val:
            # Else ultralytics would choose the best epoch by the test split.
            sides.append(Side.VAL)
        for side in sides:
            yield _File(Path(side, example.labels[0], f"{example.image}{example.suffix}"), example)


def _data_file(target: TrainingTarget, sides: set[Side]) -> bytes:
    # Without "path" the folders lie beside this file, wherever that is.
    data: dict[str, Any] = {side.value: f"images/{side.value}" for side in Side if side in sides}
    data.setdefault(Side.VAL.value, data[Side.TRAIN.value])
    data["names"] = dict(enumerate(target.labels))
    if target.task == "pose":
        data["kpt_shape"] = [len(target.keypoints), 3]
        data["kpt_names"] = {number: list(target.keypoints) for number in range(len(target.labels))}
    return _yaml(data)


def _yaml(data: dict[str, Any]) -> bytes:
    text: str = yaml.safe_dump(data, sort_keys=False)
    return text.encode()


def _is_whole(folder: Path, digest: str, files: list[_File]) -> bool:
    """Tell whether an earlier attempt wrote all of it; a machine that lost power leaves empty files."""
    try:
        return (folder / _MARKER).read_bytes() == digest.encode() and all(
            size == len(file.content) if isinstance(file.content, bytes) else size > 0
            for file in files
            for size in [(folder / file.path).stat().st_size]
        )
    except OSError:
        return False


def _write(path: Path, content: bytes | Example, artifacts: ArtifactStore) -> None:
    if isinstance(content, bytes):
        path.write_bytes(content)
        return
    kept = artifacts.fetch(image_artifact(content.image, content.suffix), digest=content.image)
    try:
        # Safe, as ultralytics mends a damaged image by writing another file in its place.
        os.link(kept, path)
    except OSError:
        shutil.copyfile(kept, path)
