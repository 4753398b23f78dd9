"""The hard-hat images of the test assets, as annotated tasks of a project."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from PIL import Image

from backend.entities import Box, ImageSize, Region

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Photograph:
    """An image with what is labelled in it; boxes in pixels."""

    path: Path
    size: ImageSize
    regions: tuple[Region, ...]


def label_names(folder: Path) -> tuple[str, ...]:
    """Return the labels in the order of their numbers."""
    return tuple(yaml.safe_load((folder / "data.yaml").read_text())["names"])


def photographs(folder: Path) -> Iterator[Photograph]:
    """Yield all images of all splits, in the order of their names."""
    names = label_names(folder)
    for path in sorted(p for split in SPLITS for p in (folder / "images" / split).iterdir()):
        with Image.open(path) as image:
            size = ImageSize(*image.size)
        labels = folder / "labels" / path.parent.name / path.with_suffix(".txt").name
        lines = labels.read_text().splitlines() if labels.exists() else []
        regions = tuple(_region(f"{path.stem}x{n}", line, names, size) for n, line in enumerate(lines))
        yield Photograph(path, size, regions)


def _region(region_id: str, line: str, names: tuple[str, ...], size: ImageSize) -> Region:
    number, *shares = line.split()
    x, y, width, height = map(float, shares)
    box = Box(
        (x - width / 2) * size.width,
        (y - height / 2) * size.height,
        (x + width / 2) * size.width,
        (y + height / 2) * size.height,
    )
    return Region(region_id, "label", names[int(number)], 1.0, box, size)
