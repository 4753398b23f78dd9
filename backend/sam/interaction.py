"""Which clicks belong to one thing: what a request's prompts mean after those before it. Pure.

With Label Studio's auto-accept on, each prompt arrives alone, and the ones before are gone from the page;
with it off, all key points (or all strokes) on the page arrive each time. Either way the answer must have
the region id of the answer before where it is about the same thing, for the browser then replaces that
suggestion in place, and another id where it is not.
"""

from collections.abc import Callable, Mapping, Sequence
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
    """What is remembered between two requests: the thing, and the last answer.

    `logits` are the answer's; None where prompts that it came from no longer count. `engine` is the key of
    the engine that made them, `size` the image's.
    """

    thing: Thing
    mask: Mask
    logits: Logits | None
    engine: str
    size: ImageSize


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
    previous: Sequence[Interaction],
    request: SmartRequest,
    *,
    project_id: int | None,
    engine: str,
    side: int,
    alone: Callable[[PromptPoint], FoundMask],
) -> Step | None:
    """Return what the request asks; None where it asks for nothing, so that the answer is empty.

    That is a request that clears, and negative points alone with no mask to take from.

    Args:
        previous: The interactions before on this image with this label that are not long ago, oldest first.
            Those on an image of another size are left out.
        request: What came, in pixels of the encoded image.
        project_id: The project, for the region's id.
        engine: The engine's key; it is not given logits of another one.
        side: Of the engine's logits.
        alone: Returns the mask of one positive point; asked only where the answer depends on it.
    """
    if request.kind is None or request.size is None:
        return None
    known = [one for one in reversed(previous) if one.size == request.size]
    before = next((one for one in known if _has_prompt_of(request, one.thing)), None)
    new_id = _new_id(project_id, request)
    if request.kind != "keypoint":
        box, drawn, logits = _drawn(request, request.size, side)
        thing = Thing(new_id, request.prompt_ids, {}, request.prompt_ids, drawn, box)
        return Step(_moved(thing, before.thing) if before else thing, logits)
    clicks = dict(zip(request.prompt_ids, request.points, strict=True))
    found = None
    if before is None and len(clicks) == 1:
        # Half a cell of the logits: nearer to the edge than it is known.
        reach = max(request.size.width, request.size.height) / side / 2
        before, found = _meant(request.points[0], known, reach, alone)
    if before is not None:
        return _continued(before, clicks, engine, side)
    anew = Thing(new_id, request.prompt_ids, clicks)
    return Step(anew, found=found) if _has_positive(clicks) else None


def without_page(last: Interaction) -> Interaction | None:
    """Return what is left of an interaction when its prompts on the page are taken away; None: nothing."""
    thing, page = last.thing, set(last.thing.page_ids)
    clicks = {name: click for name, click in thing.clicks.items() if name not in page}
    thing = replace(thing, page_ids=(), clicks=clicks)
    if not page.isdisjoint(thing.drawn_ids):
        thing = replace(thing, drawn_ids=(), drawn=(), box=None)
    if not thing.box and not thing.drawn and not _has_positive(clicks):
        return None
    return replace(last, thing=thing, logits=None)


def _has_prompt_of(request: SmartRequest, thing: Thing) -> bool:
    return not set(thing.prompt_ids).isdisjoint(request.prompt_ids)


def _meant(
    click: PromptPoint,
    known: Sequence[Interaction],
    reach: float,
    alone: Callable[[PromptPoint], FoundMask],
) -> tuple[Interaction | None, FoundMask | None]:
    """Return which of the interactions, newest first, a click on its own is about; None: about none of them.

    With it comes what the click alone finds, where that was asked and is the answer.
    """
    on = next((one for one in known if _is_on(click, one.mask)), None)
    if on is None and click.is_positive:
        on = next((one for one in known if _is_on(click, one.mask, reach)), None)
    if on is not None or not known:
        return on, None
    if not click.is_positive:
        return known[0], None
    found = alone(click)
    shares = [_share(found.mask, one.mask) for one in known]
    best = shares.index(max(shares))
    return (known[best], None) if shares[best] >= _SAME_THING else (None, found)


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


def _continued(previous: Interaction, came: Mapping[str, PromptPoint], engine: str, side: int) -> Step | None:
    """Return the step after more clicks, or after one was moved or taken away.

    Of clicks that have gone from the page since the last request, those before a new one were accepted with
    its mask and still count; without a new one the request comes from taking one away.
    """
    before = previous.thing
    is_more = not came.keys() <= before.clicks.keys()
    deleted = set() if is_more else set(before.page_ids) - came.keys()
    stayed = {name: click for name, click in before.clicks.items() if name not in deleted}
    clicks = _newest({**stayed, **came})
    thing = replace(before, page_ids=tuple(came), clicks=clicks)
    # The last answer holds a click that was moved or taken away, so it is no start for the next one.
    logits = previous.logits
    is_ours = logits is not None and previous.engine == engine and logits.shape == (side, side)
    is_refining = is_ours and before.clicks.items() <= clicks.items()
    if not is_refining and not thing.box and not thing.drawn and not _has_positive(clicks):
        return None
    return Step(thing, logits if is_refining else None)


def _newest(clicks: dict[str, PromptPoint]) -> dict[str, PromptPoint]:
    """Return as many clicks as an engine is given, and the oldest positive one among them.

    That one says what the thing is.
    """
    kept = [*clicks.items()][-MOST_POINTS:]
    first = next((item for item in clicks.items() if item[1].is_positive), None)
    return dict(kept if first is None or first in kept else [first, *kept[1:]])


def _has_positive(clicks: Mapping[str, PromptPoint]) -> bool:
    return any(click.is_positive for click in clicks.values())


def _is_on(point: PromptPoint, mask: Mask, reach: float = 0.0) -> bool:
    """Tell whether a pixel of the mask lies within `reach` pixels of the point, across and down."""
    top, bottom = (max(int(point.y + step) - mask.y, 0) for step in (-reach, reach + 1))
    left, right = (max(int(point.x + step) - mask.x, 0) for step in (-reach, reach + 1))
    return bool(mask.pixels[top:bottom, left:right].any())


def _share(one: Mask, other: Mask) -> float:
    """Return how much of the smaller mask the two share, in [0, 1]; 0 where one is empty."""
    smaller = min(np.count_nonzero(one.pixels), np.count_nonzero(other.pixels))
    return overlap_pixels(one, other) / smaller if smaller else 0.0
