"""Which clicks belong to one thing: what a request's prompts mean after those before it. Pure.

With Label Studio's auto-accept on, each prompt arrives alone, and the ones before are gone from the page;
with it off, all key points (or all strokes) on the page arrive each time. Either way the answer must have
the region id of the answer before where it is about the same thing, for the browser then replaces that
suggestion in place, and another id where it is not.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from backend.entities import Box, ImageSize, Mask, RotatedBox
from backend.geometry import overlap_pixels
from backend.labelstudio.results import region_id
from backend.labelstudio.smart_request import MOST_POINTS, SmartRequest
from backend.sam.entities import FoundMask, Logits, PromptPoint, Prompts
from backend.sam.strokes import join_strokes, stroke_prompts, turned_box_prompts

# A click beside the last mask is about the same thing if what it alone would find shares half of the smaller
# of the two: the whole around a found part, or a part of what was found. Neighbours share next to nothing,
# since each pixel is found for one of them.
_SAME_THING = 0.5


@dataclass(frozen=True, slots=True)
class Thing:
    """All that was said of one thing so far.

    `clicks` are the annotator's points by the ids of their regions, oldest first. `box` is upright, `drawn`
    are the points that stand for a stroke or a turned box; `drawn_ids` those regions. `page_ids` are the
    prompts that stood on the page at the last request.
    """

    region_id: str
    page_ids: tuple[str, ...]
    clicks: Mapping[str, PromptPoint] = field(default_factory=dict)
    drawn_ids: tuple[str, ...] = ()
    drawn: tuple[PromptPoint, ...] = ()
    box: Box | None = None

    @property
    def prompt_ids(self) -> tuple[str, ...]:
        """Regions that are its prompts, also those that have gone from the page."""
        return (*self.drawn_ids, *self.clicks)


@dataclass(frozen=True, slots=True, eq=False)
class Interaction:
    """What is remembered between two requests: the thing, and the last answer. `logits` are the answer's."""

    thing: Thing
    mask: Mask
    logits: Logits


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What to ask an engine next.

    `logits` are the last answer's where that is refined, or of what was painted. `found` is the answer
    where deciding took it already.
    """

    thing: Thing
    logits: Logits | None = None
    found: FoundMask | None = None

    @property
    def prompts(self) -> Prompts:
        """The same as an engine takes it."""
        return Prompts((*self.thing.drawn, *self.thing.clicks.values()), self.thing.box, self.logits)


def next_step(
    previous: Interaction | None,
    request: SmartRequest,
    *,
    project_id: int | None,
    side: int,
    alone: Callable[[PromptPoint], FoundMask],
) -> Step | None:
    """Return what the request asks; None where it asks for nothing, so that the answer is empty.

    That is a request that clears, and negative points alone with no mask to take from.

    Args:
        previous: The interaction before on this image with this label, if it is not long ago.
        request: What came.
        project_id: The project, for the region's id.
        side: Of the engine's logits; others, of an engine before, are not given to it.
        alone: Returns the mask of one positive point; asked only where the answer depends on it.
    """
    if request.kind is None or request.size is None:
        return None
    is_shared = previous is not None and not set(previous.thing.prompt_ids).isdisjoint(request.prompt_ids)
    new_id = _new_id(project_id, request)
    if request.kind != "keypoint":
        box, drawn, logits = _drawn(request, request.size, side)
        thing = Thing(new_id, request.prompt_ids, {}, request.prompt_ids, drawn, box)
        return Step(_moved(thing, previous.thing) if previous and is_shared else thing, logits)
    clicks = dict(zip(request.prompt_ids, request.points, strict=True))
    anew = Thing(new_id, request.prompt_ids, clicks)
    found = None
    if previous is not None and not is_shared and len(clicks) == 1:
        [click] = request.points
        if not click.is_positive or _is_on(click, previous.mask):
            is_shared = True
        else:
            found = alone(click)
            is_shared = _is_same_thing(found.mask, previous.mask)
    if previous is not None and is_shared:
        return _continued(previous, clicks, side)
    return Step(anew, found=found) if any(point.is_positive for point in request.points) else None


def _new_id(project_id: int | None, request: SmartRequest) -> str:
    """Return the id of a thing that begins with this request; the same when the request is sent again."""
    names = "\n".join(("sam", request.to_name, request.label, *request.prompt_ids[:1]))
    return region_id(project_id, request.task_id, names, 0)


def _drawn(
    request: SmartRequest, size: ImageSize, side: int
) -> tuple[Box | None, tuple[PromptPoint, ...], Logits | None]:
    """Return what a rectangle or strokes say to an engine: box, points, logits."""
    match request.box:
        case Box():
            return request.box, (), None
        case RotatedBox():
            return turned_box_prompts(request.box, size, side=side)
        case None:
            return None, *stroke_prompts(join_strokes(request.strokes), size, side=side)


def _moved(thing: Thing, before: Thing) -> Thing:
    """Return a drawn thing as what it was before: a box keeps the clicks in it, strokes do not."""
    box = thing.box
    kept = {
        name: click
        for name, click in before.clicks.items()
        if box is not None and box.x1 <= click.x <= box.x2 and box.y1 <= click.y <= box.y2
    }
    return replace(thing, region_id=before.region_id, clicks=kept)


def _continued(previous: Interaction, came: Mapping[str, PromptPoint], side: int) -> Step | None:
    """Return the step after more clicks, or after one was moved or taken away.

    Of clicks that have gone from the page since the last request, those before a new one were accepted with
    its mask and still count; without a new one the request comes from taking one away.
    """
    before = previous.thing
    is_more = not came.keys() <= before.clicks.keys()
    deleted = set() if is_more else set(before.page_ids) - came.keys()
    stayed = {name: click for name, click in before.clicks.items() if name not in deleted}
    clicks = dict([*{**stayed, **came}.items()][-MOST_POINTS:])
    thing = replace(before, page_ids=tuple(came), clicks=clicks)
    # The last answer holds a click that was moved or taken away, so it is no start for the next one.
    is_refining = before.clicks.items() <= clicks.items() and previous.logits.shape == (side, side)
    if not is_refining and not thing.box and not thing.drawn and not _has_positive(clicks):
        return None
    return Step(thing, previous.logits if is_refining else None)


def _has_positive(clicks: Mapping[str, PromptPoint]) -> bool:
    return any(click.is_positive for click in clicks.values())


def _is_on(point: PromptPoint, mask: Mask) -> bool:
    height, width = mask.pixels.shape
    x, y = int(point.x) - mask.x, int(point.y) - mask.y
    return 0 <= x < width and 0 <= y < height and bool(mask.pixels[y, x])


def _is_same_thing(one: Mask, other: Mask) -> bool:
    smaller = min(np.count_nonzero(one.pixels), np.count_nonzero(other.pixels))
    return smaller > 0 and overlap_pixels(one, other) >= _SAME_THING * smaller
