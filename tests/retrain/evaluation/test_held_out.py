"""What is kept of held-out images is what will be served of them: scores, labels, hygiene."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.entities import Box, ControlTag, Detection, Image, ImageSize, Point, Task
from backend.inference.checkpoint import Checkpoint, read_checkpoint
from backend.labelstudio.label_config import parse_label_config
from backend.media.decode import decode_image
from backend.registry.move import move_champion
from backend.services import Services
from backend.settings import Settings
from backend.stats.drift import ImageFacts
from backend.training.entities import Side, Snapshot
from retrain.context import RunContext
from retrain.evaluation.compare import compare
from retrain.evaluation.held_out import HeldOut
from retrain.evaluation.predictor import Predictor
from tests.backend.image_server import ImageServer
from tests.backend.pictures import png
from tests.backend.registry.makers import store_version
from tests.retrain.dataset.snapshots import LABELS, example, snapshot, target
from tests.retrain.evaluation.conftest import NOW, PROJECT

TASKS = ("detect", "obb", "segment", "pose", "classify")
SIZE = ImageSize(128, 96)
IMAGE: Image = np.full((96, 128, 3), 51, np.uint8)


def config(attributes: str = "", *, kind: str = "RectangleLabels", name: str = "label") -> str:
    """Return a tag for `LABELS`, whose classes other weights call by other names."""
    one = "Choice" if kind == "Choices" else "Label"
    labels = "".join(f'<{one} value="{each}" predicted_values="{each} elsewhere"/>' for each in LABELS)
    return f'<{kind} name="{name}" toName="image" {attributes}>{labels}</{kind}>'


def controls(*tags: str) -> tuple[ControlTag, ...]:
    return parse_label_config(f'<View><Image name="image" value="$image"/>{"".join(tags)}</View>')


def thing(label: str, score: float, *, left: float = 0.0, side: float = 20.0) -> Detection:
    return Detection(label, score, Box(left, 0, left + side, side))


def facts_of(
    settings: Settings, tags: Sequence[ControlTag], *found: Detection, task: str = "detect"
) -> ImageFacts:
    held_out = HeldOut(target(task), LABELS, tags, settings)
    held_out.add([IMAGE], [found])
    (facts,) = held_out.facts
    return facts


def test_image_is_known_by_its_objects_scores_brightness_and_size(settings: Settings) -> None:
    found = thing("car", 0.9), thing("car", 0.8, left=40), thing("person", 0.7, left=80)
    facts = facts_of(settings, controls(config()), *found)
    assert facts.labels == {"car": 2, "person": 1} and list(facts.scores) == [0.9, 0.8, 0.7]
    assert facts.brightness == pytest.approx(0.2) and facts.size == SIZE


@pytest.mark.parametrize(
    ("attributes", "scores"),
    [
        pytest.param("", [0.5, 0.25], id="of the settings"),
        pytest.param('model_score_threshold="0.4"', [0.5], id="of the tag"),
        pytest.param(
            'model_score_threshold="many"', [0.5, 0.25], id="of the settings where the tag's is none"
        ),
    ],
)
def test_objects_count_from_the_score_on_that_is_shown(
    settings: Settings, attributes: str, scores: list[float]
) -> None:
    found = [thing("car", score, left=40 * place) for place, score in enumerate((0.5, 0.25, 0.24))]
    assert list(facts_of(settings, controls(config(attributes)), *found).scores) == scores


def test_what_hygiene_takes_out_is_not_counted(settings: Settings) -> None:
    found = thing("car", 0.9), thing("car", 0.8, side=10), thing("person", 0.7)
    assert facts_of(settings, controls(config()), *found).labels == {"car": 1}


def test_classifier_says_its_surest_class(settings: Settings) -> None:
    found = [Detection(label, score, None) for label, score in zip(LABELS, (0.3, 0.6, 0.1), strict=True)]
    tags = controls(config(kind="Choices"))
    assert facts_of(settings, tags, *found, task="classify").labels == {"person": 1}
    # As well where the config is of no use any more.
    assert facts_of(settings, (), *found, task="classify").labels == {"person": 1}


@pytest.mark.parametrize(
    "tags",
    [
        pytest.param((), id="none"),
        pytest.param(controls(config(name="other")), id="of other tags"),
        pytest.param(controls(config(), config(kind="KeyPointLabels", name="point")), id="with key points"),
    ],
)
def test_all_labels_count_once_whatever_the_config_holds(
    settings: Settings, tags: tuple[ControlTag, ...]
) -> None:
    found = thing("car", 0.9), thing("person", 0.7, left=80), thing("person", 0.1, left=40)
    assert facts_of(settings, tags, *found, task="pose").labels == {"car": 1, "person": 1}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small are slower on more threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def checkpoint_of(tmp_path: Path, quiet_ultralytics: None) -> Callable[..., Checkpoint]:
    from tests.backend.tiny_model import save_tiny_weights

    def make(task: str, seed: int = 7) -> Checkpoint:
        path = tmp_path / "made" / f"model{seed}-{task}.pt"
        return read_checkpoint(save_tiny_weights(path, task=task, seed=seed, classes=LABELS))

    return make


def snapshot_of(services: Services, task: str) -> Snapshot:
    sides = [Side.TRAIN] * 3 + [Side.VAL] * 2 + [Side.TEST] * 4
    label = "0" if task == "classify" else ""
    examples = [
        example(services.artifacts, [label] if label else [], side, size=SIZE, seed=seed)
        for seed, side in enumerate(sides, 1)
    ]
    return snapshot(examples, target(task))


@pytest.mark.parametrize("task", TASKS)
def test_challenger_is_seen_on_val_and_test_images_of_every_task(
    task: str, context: RunContext, services: Services, checkpoint_of: Callable[..., Checkpoint]
) -> None:
    new, old = checkpoint_of(task), checkpoint_of(task, 8)
    low = services.settings.model_copy(update={"score_threshold": 0.002})
    taken = snapshot_of(services, task)
    seen = HeldOut(taken.target, new.class_names, (), low)
    compare(context, taken, challenger=new, champion=old, epochs=[], device="cpu", held_out=seen)
    assert len(seen.facts) == 6 and {facts.size for facts in seen.facts} == {SIZE}
    assert all(facts.brightness is not None and 0.4 < facts.brightness < 0.6 for facts in seen.facts)
    assert all(sum(facts.labels.values()) == len(facts.scores) for facts in seen.facts)
    assert sum((Counter(facts.labels) for facts in seen.facts), Counter()).keys() <= set(LABELS)
    assert sum(len(facts.scores) for facts in seen.facts) >= (6 if task == "classify" else 1)
    alone = HeldOut(taken.target, new.class_names, (), low)
    compare(context, taken, challenger=new, champion=None, epochs=[], device="cpu", held_out=alone)
    assert alone.facts == seen.facts


def tags_of(task: str) -> tuple[str, ...]:
    """Return the tags that a model of the task fills, which show what is not sure as well."""
    low = 'model_score_threshold="0.05"'
    if task == "classify":
        return (config(low, kind="Choices"),)
    if task == "segment":
        return (config(low, kind="BrushLabels"),)
    if task == "pose":
        points = '<Label value="nose" model_index="0"/>'
        point = f'<KeyPointLabels name="point" toName="image" {low}>{points}</KeyPointLabels>'
        return config(low), point
    return (config(f'{low} model_obb="{str(task == "obb").lower()}"'),)


@pytest.mark.parametrize("task", TASKS)
def test_same_is_kept_of_an_image_as_is_served(
    task: str, services: Services, image_server: ImageServer, checkpoint_of: Callable[..., Checkpoint]
) -> None:
    wanted, found = target(task), tags_of(task)
    version = store_version(
        services.database, services.artifacts, PROJECT, checkpoint_of(task).path, controls=wanted.controls
    )
    with services.database.write() as session:
        move_champion(session, PROJECT, version.version, reason="a test", prelabel=False, now=NOW)
    for number in (1, 2, 3):
        image_server.serve(f"/data/{number}.png", png(SIZE.width, SIZE.height, seed=number))
    tasks = [Task(number, {"image": f"/data/{number}.png"}) for number in (1, 2, 3)]
    xml = f'<View><Image name="image" value="$image"/>{"".join(found)}</View>'
    plan = services.pipeline.planner.plan(xml, PROJECT)
    assert plan.version == version.version
    served = services.pipeline.predict(tasks, plan, project_id=PROJECT)
    assert [prediction.failure for prediction in served] == [None] * 3
    images = [decode_image(png(SIZE.width, SIZE.height, seed=n), max_pixels=10**6) for n in (1, 2, 3)]
    held_out = HeldOut(wanted, LABELS, controls(*found), services.settings)
    engine = Predictor(plan.tags[0].checkpoint, wanted, (), device="cpu")
    held_out.add(images, engine.detect(images))
    things = [[r for r in each.regions if not isinstance(r.geometry, Point)] for each in served]
    assert sum(map(len, things)) >= 3
    for facts, regions, prediction in zip(held_out.facts, things, served, strict=True):
        assert facts.labels == Counter(region.label for region in regions)
        scores = sorted(region.score for region in regions)
        assert sorted(facts.scores) == pytest.approx(scores, abs=1e-3)
        assert (facts.size, facts.brightness) == (prediction.size, prediction.brightness)
