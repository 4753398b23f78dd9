"""The next tasks among the demo's scenes: more diverse, and more of a rare class, than the lowest scores."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from backend.entities import Image
from backend.inference.certainty import task_certainty
from backend.inference.checkpoint import read_checkpoint
from backend.inference.yolo import YoloEngine
from backend.stats.novelty import Vector
from backend.stats.task_choice import Candidate, LabelledTasks, choose_tasks
from demo.__main__ import WEIGHTS
from demo.scenes import CLASSES, Scene, draw_scene

RARE = "cone"
START = 1_000_000  # the weights were trained on none of these
SCENES, LABELLED, RARE_SCENES, CHOSEN = 60, 15, 8, 8
SIZE = (320, 240)
THRESHOLD = 0.25
VERSION = "demo"


class Pool:
    """Labelled scenes, of which one holds a cone, and others, of which few do, as two frames each."""

    def __init__(self, weights: Path) -> None:
        self._engine = YoloEngine(read_checkpoint(weights), device="cpu")
        scenes = [draw_scene(START + number, size=SIZE) for number in range(SCENES)]
        rare = list(filter(has_rare, scenes))[: RARE_SCENES + 1]
        usual = [scene for scene in scenes if not has_rare(scene)]
        labelled = [*usual[: LABELLED - 1], rare[0]]
        holding = {label: sum(label in labels_of(scene) for scene in labelled) for label in CLASSES}
        vectors = [self._look(0, scene.image).embeddings[VERSION] for scene in labelled]
        self.labelled = LabelledTasks(len(labelled), holding, {VERSION: vectors})
        self.scenes: dict[int, Scene] = {}
        self.candidates: list[Candidate] = []
        for scene in (*usual[LABELLED - 1 :], *rare[1:]):
            for image in frames(scene):
                task_id = len(self.scenes) + 1
                self.scenes[task_id] = scene
                self.candidates.append(self._look(task_id, image))

    def gap(self, task_ids: Sequence[int]) -> float:
        """Return how far an image is from the nearest that is labelled once these are, in the mean.

        This is what a k-center choice makes small.
        """
        chosen = [self.candidates[task_id - 1].embeddings[VERSION] for task_id in task_ids]
        images = np.stack([each.embeddings[VERSION] for each in self.candidates])
        others = np.stack([*self.labelled.embeddings[VERSION], *chosen])
        return float((1 - images @ others.T).min(axis=1).mean())

    def _look(self, task_id: int, image: Image) -> Candidate:
        (seen,) = self._engine.see([image], threshold=THRESHOLD)
        labels: dict[str, float] = {}
        for found in seen.detections:  # the highest score first
            labels.setdefault(found.class_name, found.score)
        score = task_certainty([found.score for found in seen.detections], threshold=THRESHOLD)
        return Candidate(task_id, score, labels, {VERSION: unit_vector(seen.embedding)})


def has_rare(scene: Scene) -> bool:
    return RARE in labels_of(scene)


def labels_of(scene: Scene) -> set[str]:
    return {thing.label for thing in scene.objects}


def frames(scene: Scene) -> list[Image]:
    noise = np.random.default_rng(scene.seed).normal(0, 3, scene.image.shape)
    return [scene.image, np.clip(scene.image + noise, 0, 255).astype(np.uint8)]


def unit_vector(embedding: bytes | None) -> Vector:
    assert embedding is not None
    vector = np.frombuffer(embedding, "<f2").astype(np.float32)
    return vector / np.linalg.norm(vector)


@pytest.fixture(scope="module")
def pool(quiet_ultralytics: None) -> Pool:
    return Pool(WEIGHTS)


def chosen_of(candidates: Sequence[Candidate], pool: Pool) -> list[int]:
    return [task.task_id for task in choose_tasks(candidates, pool.labelled, count=CHOSEN)]


def unsurest_of(candidates: Sequence[Candidate]) -> list[int]:
    return [each.task_id for each in sorted(candidates, key=lambda each: each.score)[:CHOSEN]]


def test_two_frames_of_one_scene_are_not_chosen_as_they_are_by_score(pool: Pool) -> None:
    chosen, unsurest = chosen_of(pool.candidates, pool), unsurest_of(pool.candidates)
    scenes, scenes_by_score = ({pool.scenes[i].seed for i in ids} for ids in (chosen, unsurest))
    assert len(scenes) == CHOSEN > len(scenes_by_score)


@pytest.mark.parametrize("step", [1, 2], ids=["two frames of each scene", "one frame of each scene"])
def test_images_are_covered_better_and_the_rare_class_is_found_more_often_than_by_score(
    pool: Pool, step: int
) -> None:
    candidates = pool.candidates[::step]
    chosen, unsurest = chosen_of(candidates, pool), unsurest_of(candidates)
    rare, rare_by_score = (
        len({pool.scenes[i].seed for i in ids if has_rare(pool.scenes[i])}) for ids in (chosen, unsurest)
    )
    assert rare > CHOSEN / 2 and rare > rare_by_score
    assert pool.gap(chosen) < pool.gap(unsurest) < pool.gap([])


def test_choice_is_the_same_each_time(pool: Pool) -> None:
    assert choose_tasks(pool.candidates, pool.labelled, count=CHOSEN) == choose_tasks(
        pool.candidates[::-1], pool.labelled, count=CHOSEN
    )
