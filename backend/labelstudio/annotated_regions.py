"""Read the results of an annotation into regions that can be compared with what a model showed.

Owns which results are regions and which labels they have. `result_geometry.py` reads where they are.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from backend.entities import Geometry, ImageSize, Region
from backend.errors import BadRequest
from backend.labelstudio.annotations import excerpt
from backend.labelstudio.result_geometry import SHAPES, read_geometry, read_size
from backend.review.entities import AnnotatedRegions

Result = Mapping[str, Any]

_LABELS = "labels"
# A longer one is no label that anybody chose, and PostgreSQL's indexes hold no texts of any length.
_LABEL_CHARS = 500
_CHOICES = "choices"
# Keys of a `value` that say where on an image something is.
_GEOMETRY_KEYS = frozenset({"x", "points", "rle", "imageDataURL", "vertices"})
# The same, or where in a text, sound or film.
_PLACE_KEYS = _GEOMETRY_KEYS | {"start", "end", "ranges", "sequence"}


def read_regions(result: Sequence[object]) -> AnnotatedRegions:
    """Return the regions of an annotation's `result`; nothing that may stand there raises.

    A result with several labels is a region for each, all with its id. A result without an id gets its place
    as one ("#3", which Label Studio cannot write). A class of the whole image that names no size has 0 x 0.
    Results that are no regions (text, ratings, relations, attributes of a region) are left out silently;
    what should be a region and cannot be read is a problem.
    """
    ids = [_id(item, place) for place, item in enumerate(result)]
    shapes: set[str] = set()
    partners: dict[str, Result] = {}
    for region_id, item in zip(ids, result, strict=True):
        if _shape(item) is not None:
            shapes.add(region_id)
        elif isinstance(item, dict) and item.get("type") == _LABELS:
            partners.setdefault(region_id, item)
    regions: list[Region] = []
    images: dict[str, str] = {}
    problems: list[str] = []
    for region_id, item in zip(ids, result, strict=True):
        if not isinstance(item, dict):
            problems.append(f"Result {excerpt(item)} is no object; expected one with type and value.")
            continue
        try:
            found = list(_regions(item, region_id, shapes, partners.get(region_id)))
        except BadRequest as error:
            problems.append(f"Region {excerpt(region_id)} ({excerpt(item.get('type'))}): {error.message}")
            continue
        regions += found
        if found:
            images.setdefault(found[0].control, item["to_name"])
    return AnnotatedRegions(tuple(regions), images, tuple(problems))


def _regions(item: Result, region_id: str, shapes: set[str], partner: Result | None) -> Iterator[Region]:
    """Yield the regions of one result, none where it is none.

    Raises:
        BadRequest: it should be one, and cannot be read.
    """
    shape, value = _shape(item), item.get("value")
    if shape is None:
        if region_id in shapes:  # an attribute of that region, or its label
            return
        if item.get("type") == _CHOICES and not _has_any(value, _PLACE_KEYS):
            yield from _whole_image(item, region_id)
        elif item.get("type") != _CHOICES and _has_any(value, _GEOMETRY_KEYS):
            raise BadRequest(f"this type has no known geometry; expected one of {', '.join(SHAPES)}.")
        return
    if not isinstance(value, dict):
        raise BadRequest(f"its value is {excerpt(value)}; expected an object.")
    control, size = _control(item), read_size(item)
    labels = _labels(item, value, partner)
    geometry = read_geometry(shape, value, size)
    for label in labels:
        yield _region(item, region_id, control=control, label=label, geometry=geometry, size=size)


def _whole_image(item: Result, region_id: str) -> Iterator[Region]:
    value = item.get("value")
    chosen = value.get(_CHOICES) if isinstance(value, dict) else None
    if chosen == []:
        return
    # Choices within choices are written as the path that leads there, where the tag allows it.
    names = [_path(choice) for choice in chosen] if isinstance(chosen, list) else chosen
    control = _control(item)
    try:
        size = read_size(item)
    except BadRequest:
        size = ImageSize(0, 0)
    for label in _texts(names, "choices"):
        yield _region(item, region_id, control=control, label=label, geometry=None, size=size)


def _region(
    item: Result, region_id: str, *, control: str, label: str, geometry: Geometry | None, size: ImageSize
) -> Region:
    parent = item.get("parentID")
    return Region(
        id=region_id,
        control=control,
        label=label,
        score=1.0,
        geometry=geometry,
        size=size,
        parent=parent if isinstance(parent, str) and parent else None,
    )


def _shape(item: object) -> str | None:
    """Return the shape of a result's type, "rectangle" for "rectanglelabels"; None where it has none."""
    kind = item.get("type") if isinstance(item, dict) else None
    shape = kind.removesuffix(_LABELS) if isinstance(kind, str) else ""
    return shape if shape in SHAPES else None


def _labels(item: Result, value: Mapping[str, Any], partner: Result | None) -> list[str]:
    """Return the labels of a shape: its own, or those of the <Labels> tag that it was drawn with."""
    own = value.get(item["type"], value.get(_LABELS))
    if own is None and partner is not None and isinstance(partner.get("value"), dict):
        own = partner["value"].get(_LABELS)
    return _texts(own, "labels")


def _texts(value: object, name: str) -> list[str]:
    texts = [text for text in value if isinstance(text, str) and text] if isinstance(value, list) else []
    if not isinstance(value, list) or not texts or len(texts) < len(value):
        raise BadRequest(f"its {name} are {excerpt(value)}; expected a list of at least one text.")
    if max(map(len, texts)) > _LABEL_CHARS:
        raise BadRequest(f"its {name} are {excerpt(value)}; expected at most {_LABEL_CHARS} characters each.")
    return list(dict.fromkeys(texts))


def _path(choice: object) -> object:
    is_path = isinstance(choice, list) and choice and all(isinstance(step, str) for step in choice)
    return "/".join(choice) if is_path else choice  # type: ignore[arg-type]  # what is_path has seen


def _control(item: Result) -> str:
    for key in ("from_name", "to_name"):
        if not isinstance(item.get(key), str) or not item[key]:
            raise BadRequest(f"its {key} is {excerpt(item.get(key))}; expected the name of a tag.")
    control: str = item["from_name"]
    return control


def _id(item: object, place: int) -> str:
    found = item.get("id") if isinstance(item, dict) else None
    is_id = isinstance(found, str | int) and not isinstance(found, bool) and found != ""
    return str(found) if is_id else f"#{place + 1}"


def _has_any(value: object, keys: frozenset[str]) -> bool:
    return isinstance(value, dict) and not keys.isdisjoint(value)
