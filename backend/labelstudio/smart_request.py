"""Read what a smart tool asks: which regions in the context of `/predict` are prompts, in pixels. Pure.

Label Studio sends all regions of one type, label and image, drawn as prompts or not, the newest last. What
the next answer is made of, and what earlier ones were, is `backend/sam/interaction.py`'s.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from backend.entities import Box, ImageSize, Mask, Point, Region, RotatedBox
from backend.errors import BadRequest
from backend.labelstudio.annotated_regions import read_regions
from backend.labelstudio.annotations import excerpt, storable
from backend.labelstudio.result_geometry import read_size
from backend.labelstudio.results import REGION_ID_DIGITS
from backend.labelstudio.tasks import as_object, parse_task
from backend.sam.entities import PromptPoint

Kind = Literal["keypoint", "rectangle", "brush"]
Result = Mapping[str, Any]

# More clicks than anybody makes on one thing; each costs the decoder time.
MOST_POINTS = 64
# Strokes are decoded one by one, at four bytes a pixel of the whole image, whose size is what the request
# says it is: so many pixels in all, the default of MEDIA_MAX_MEGAPIXELS.
_MOST_STROKES = 16
_MOST_STROKE_PIXELS = 100_000_000
_LABELS = "labels"
_KINDS: Mapping[str, Kind] = {
    "keypoint": "keypoint",
    "rectangle": "rectangle",
    "brush": "brush",
}
_EXPECTED = (
    "expected a key point with is_positive, or a rectangle or brush stroke that neither the task nor an "
    "answer of ours holds. Draw it with a smart tool, Auto-Annotation on."
)
# The browser's own ids are 10 characters of nanoid's alphabet.
_OUR_ID = re.compile(rf"[0-9a-f]{{{REGION_ID_DIGITS}}}")


@dataclass(frozen=True, slots=True, eq=False)
class SmartRequest:
    """What the prompts of one request are, all of one kind and label; float pixels.

    `size` is the image as the browser knows it. `prompt_ids` are the prompts' regions, oldest first. A
    request that clears the suggestions has no kind, no names and no prompts.
    """

    task_id: int | None
    to_name: str = ""
    kind: Kind | None = None
    label: str = ""
    size: ImageSize | None = None
    points: tuple[PromptPoint, ...] = ()
    box: Box | RotatedBox | None = None
    strokes: tuple[Mask, ...] = ()
    prompt_ids: tuple[str, ...] = ()

    @property
    def is_clearing(self) -> bool:
        """Tell whether the last prompt was taken away."""
        return self.kind is None


def read_smart_request(
    context: Mapping[str, Any], task: Mapping[str, Any], *, live: Callable[[], Collection[str]] = tuple
) -> SmartRequest:
    """Return the prompts of a smart tool's request.

    No prompts are: key points without `is_positive`, which only smart ones have; other shapes that the task
    holds already; our own answers, known by the form of their ids; what is of another type, label or image
    than the newest; what lies outside of the image. Of rectangles the newest counts alone.

    Args:
        context: `params.context` of the request.
        task: The task as sent, with its predictions, annotations and drafts.
        live: Returns the ids of prompts that were answered lately; asked only where the answer depends on
            it. A draft is saved every few seconds with the prompts that are on the page, so that these stay
            prompts though the task's draft holds them. Where nothing was answered lately, the newest shape
            that drafts alone hold is one that was just moved.

    Raises:
        BadRequest: no prompts are left, or the request is malformed.
    """
    task_id = parse_task(task).id
    result = context.get("result")
    if not isinstance(result, list):
        raise BadRequest(f'"params.context.result" is {excerpt(result)}; expected a list of regions.')
    if not result:
        return SmartRequest(task_id)
    prompts = _prompts(result, task, live)
    if not prompts:
        raise BadRequest(f"No prompt is among {_summary(result)}; {_EXPECTED}")
    kind = _KINDS[_shape(prompts[-1])]
    read = _read(prompts, kind, result)
    newest = read[-1]
    read = [r for r in read if (r.label, r.size) == (newest.label, newest.size)]
    return SmartRequest(
        task_id=task_id,
        to_name=_text(prompts[-1].get("to_name")),
        kind=kind,
        label=storable(newest.label),
        size=newest.size,
        points=tuple(_points(read, prompts)),
        box=newest.geometry if isinstance(newest.geometry, Box | RotatedBox) else None,
        strokes=tuple(region.geometry for region in read if isinstance(region.geometry, Mask)),
        prompt_ids=tuple(storable(region.id) for region in read),
    )


def _prompts(
    result: Sequence[object], task: Mapping[str, Any], live: Callable[[], Collection[str]]
) -> list[Result]:
    """Return the newest prompt and those of its type, label and image, in order."""
    held, drafted = _ids(task, "predictions") | _ids(task, "annotations"), _ids(task, "drafts")
    drawn = [item for item in result if isinstance(item, dict) and _is_prompt(item, held)]
    if any(_is_doubtful(item, drafted) for item in drawn):
        known, all_drawn = live(), drawn
        drawn = [item for item in drawn if not _is_doubtful(item, drafted) or item["id"] in known]
        if not drawn and not known:
            drawn = all_drawn[-1:]
    return [item for item in drawn if _mark(item) == _mark(drawn[-1])]


def _is_prompt(item: Result, held: set[str]) -> bool:
    region_id, shape = item.get("id"), _shape(item)
    if not isinstance(region_id, str) or not region_id or _OUR_ID.fullmatch(region_id):
        return False
    if shape == "keypoint":  # only those that a smart tool drew on this page have the mark
        return isinstance(item.get("is_positive"), bool)
    return shape in _KINDS and region_id not in held


def _is_doubtful(item: Result, drafted: Collection[str]) -> bool:
    """Tell whether a draft holds the shape: drawn by hand, or a prompt when the draft was saved."""
    return _shape(item) != "keypoint" and item["id"] in drafted


def _shape(item: Result) -> str:
    """Return the shape of a result's type, "keypoint" for "keypointlabels"."""
    name = item.get("type")
    return name.removesuffix(_LABELS) if isinstance(name, str) else ""


