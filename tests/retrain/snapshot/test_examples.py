"""Examples: one for each image, labelled by the task that counts most, naming all that show it."""

from datetime import datetime, timedelta
from typing import Any

from backend.entities import ImageSize
from backend.training.entities import Side
from retrain.snapshot.examples import LabelledImage, StoredImage, bundle, examples_of
from tests.retrain.snapshot.entities_of_snapshots import NOON

SIDES = {"one": Side.TRAIN, "two": Side.TEST}


def labelled(
    task: int, image: str = "one", *, minute: int = 0, truth: bool = False, **changes: Any
) -> LabelledImage:
    rank: tuple[bool, datetime, int] = (truth, NOON + timedelta(minutes=minute), 10 * task)
    given = {
        "task": task,
        "image": StoredImage(image, ".jpg", ImageSize(640, 480)),
        "labels": (f"labels of {task}",),
        "mark": f"{10 * task}:digest",
        "rank": rank,
        "is_held": truth,
        "group": None,
    }
    return LabelledImage(**{**given, **changes})


def test_each_image_is_one_example_in_order_of_its_digest() -> None:
    one, two = examples_of(bundle([labelled(2, "two"), labelled(1)]), SIDES)
    assert (one.image, one.side, one.tasks) == ("one", Side.TRAIN, (1,))
    assert (two.image, two.side, two.tasks) == ("two", Side.TEST, (2,))
    assert (one.suffix, one.width, one.height) == (".jpg", 640, 480)


def test_newest_labels_count_for_an_image_of_several_tasks() -> None:
    (one,) = examples_of(bundle([labelled(1, minute=5), labelled(3, minute=9), labelled(2)]), SIDES)
    assert one.labels == ("labels of 3",)
    assert (one.tasks, one.marks) == ((1, 2, 3), {1: "10:digest", 2: "20:digest", 3: "30:digest"})


def test_ground_truth_goes_before_newer_labels() -> None:
    (one,) = examples_of(bundle([labelled(1, truth=True), labelled(2, minute=9)]), SIDES)
    assert one.labels == ("labels of 1",)


def test_image_is_held_if_any_of_its_tasks_is() -> None:
    (one,) = bundle([labelled(1, is_held=True), labelled(2, minute=9)])
    assert one.split_image().is_held


def test_group_of_an_image_is_that_of_its_first_task_with_one() -> None:
    (one,) = bundle([labelled(1), labelled(3, group="south"), labelled(2, group="north")])
    assert one.group == one.split_image().group == "north"
