"""Average precision from regions on, against COCO's evaluation as faster-coco-eval does it."""

from collections.abc import Sequence

import numpy as np
import pytest
from faster_coco_eval import COCO, COCOeval_faster

from backend.entities import Box, Region
from retrain.evaluation.outcomes import gather_outcomes, image_outcomes
from retrain.evaluation.quality import all_once, measure_quality
from tests.retrain.dataset.snapshots import LABELS, SIZE, region, target

# Both take the precision's envelope at 101 values of recall. COCO takes their mean; ultralytics, which ours
# follows, the area under them: without half of the first value, and without the last one, at a recall of 1.
STEP = 1 / 101
NUMBERS = {label: number for number, label in enumerate(LABELS)}


def draw_box(random: np.random.Generator) -> Box:
    width, height = random.uniform(8, 60, 2)
    x, y = random.uniform(0, SIZE.width - width), random.uniform(0, SIZE.height - height)
    return Box(x, y, x + width, y + height)


def moved(box: Box, random: np.random.Generator) -> Box:
    x, y = random.normal(0, 0.07, 2) * (box.width, box.height)
    return Box(box.x1 + x, box.y1 + y, box.x2 + x, box.y2 + y)


def draw_image(random: np.random.Generator) -> tuple[list[Region], list[Region]]:
    """Return what is there, and what a middling model finds of it: some twice, some by another name."""
    truth = [region(draw_box(random), LABELS[random.integers(len(LABELS))]) for _ in range(random.poisson(5))]
    found = []
    for each in truth:
        for _ in range(random.choice(3, p=[0.25, 0.6, 0.15])):
            label = each.label if random.random() < 0.85 else LABELS[random.integers(len(LABELS))]
            assert isinstance(each.geometry, Box)
            found.append(region(moved(each.geometry, random), label, score=random.beta(4, 2)))
    found += [region(draw_box(random), LABELS[0], score=random.beta(2, 4)) for _ in range(random.poisson(3))]
    return truth, found


def as_coco(images: Sequence[Sequence[Region]]) -> list[dict[str, object]]:
    return [
        {
            "id": 1000 * number + place + 1,
            "image_id": number,
            "category_id": NUMBERS[each.label],
            "bbox": [each.geometry.x1, each.geometry.y1, each.geometry.width, each.geometry.height],
            "area": each.geometry.width * each.geometry.height,
            "iscrowd": 0,
            "score": each.score,
        }
        for number, regions in enumerate(images)
        for place, each in enumerate(regions)
        if isinstance(each.geometry, Box)
    ]


def by_coco(truths: Sequence[Sequence[Region]], found: Sequence[Sequence[Region]]) -> np.ndarray:
    """Return average precision, (10, classes): at each IoU and of each class."""
    annotated = COCO()
    annotated.dataset = {
        "images": [{"id": n, "width": SIZE.width, "height": SIZE.height} for n in range(len(truths))],
        "annotations": as_coco(truths),
        "categories": [{"id": number, "name": label} for label, number in NUMBERS.items()],
    }
    annotated.createIndex()
    evaluation = COCOeval_faster(annotated, annotated.loadRes(as_coco(found)), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    # (IoU, recall, class, size of objects, most detections): of any size, and of the 100 surest.
    return np.asarray(evaluation.eval["precision"])[:, :, :, 0, -1].mean(axis=1)


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_of_boxes_is_cocos(seed: int) -> None:
    random = np.random.default_rng(seed)
    truths, found = zip(*(draw_image(random) for _ in range(80)), strict=True)
    outcomes = [image_outcomes(*each, target()) for each in zip(truths, found, strict=True)]
    gathered = gather_outcomes(outcomes, classes=len(LABELS))
    quality = measure_quality(gathered, all_once(gathered), task="detect")
    theirs = by_coco(truths, found)
    assert 0.2 < theirs.mean() < 0.8
    assert quality.classes[0].T == pytest.approx(theirs, abs=STEP)
    assert quality.overall[0].mean() == pytest.approx(theirs.mean(), abs=STEP)