def _mark(item: Result) -> tuple[object, ...]:
    return item["type"], _label(item), item.get("to_name")


def _label(item: Result) -> object:
    """Return a region's first label as written, None where it has none of its own, before it is decoded."""
    value = item.get("value")
    labels = value.get(item["type"], value.get(_LABELS)) if isinstance(value, dict) else None
    return labels[0] if isinstance(labels, list) and labels and isinstance(labels[0], str) else None


def _read(prompts: Sequence[Result], kind: Kind, result: Sequence[object]) -> list[Region]:
    """Return the regions of the prompts that count, one for each, in order.

    Raises:
        BadRequest: none can be read.
    """
    most = {"keypoint": MOST_POINTS, "rectangle": 1, "brush": _MOST_STROKES}[kind]
    counting = prompts[-most:]
    if kind == "brush":
        counting = _within_pixels(counting)
    ids = {item["id"] for item in counting}
    # A region drawn with <Labels> has its label in a result of its own.
    partners = [item for item in result if isinstance(item, dict) and item.get("type") == _LABELS]
    found = read_regions([*counting, *(item for item in partners if _has_id(item, ids))])
    regions: dict[str, Region] = {}
    for region in found.regions:  # several labels are as many regions with one id
        regions.setdefault(region.id, region)
    if not regions:
        raise BadRequest(f"No prompt can be read. {' '.join(found.problems[:3])}")
    return list(regions.values())


def _within_pixels(strokes: Sequence[Result]) -> Sequence[Result]:
    """Return the newest strokes whose images have few enough pixels in all to be decoded; one at least."""
    left, start = _MOST_STROKE_PIXELS, len(strokes)
    while start > 0:
        try:
            size = read_size(strokes[start - 1])
        except BadRequest:  # told, with the others that cannot be read, where it is read
            size = ImageSize(0, 0)
        left -= size.width * size.height
        if left < 0 and start < len(strokes):
            break
        start -= 1
    return strokes[start:]


def _points(regions: Iterable[Region], prompts: Sequence[Result]) -> Iterator[PromptPoint]:
    is_positive = {item["id"]: item.get("is_positive") for item in prompts}
    for region in regions:
        if isinstance(region.geometry, Point):
            yield PromptPoint(region.geometry.x, region.geometry.y, is_positive[region.id] is True)


def _ids(task: Mapping[str, Any], name: str) -> set[str]:
    """Return the ids of the regions in a task's predictions, annotations or drafts."""
    results = [as_object(holder, f"one of the task's {name}").get("result") for holder in _list(task, name)]
    items = [item for result in results if isinstance(result, list) for item in result]
    ids = [item.get("id") for item in items if isinstance(item, dict)]
    return {region_id for region_id in ids if isinstance(region_id, str)}


def _list(task: Mapping[str, Any], name: str) -> list[object]:
    found = task.get(name) or []
    if not isinstance(found, list):
        raise BadRequest(f"The task's {name} are {excerpt(found)}; expected a list.")
    return found


def _has_id(item: Result, ids: set[str]) -> bool:
    return isinstance(item.get("id"), str) and item["id"] in ids


def _text(value: object) -> str:
    return storable(value) if isinstance(value, str) else ""


def _summary(result: Sequence[object]) -> str:
    """Return what came, in few words: "3 regions (rectanglelabels, keypointlabels)"."""
    types = [item.get("type") if isinstance(item, dict) else item for item in result]
    names = list(dict.fromkeys(excerpt(name) for name in types))
    return f"{len(result)} regions ({', '.join(names[:4])})"
