"""Whole comparisons: real models look at images whose labels are what one of them finds."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from backend.entities import ImageSize
from backend.errors import ArtifactError
from backend.inference.checkpoint import Checkpoint, read_checkpoint
from backend.services import Services
from backend.store.projects import store_project
from backend.store.runs import get_run
from backend.training.entities import Comparison, Example, Side, Snapshot, Verdict
from retrain.context import RunCancelled, RunContext, RunInterrupted
from retrain.dataset.labels import label_lines
from retrain.evaluation.compare import compare
from retrain.evaluation.findings import found_regions
from retrain.evaluation.predictor import load_image
from retrain.gate import decide
from tests.backend.registry.makers import store_version
from tests.retrain.dataset.snapshots import LABELS, example, snapshot, target
from tests.retrain.evaluation.conftest import NOW, PROJECT, MakeContext

TASKS = ("detect", "obb", "segment", "pose", "classify")
SIZE = ImageSize(128, 96)
VAL, TEST = 4, 10
LABELS_AN_IMAGE = 1
GOOD = 0.9
# Random weights find things of many parts and beyond the image's edge, whose labels are a part of them only.
FAIR = 0.5


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small are slower on more threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def checkpoint_of(tmp_path: Path, quiet_ultralytics: None) -> Callable[..., Checkpoint]:
    """Make a tiny random model; equal seeds make equal ones, whatever their names."""
    from tests.backend.tiny_model import save_tiny_weights

    def make(task: str, name: str, *, seed: int = 7, classes: tuple[str, ...] = LABELS) -> Checkpoint:
        path = tmp_path / "made" / f"{name}-{task}.pt"
        return read_checkpoint(save_tiny_weights(path, task=task, seed=seed, classes=classes))

    return make


def with_labels(services: Services, teacher: Checkpoint, bare: list[Example]) -> list[Example]:
    """Return the examples with what the model finds itself as labels: all that it is surest of."""
    from backend.inference.yolo import YoloEngine

    wanted = target(teacher.task)
    images = [load_image(services.artifacts, one, max_pixels=10**6) for one in bare]
    found = YoloEngine(teacher, device="cpu").detect(images, threshold=0.001)
    names = dict(zip(teacher.class_names, LABELS, strict=True))
    scores = sorted((each.score for detections in found for each in detections), reverse=True)
    least = 0.0 if teacher.task == "classify" else scores[LABELS_AN_IMAGE * len(bare)]
    regions = [
        found_regions([d for d in detections if d.score > least], SIZE, labels=names, target=wanted)
        for detections in found
    ]
    return [
        replace(one, labels=label_lines(some, wanted, SIZE).lines)
        for one, some in zip(bare, regions, strict=True)
    ]


def snapshot_of(services: Services, teacher: Checkpoint, *, val: int = VAL, test: int = TEST) -> Snapshot:
    """Return a snapshot of noise whose labels are what the model finds."""
    sides = [Side.VAL] * val + [Side.TEST] * test
    bare = [example(services.artifacts, [], side, size=SIZE, seed=seed) for seed, side in enumerate(sides, 1)]
    return snapshot(with_labels(services, teacher, bare), target(teacher.task))


def compared(
    context: RunContext, taken: Snapshot, challenger: Checkpoint, champion: Checkpoint | None
) -> Comparison:
    return compare(context, taken, challenger=challenger, champion=champion, epochs=[], device="cpu")


@pytest.mark.parametrize("task", TASKS)
def test_model_that_calls_things_by_other_names_is_rejected(
    task: str, context: RunContext, services: Services, checkpoint_of: Callable[..., Checkpoint]
) -> None:
    good = checkpoint_of(task, "good")
    shuffled = checkpoint_of(task, "shuffled", classes=(*LABELS[1:], LABELS[0]))
    taken = snapshot_of(services, good)
    better = compared(context, taken, good, shuffled)
    assert better.images == TEST and better.objects == sum(
        len(one.labels) for one in taken.examples if one.side == Side.TEST
    )
    assert better.champion is not None and better.difference is not None
    assert (better.challenger.version, better.champion.version) == (good.version, shuffled.version)
    assert better.challenger.map50 > FAIR > better.champion.map50
    assert better.difference.low > 0
    assert better.challenger.f1 > better.champion.f1
    assert min(better.challenger.latency_ms, better.champion.latency_ms) > 0
    assert [each.label for each in better.challenger.classes] == list(LABELS)
    worse = compared(context, taken, shuffled, good)
    assert worse.difference is not None and worse.difference.high < 0
    assert decide(worse, context.settings).verdict == Verdict.REJECT


def test_equal_model_is_held(
    context: RunContext, services: Services, checkpoint_of: Callable[..., Checkpoint]
) -> None:
    good, same = checkpoint_of("detect", "good"), checkpoint_of("detect", "same")
    found = compared(context, snapshot_of(services, good), same, good)
    assert found.difference is not None
    assert (found.difference.value, found.difference.low, found.difference.high) == (0, 0, 0)
    assert decide(found, context.settings).verdict == Verdict.HOLD


def test_first_model_is_measured_alone(
    context: RunContext, services: Services, checkpoint_of: Callable[..., Checkpoint]
) -> None:
    good = checkpoint_of("detect", "good")
    found = compared(context, snapshot_of(services, good), good, None)
    assert (found.champion, found.difference, found.class_differences) == (None, None, {})
    assert decide(found, context.settings).verdict == Verdict.PROMOTE


def test_same_again_gives_the_same_again(
    context: RunContext, services: Services, checkpoint_of: Callable[..., Checkpoint]
) -> None:
    good, bad = checkpoint_of("detect", "good"), checkpoint_of("detect", "bad", seed=8)
    taken = snapshot_of(services, good)
    one, other = (compared(context, taken, good, bad) for _ in range(2))
    assert (one.difference, one.class_differences) == (other.difference, other.class_differences)
    assert replace(one.challenger, latency_ms=0) == replace(other.challenger, latency_ms=0)


def test_without_val_the_threshold_is_chosen_on_test_and_noted(
    context: RunContext, services: Services, checkpoint_of: Callable[..., Checkpoint]
) -> None:
    good = checkpoint_of("detect", "good")
    taken = snapshot_of(services, good, val=0)
    assert compared(context, taken, good, None).challenger.f1 > GOOD
    compared(context, taken, good, None)
    (note,) = get_run(services.database, context.run.id).notes
    assert note.startswith("No image is in the val split")


def test_without_test_images_nothing_is_known_and_the_gate_holds(
    context: RunContext, services: Services, checkpoint_of: Callable[..., Checkpoint]
) -> None:
    good, bad = checkpoint_of("detect", "good"), checkpoint_of("detect", "bad", seed=8)
    found = compared(context, snapshot_of(services, good, test=0), good, bad)
    assert (found.images, found.objects, found.challenger.map50_95, found.difference) == (0, 0, 0, None)
    assert found.challenger.latency_ms > 0
    assert decide(found, context.settings).verdict == Verdict.HOLD


def test_images_without_a_class_are_no_test_of_a_classifier(
    context: RunContext, services: Services, checkpoint_of: Callable[..., Checkpoint]
) -> None:
    good = checkpoint_of("classify", "good")
    taken = snapshot_of(services, good)
    bare = example(services.artifacts, [], Side.TEST, size=SIZE, seed=99)
    found = compared(context, replace(taken, examples=(*taken.examples, bare)), good, None)
    assert (found.images, found.challenger.map50_95) == (TEST, 1.0)


def store_config(services: Services, *names: str, attributes: str = "") -> None:
    """Let the project's labeling config name a class for each label; `attributes` are its tag's."""
    tags = "".join(
        f'<Label value="{label}" predicted_values="{name}"/>'
        for label, name in zip(LABELS, names, strict=True)
    )
    config = (
        '<View><Image name="image" value="$image"/>'
        f'<RectangleLabels name="label" toName="image" {attributes}>{tags}</RectangleLabels></View>'
    )
    store_project(services.database, PROJECT, label_config=config, model_version=None, now=NOW)


def test_what_is_shown_is_measured_from_the_score_of_the_labeling_config_on(
    context: RunContext, services: Services, checkpoint_of: Callable[..., Checkpoint]
) -> None:
    good, other = checkpoint_of("detect", "good"), checkpoint_of("detect", "other", seed=8)
    taken = snapshot_of(services, good)
    found = compared(context, taken, other, good)
    assert found.champion is not None and found.shown_difference is not None
    assert found.champion.shown_f1 is not None and found.challenger.shown_f1 is not None
    change = found.challenger.shown_f1 - found.champion.shown_f1
    assert found.shown_difference.value == pytest.approx(change) and change < 0
    store_config(services, *good.class_names, attributes='model_score_threshold="1"')
    strict = compared(context, taken, other, good)
    assert strict.champion is not None and strict.shown_difference is not None
    assert (strict.champion.shown_f1, strict.shown_difference.value) == (0, 0)
    assert strict.champion.f1 == found.champion.f1


def test_labeling_config_names_the_classes_of_an_older_model(
    context: RunContext, services: Services, checkpoint_of: Callable[..., Checkpoint]
) -> None:
    older = checkpoint_of("detect", "older", classes=("auto", "human", "lamp"))
    new, taken = checkpoint_of("detect", "new", seed=8), snapshot_of(services, older)
    found = compared(context, taken, new, older)
    assert found.champion is not None and found.champion.map50_95 == 0
    store_config(services, *older.class_names)
    found = compared(context, taken, new, older)
    assert found.champion is not None and found.champion.map50_95 > GOOD


def test_versions_of_the_project_call_things_by_their_labels_whatever_the_config_names(
    make_context: MakeContext, services: Services, checkpoint_of: Callable[..., Checkpoint]
) -> None:
    good = checkpoint_of("detect", "good")
    own = store_version(services.database, services.artifacts, PROJECT, good.path)
    assert own.artifact is not None
    champion = read_checkpoint(services.artifacts.fetch(own.artifact))
    taken = snapshot_of(services, good)
    store_config(services, *LABELS[1:], LABELS[0])  # as classes of foreign weights may be called
    found = compared(make_context(), taken, good, champion)
    assert found.champion is not None
    assert min(found.challenger.map50_95, found.champion.map50_95) > GOOD


def test_missing_image_is_said(
    context: RunContext, services: Services, checkpoint_of: Callable[..., Checkpoint]
) -> None:
    good = checkpoint_of("detect", "good")
    taken = snapshot_of(services, good)
    shutil.rmtree(Path(services.settings.data_dir) / "artifacts" / "images")
    with pytest.raises(ArtifactError):
        compared(context, taken, good, None)


def test_cancelled_run_stops(
    context: RunContext, services: Services, checkpoint_of: Callable[..., Checkpoint]
) -> None:
    good = checkpoint_of("detect", "good")
    taken = snapshot_of(services, good, test=1)
    context.is_cancelled.set()
    with pytest.raises(RunCancelled):
        compared(context, taken, good, None)


def test_worker_that_is_told_to_end_stops_between_images(
    make_context: MakeContext, services: Services, checkpoint_of: Callable[..., Checkpoint]
) -> None:
    asked = iter([False] * 5)
    context = make_context(is_stopping=lambda: next(asked, True))
    good = checkpoint_of("detect", "good")
    with pytest.raises(RunInterrupted):
        compared(context, snapshot_of(services, good), good, None)
