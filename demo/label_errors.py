"""Plant errors in the labels of sample scenes, and measure how many of them are found.

Run `python -m demo.label_errors` for the demo's weak weights, with `--train-from WEIGHTS` for others that are
first trained on scenes. Scenes, planted errors and weights are fixed, so the figures are as well.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backend.entities import Box, ImageSize, Region
from backend.report.predict_again import FAINT
from backend.review.overlap import region_iou
from backend.stats.label_errors import ErrorKind, Found, JudgedTask, LabelError, Mark
from backend.stats.label_scores import SUSPECT, score_labels
from demo import train_further
from demo.measure_weights import IMAGE_SIZE, WEIGHTS, ultralytics_folder
from demo.scenes import CLASSES, Scene, draw_scene

# No model here was trained on these scenes, and nothing of the method was chosen by them.
SCENES_START = 8_000_000
SCENES = 400
# The default of SCORE_THRESHOLD: what is logged in service.
USUAL_THRESHOLD = 0.25

# One label in ten is wrong, in equal parts of each kind.
PLANTED_SHARE = 0.1
# By the usual standard a box that shares less than half with the thing is wrong.
LOOSE_IOU = (0.2, 0.5)
# A finding is of the planted error if it lies there.
_SAME_PLACE = 0.3
_CONTROL = "label"


@dataclass(frozen=True)
class Planted:
    """One error: in which scene (by its place), of which kind, and where it is."""

    scene: int
    kind: ErrorKind
    box: Box


@dataclass(frozen=True)
class Outcome:
    """How many errors were `planted`, and how many of so many first findings are of one, by its kind."""

    planted: int
    hits: Counter[ErrorKind]
    suspected: int
    right: int

    @property
    def precision(self) -> float:
        """Share of the first findings, as many as errors were planted, that are of one."""
        return sum(self.hits.values()) / self.planted


def draw_judged(count: int = SCENES) -> list[Scene]:
    """Return the first of the scenes whose labels are judged."""
    return [draw_scene(SCENES_START + number) for number in range(count)]


def find_objects(
    scenes: Sequence[Scene], *, weights: Path = WEIGHTS, image_size: int = IMAGE_SIZE
) -> list[tuple[Mark, ...]]:
    """Return what the weights find in each scene, from a score of `FAINT` on.

    `image_size` is in pixels, the longer side at the network's input.
    """
    with ultralytics_folder():
        from ultralytics import YOLO

        model = YOLO(str(weights))
        options = {"imgsz": image_size, "conf": FAINT, "device": "cpu", "verbose": False}
        found = []
        for scene in scenes:
            boxes = model.predict(scene.image, **options)[0].boxes
            rows = zip(boxes.cls.tolist(), boxes.conf.tolist(), boxes.xyxy.tolist(), strict=True)
            found.append(
                tuple(Mark(model.names[int(c)], _CONTROL, Box(*box), score) for c, score, box in rows)
            )
        return found


def train_and_find(pretrained: Path, scenes: Sequence[Scene]) -> list[tuple[Mark, ...]]:
    """Train pretrained weights on other scenes, and return what they then find in each of these."""
    with ultralytics_folder() as work:
        trained = train_further.train_further(pretrained, work)
        return find_objects(scenes, weights=trained, image_size=train_further.IMAGE_SIZE)


def plant_errors(
    scenes: Sequence[Scene], *, seed: int, least_side: float = 0.0
) -> tuple[list[list[Mark]], list[Planted]]:
    """Return the scenes' labels with errors in them, and the errors.

    Args:
        scenes: Whose true labels are spoiled.
        seed: Of what goes wrong where.
        least_side: Only objects at least so large are hit: root of the object's share of the picture.
    """
    rng = np.random.default_rng(seed)
    truth = [[Mark(item.label, _CONTROL, Box(*item.box)) for item in scene.objects] for scene in scenes]
    places = [(at, number) for at, marks in enumerate(truth) for number in range(len(marks))]
    large = [(at, number) for at, number in places if _side(truth[at][number], scenes[at]) >= least_side]
    each = round(PLANTED_SHARE * len(places) / len(ErrorKind))
    labels: list[dict[int, Mark]] = [dict(enumerate(marks)) for marks in truth]
    planted = []
    chosen = rng.permutation(len(large))[: each * len(ErrorKind)]
    for turn, (at, number) in enumerate(large[int(place)] for place in chosen):
        kind, mark = list(ErrorKind)[turn % len(ErrorKind)], truth[at][number]
        box = _box_of(mark)
        if kind is ErrorKind.EXTRA:
            at, box = _elsewhere(rng, box, scenes, truth)
            labels[at][len(labels[at]) + len(truth[at])] = Mark(mark.label, _CONTROL, box)
        elif kind is ErrorKind.MISSING:
            del labels[at][number]
        elif kind is ErrorKind.WRONG_CLASS:
            other = rng.choice([label for label in CLASSES if label != mark.label])
            labels[at][number] = Mark(str(other), _CONTROL, box)
        else:
            box = _loosened(rng, box, scenes[at])
            labels[at][number] = Mark(mark.label, _CONTROL, box)
        planted.append(Planted(at, kind, box))
    return [list(marks.values()) for marks in labels], planted


def measure(
    scenes: Sequence[Scene], found: Sequence[Sequence[Mark]], *, seed: int, least_side: float = 0.0
) -> Outcome:
    """Plant errors, look for them by what the model found, and count; arguments as in `plant_errors`."""
    labels, planted = plant_errors(scenes, seed=seed, least_side=least_side)
    ranked = score_labels(
        JudgedTask(
            task_id=at,
            annotation_id=at,
            annotator=None,
            labelled=tuple(labels[at]),
            images={},
            found=Found("demo", ImageSize(*scene.size), tuple(found[at])),
            is_shown=False,
            image=None,
        )
        for at, scene in enumerate(scenes)
    )
    suspected = [error for error in ranked if error.score < SUSPECT]
    return Outcome(
        planted=len(planted),
        hits=_hits(ranked[: len(planted)], planted),
        suspected=len(suspected),
        right=sum(_hits(suspected, planted).values()),
    )


def _hits(findings: Sequence[LabelError], planted: Sequence[Planted]) -> Counter[ErrorKind]:
    """Count the planted errors that a finding is of; each counts once."""
    left, hits = list(planted), Counter[ErrorKind]()
    for error in findings:
        box = error.box or error.predicted_box
        for each in left:
            if box is not None and each.scene == error.task_id and _iou(each.box, box) >= _SAME_PLACE:
                hits[each.kind] += 1
                left.remove(each)
                break
    return hits


def _loosened(rng: np.random.Generator, box: Box, scene: Scene) -> Box:
    while True:
        width, height = (side * rng.lognormal(0, 0.35) for side in (box.width, box.height))
        x = (box.x1 + box.x2) / 2 + rng.normal(0, 0.25) * box.width
        y = (box.y1 + box.y2) / 2 + rng.normal(0, 0.25) * box.height
        moved = _inside(Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2), scene)
        if LOOSE_IOU[0] <= _iou(moved, box) <= LOOSE_IOU[1]:
            return moved


def _elsewhere(
    rng: np.random.Generator, box: Box, scenes: Sequence[Scene], truth: Sequence[Sequence[Mark]]
) -> tuple[int, Box]:
    """Return a scene, by its place, and a box of this size there where nothing is."""
    while True:
        # Another scene each time: one that is full of large things has no place left.
        at = int(rng.integers(len(scenes)))
        size = scenes[at].size
        width, height = min(box.width, size[0]), min(box.height, size[1])
        x, y = rng.uniform(0, size[0] - width), rng.uniform(0, size[1] - height)
        moved = Box(x, y, x + width, y + height)
        if all(_iou(moved, _box_of(mark)) < LOOSE_IOU[0] / 2 for mark in truth[at]):
            return at, moved


def _inside(box: Box, scene: Scene) -> Box:
    width, height = scene.size
    return Box(max(0.0, box.x1), max(0.0, box.y1), min(width, box.x2), min(height, box.y2))


def _side(mark: Mark, scene: Scene) -> float:
    box = _box_of(mark)
    return float(np.sqrt(box.width * box.height / (scene.size[0] * scene.size[1])))


def _box_of(mark: Mark) -> Box:
    assert mark.box is not None, "every object of a scene has a box"
    return mark.box


def _iou(one: Box, other: Box) -> float:
    size = ImageSize(1, 1)
    return region_iou(*(Region("", "", "", 1.0, box, size) for box in (one, other)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and print the figures as a table."""
    parser = argparse.ArgumentParser(prog="python -m demo.label_errors", description=__doc__)
    parser.add_argument("--scenes", type=int, default=SCENES)
    parser.add_argument("--plants", type=int, default=4, help="how often errors are planted anew")
    parser.add_argument("--train-from", type=Path, help="pretrained weights to train on other scenes first")
    options = parser.parse_args(arguments)
    scenes = draw_judged(options.scenes)
    pretrained = options.train_from
    everything = train_and_find(pretrained, scenes) if pretrained else find_objects(scenes)
    print("| found from | hit objects from | at the planted count | " + " | ".join(ErrorKind), end=" ")
    print("| suspected | right |\n| --: | --: | --: | --: | --: | --: | --: | --: | --: |")
    for threshold in (FAINT, USUAL_THRESHOLD):
        found = [[mark for mark in marks if mark.score >= threshold] for marks in everything]
        for least in (0.0, 0.1):
            seeds = range(options.plants)
            print(
                _row(
                    [measure(scenes, found, seed=seed, least_side=least) for seed in seeds], threshold, least
                )
            )


def _row(outcomes: Sequence[Outcome], threshold: float, least: float) -> str:
    planted = sum(outcome.planted for outcome in outcomes)
    hits = sum((outcome.hits for outcome in outcomes), Counter[ErrorKind]())
    suspected = sum(outcome.suspected for outcome in outcomes)
    right = sum(outcome.right for outcome in outcomes)
    shares = [sum(hits.values()) / planted, *(hits[kind] * len(ErrorKind) / planted for kind in ErrorKind)]
    cells = [f"{share:.2f}" for share in shares]
    cells += [
        f"{suspected / len(outcomes):.0f} of {planted // len(outcomes)} planted",
        f"{right / suspected:.2f}",
    ]
    return f"| {threshold:g} | {least:g} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
