"""Pictures of a story that is about counting people, and what is true of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice

import numpy as np

from backend.labelstudio.annotated_regions import read_regions
from backend.review.corrections import correct as compare
from backend.review.corrections import tally
from backend.review.entities import Tally
from demo.annotator import Result, correct
from demo.scenes import Scene, SceneObject, SceneStyle, draw_scene

PERSON = "person"
# The story's cameras see this share of a scene's width and height, around its nearest person: of people far
# away a small model tells little, whatever they wear.
VIEW = 0.6
# An object of which less is in view is none that anybody would mark.
LEAST_IN_VIEW = 0.3


@dataclass(frozen=True)
class Seen:
    """A picture with its truth, and the regions that its annotators saw, as Label Studio's results."""

    scene: Scene
    shown: Sequence[Result]


def scenes_of_people(first_seed: int, number: int, style: SceneStyle) -> list[Scene]:
    """Return the first scenes, from a seed on, in which half of the things at least are people."""
    return list(islice(_of_people(first_seed, style), number))


def without_pixels(scene: Scene) -> Scene:
    """Return the scene without what takes memory: its objects keep label and box, its picture its size."""
    nothing = np.empty((0, 0), np.bool_)
    objects = tuple(replace(item, mask=nothing) for item in scene.objects)
    return replace(scene, image=scene.image[:, :, :0].copy(), objects=objects)


def true_tallies(seen: Sequence[Seen]) -> dict[str, Tally]:
    """Count by label, and under "" in all, what was right and wrong, as a flawless annotator would."""
    return tally(
        correction
        for each in seen
        for correction in compare(
            read_regions(each.shown).regions, read_regions(correct(each.scene, ()).result)
        )
    )


def _of_people(first_seed: int, style: SceneStyle) -> Iterator[Scene]:
    for seed in count(first_seed):
        scene = _seen_closely(draw_scene(seed, style=style))
        people = sum(item.label == PERSON for item in scene.objects)
        if people and 2 * people >= len(scene.objects):
            yield scene


def _seen_closely(scene: Scene) -> Scene:
    """Return the part of a scene that is around its nearest person; the scene itself where nobody is."""
    people = [item.box for item in scene.objects if item.label == PERSON]
    if not people:
        return scene
    x1, y1, x2, y2 = max(people, key=lambda box: box[3] - box[1])
    sides = []
    for middle, whole in zip(((x1 + x2) / 2, (y1 + y2) / 2), scene.size, strict=True):
        length = round(VIEW * whole)
        start = min(max(0, round(middle - length / 2)), whole - length)
        sides.append(slice(start, start + length))
    view = sides[1], sides[0]
    objects = (_in_view(item, view) for item in scene.objects)
    return replace(scene, image=scene.image[view].copy(), objects=tuple(filter(None, objects)))


def _in_view(item: SceneObject, view: tuple[slice, slice]) -> SceneObject | None:
    mask = item.mask[view]
    if mask.sum() < LEAST_IN_VIEW * item.mask.sum():
        return None
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
    return replace(item, box=box, mask=mask)
