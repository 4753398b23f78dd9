"""From labelled tasks to one example for each image. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from backend.entities import ImageSize
from backend.training.entities import Example, Side
from retrain.snapshot.splits import SplitImage


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image that is kept: SHA-256 of its file, the file's ending, and its upright size."""

    digest: str
    suffix: str
    size: ImageSize


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """One task with its image and labels; `rank` orders tasks of one image, the one that counts last.

    The rest is as in `Example`; `is_held` as in `SplitImage`.
    """

    task: int
    image: StoredImage
    labels: tuple[str, ...]
    mark: str
    rank: tuple[bool, datetime, int]
    is_held: bool
    group: str | None


@dataclass(frozen=True, slots=True)
class Bundle:
    """All tasks of one image, the one whose labels count first."""

    tasks: tuple[LabelledImage, ...]

    @property
    def image(self) -> StoredImage:
        """The image."""
        return self.tasks[0].image

    @property
    def group(self) -> str | None:
        """The group of the task with the lowest id that has one."""
        groups = {one.task: one.group for one in self.tasks if one.group is not None}
        return groups[min(groups)] if groups else None

    def split_image(self) -> SplitImage:
        """Return the image as splits see it."""
        return SplitImage(self.image.digest, self.group, any(one.is_held for one in self.tasks))


def bundle(labelled: Iterable[LabelledImage]) -> list[Bundle]:
    """Return the tasks by image, sorted by the image's digest."""
    found: dict[str, list[LabelledImage]] = defaultdict(list)
    for one in labelled:
        found[one.image.digest].append(one)
    return [
        Bundle(tuple(sorted(found[digest], key=lambda one: one.rank, reverse=True)))
        for digest in sorted(found)
    ]


def examples_of(bundles: Sequence[Bundle], sides: Mapping[str, Side]) -> tuple[Example, ...]:
    """Return one example for each image, with the labels of the task that counts."""
    return tuple(
        Example(
            image=one.image.digest,
            suffix=one.image.suffix,
            width=one.image.size.width,
            height=one.image.size.height,
            side=sides[one.image.digest],
            labels=one.tasks[0].labels,
            tasks=tuple(sorted(task.task for task in one.tasks)),
            marks={task.task: task.mark for task in sorted(one.tasks, key=lambda task: task.task)},
            group=one.group,
        )
        for one in bundles
    )
