"""A scripted annotator who knows the truth: corrects predictions of sample scenes through Label Studio's API.

Does what a careful person does on the page: leaves a box that looks right, moves one that is loose, renames
one of another class, deletes what is nothing, draws what is missing. A region that is kept or changed keeps
its id.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from label_studio_sdk.client import LabelStudio

from backend.entities import Box, ControlTag, ImageSize, Region
from backend.labelstudio.annotated_regions import read_regions
from backend.labelstudio.label_config import parse_label_config
from backend.labelstudio.results import region_to_json
from backend.review.matching import match_regions
from demo.project import LABEL_CONFIG
from demo.scenes import Scene, SceneStyle, draw_scene

# Nobody moves a box that overlaps the thing so far: its edges look right.
LOOKS_RIGHT_IOU = 0.75
SECONDS_A_CHANGE = 4.0
_SEED = re.compile(r"scene_(\d+)\.jpg$")

Result = dict[str, Any]


@dataclass(frozen=True)
class Corrected:
    """What is submitted for one scene.

    `changes` counts the regions that were moved, renamed, drawn or deleted for it, `objects` all that were
    shown or are there, each once.
    """

    result: list[Result]
    changes: int
    objects: int


@dataclass(frozen=True)
class Effort:
    """What annotating so many pictures took in all; counts as in `Corrected`."""

    pictures: int = 0
    changes: int = 0
    objects: int = 0

    @property
    def share(self) -> float:
        """Share of objects that were changed, in [0, 1].

        By object and not by picture: a picture of many things takes many changes, whatever the model. To move
        a box that was found is a change like drawing it, so only what was right lowers the share.
        """
        return self.changes / max(1, self.objects)


def annotate(
    sdk: LabelStudio,
    task_ids: Iterable[int],
    style: SceneStyle,
    *,
    tell: Callable[[int], None] = lambda _: None,
) -> Effort:
    """Annotate these tasks as the truth has them; return what that took.

    Args:
        sdk: Label Studio, as the annotator.
        task_ids: Tasks that show sample scenes.
        style: Of the scenes.
        tell: Called after each task with how many are through.
    """
    effort = Effort()
    for count, task_id in enumerate(task_ids, start=1):
        task = sdk.tasks.get(id=str(task_id))
        shown = max(task.predictions or [], key=lambda prediction: int(prediction.id), default=None)
        scene = draw_scene(seed_of(str(task.data["image"])), style=style)
        corrected = correct(scene, shown.result if shown else [])
        effort = Effort(count, effort.changes + corrected.changes, effort.objects + corrected.objects)
        # The page names the prediction that the annotator started from, too.
        started_from = {"parent_prediction": shown.id} if shown else {}
        sdk.annotations.create(
            id=task_id,
            result=corrected.result,
            lead_time=SECONDS_A_CHANGE * (1 + corrected.changes),
            **started_from,
        )
        tell(count)
    return effort


def seed_of(address: str) -> int:
    """Return the seed of the scene that an uploaded file shows.

    Raises:
        ValueError: the file is no sample scene.
    """
    found = _SEED.search(address)
    if found is None:
        raise ValueError(f"{address} is no sample scene; expected a file such as scene_2000000.jpg.")
    return int(found.group(1))


def correct(scene: Scene, shown: Sequence[Result]) -> Corrected:
    """Return the shown regions (Label Studio's rectangles) corrected to what the scene holds."""
    (control,) = parse_label_config(LABEL_CONFIG)
    regions = read_regions(shown).regions
    truth = _truth(scene, control)
    matches = {match.annotated: match for match in match_regions(regions, truth, images={})}
    result, changes = [], len(regions) - len(matches)
    for place, region in enumerate(truth):
        match = matches.get(place)
        before = regions[match.shown] if match else None
        if match and before and match.iou >= LOOKS_RIGHT_IOU and before.label == region.label:
            result.append(next(item for item in shown if item["id"] == before.id))
            continue
        written = region_to_json(region, control)
        result.append({**written, "id": before.id if before else region.id})
        changes += 1
    return Corrected(result, changes, objects=len(regions) + len(truth) - len(matches))


def _truth(scene: Scene, control: ControlTag) -> list[Region]:
    size = ImageSize(*scene.size)
    return [
        Region(f"drawn{scene.seed}x{place}", control.name, item.label, 1.0, Box(*item.box), size)
        for place, item in enumerate(scene.objects)
    ]
