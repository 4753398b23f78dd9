"""Regions as JSON of the prediction log, both ways. Pixels of a mask are packed and compressed."""

import base64
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from backend.entities import Box, Geometry, ImageSize, Mask, Point, Polygon, Region, RotatedBox

_KINDS: dict[str, type[Box | RotatedBox | Polygon | Mask | Point]] = {
    kind.__name__.lower(): kind for kind in (Box, RotatedBox, Polygon, Mask, Point)
}


def region_to_row(region: Region) -> dict[str, Any]:
    """Return a region as JSON; the geometry's kind is written with it, None for the whole image."""
    fields = {name: getattr(region, name) for name in ("id", "control", "label", "score", "parent")}
    return {**fields, "size": asdict(region.size), "geometry": _geometry_to_row(region.geometry)}


def region_from_row(row: Mapping[str, Any]) -> Region:
    """Return the region that `region_to_row` wrote."""
    return Region(
        id=row["id"],
        control=row["control"],
        label=row["label"],
        score=row["score"],
        geometry=_geometry_from_row(row["geometry"]),
        size=ImageSize(**row["size"]),
        parent=row.get("parent"),
    )


def _geometry_to_row(geometry: Geometry | None) -> dict[str, Any] | None:
    if geometry is None:
        return None
    kind = type(geometry).__name__.lower()
    if not isinstance(geometry, Mask):
        return {"kind": kind, **asdict(geometry)}
    height, width = geometry.pixels.shape
    packed = zlib.compress(np.packbits(geometry.pixels).tobytes())
    bits = base64.b64encode(packed).decode()
    return {"kind": kind, "x": geometry.x, "y": geometry.y, "width": width, "height": height, "bits": bits}


def _geometry_from_row(row: Mapping[str, Any] | None) -> Geometry | None:
    if row is None:
        return None
    fields = {name: value for name, value in row.items() if name != "kind"}
    kind = _KINDS[row["kind"]]
    if kind is Polygon:
        return Polygon(tuple((x, y) for x, y in fields["points"]), fields["mask_iou"])
    if kind is not Mask:
        return kind(**fields)
    shape = fields["height"], fields["width"]
    packed = np.frombuffer(zlib.decompress(base64.b64decode(fields["bits"])), np.uint8)
    pixels = np.unpackbits(packed, count=shape[0] * shape[1]).reshape(shape).astype(bool)
    return Mask(fields["x"], fields["y"], pixels)
