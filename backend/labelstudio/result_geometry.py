"""Read the geometry of Label Studio's results, percent of the image, into pixels. Pure.

The counterpart of `results.py`. Numbers are checked here; labels and ids are `annotated_regions.py`'s.
`image_rotation` needs no care: the page turns the view, and writes where things are on the upright image.
"""

import binascii
import io
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from backend.entities import Box, Geometry, ImageSize, Mask, Point, Polygon, RotatedBox
from backend.errors import BadRequest
from backend.geometry import clip_box, rotated_box_corners
from backend.labelstudio.annotations import excerpt
from backend.rle import decode_mask

# Far beyond any drawing, and small enough that no sum or product becomes infinite.
_MAX_PERCENT = 1_000_000
# As many as an image may have to be predicted (the default of MEDIA_MAX_MEGAPIXELS): a mask is decoded at
# four bytes a pixel.
_MAX_MASK_PIXELS = 100_000_000
_MAX_SIDE = 1_000_000
_ELLIPSE_POINTS = 64
# A point may lie as far outside, in percent, as a hand slips at the image's edge.
_POINT_SLACK = 1
_PNG = "data:image/png;base64,"
_ERRORS = (OSError, ValueError, SyntaxError, EOFError, ImportError, binascii.Error)
# Bound here: ultralytics replaces `Image.open` by one that installs a package for what is no image.
_open = PillowImage.open

Value = Mapping[str, Any]


def read_size(result: Mapping[str, Any]) -> ImageSize:
    """Return the size of the image that a result lies on.

    Raises:
        BadRequest: no whole numbers from 1 to a million.
    """
    width, height = result.get("original_width"), result.get("original_height")
    if not (_is_side(width) and _is_side(height)):
        raise BadRequest(
            f"original_width and original_height are {excerpt(width)} and {excerpt(height)}; expected the "
            f"image's size in pixels, from 1 to {_MAX_SIDE}."
        )
    return ImageSize(int(width), int(height))  # type: ignore[arg-type]  # what _is_side has seen


def read_geometry(shape: str, value: Value, size: ImageSize) -> Geometry:
    """Return the geometry of one result's `value`, clipped to the image unless it is turned.

    Args:
        shape: A key of `SHAPES`, such as "rectangle".
        value: The result's `value`.
        size: The image that it lies on.

    Raises:
        BadRequest: what was expected, and what stands there.
    """
    return SHAPES[shape](value, size)


def _rectangle(value: Value, size: ImageSize) -> Geometry:
    x, y, width, height = (_percent(value, key) for key in ("x", "y", "width", "height"))
    _check_extent(width, height)
    left, top = x * size.width / 100, y * size.height / 100
    # Also of a turned box the sides are percent of the image's width and height: see `results.py`.
    width, height = width * size.width / 100, height * size.height / 100
    angle = _percent(value, "rotation", otherwise=0) % 360
    if angle == 0:
        box = clip_box(Box(left, top, left + width, top + height), size)
        _check_inside(box.width > 0 and box.height > 0)
        return box
    # Label Studio turns about the corner, we about the centre.
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    x, y = left + (width * cos - height * sin) / 2, top + (width * sin + height * cos) / 2
    turned = RotatedBox(x, y, width, height, angle)
    _check_inside(_meets(rotated_box_corners(turned), size))
    return turned


def _polygon(value: Value, size: ImageSize) -> Geometry:
    written = value.get("points")
    if not isinstance(written, list) or len(written) < 3:
        raise BadRequest(f"points are {excerpt(written)}; expected a list of at least three [x, y].")
    points = []
    for point in written:
        if not isinstance(point, list) or len(point) != 2:
            raise BadRequest(f"a point is {excerpt(point)}; expected [x, y].")
        x, y = (_number(number, "a point's coordinate") for number in point)
        points.append((x * size.width / 100, y * size.height / 100))
    return _outline(points, size)


def _ellipse(value: Value, size: ImageSize) -> Geometry:
    x, y, across, down = (_percent(value, key) for key in ("x", "y", "radiusX", "radiusY"))
    _check_extent(across, down)
    turn = math.radians(_percent(value, "rotation", otherwise=0))
    around = np.arange(_ELLIPSE_POINTS) * (2 * math.pi / _ELLIPSE_POINTS)
    along = across * size.width / 100 * np.cos(around)
    aside = down * size.height / 100 * np.sin(around)
    xs = x * size.width / 100 + along * math.cos(turn) - aside * math.sin(turn)
    ys = y * size.height / 100 + along * math.sin(turn) + aside * math.cos(turn)
    return _outline(list(zip(xs.tolist(), ys.tolist(), strict=True)), size)


def _outline(points: list[tuple[float, float]], size: ImageSize) -> Polygon:
    _check_inside(_meets(points, size))
    clipped = tuple((min(max(x, 0.0), size.width), min(max(y, 0.0), size.height)) for x, y in points)
    xs, ys = zip(*clipped, strict=True)
    _check_extent(max(xs) - min(xs), max(ys) - min(ys))
    return Polygon(clipped)


def _keypoint(value: Value, size: ImageSize) -> Geometry:
    x, y = _percent(value, "x"), _percent(value, "y")
    _check_inside(all(-_POINT_SLACK <= number <= 100 + _POINT_SLACK for number in (x, y)))
    x, y = min(max(x, 0.0), 100.0), min(max(y, 0.0), 100.0)
    return Point(x * size.width / 100, y * size.height / 100)


def _brush(value: Value, size: ImageSize) -> Geometry:
    code = value.get("rle")
    if value.get("format") != "rle" or not isinstance(code, list):
        raise BadRequest(
            f'the format is {excerpt(value.get("format"))}; expected "rle" and its list of bytes.'
        )
    _check_pixels(size)
    return _cut_out(decode_mask(code, size.height, size.width))


def _bitmask(value: Value, size: ImageSize) -> Geometry:
    """Read a picture that is transparent outside of the thing (https://labelstud.io/tags/bitmasklabels)."""
    url = value.get("imageDataURL")
    if not isinstance(url, str) or not url.startswith(_PNG):
        raise BadRequest(f"imageDataURL is {excerpt(url)}; expected {_PNG}...")
    _check_pixels(size)
    try:
        with _open(io.BytesIO(binascii.a2b_base64(url[len(_PNG) :])), formats=("PNG",)) as picture:
            if picture.size != (size.width, size.height):
                width, height = picture.size
                raise BadRequest(
                    f"the mask has {width} x {height} pixels; expected {size.width} x {size.height}."
                )
            return _cut_out(np.asarray(picture.convert("RGBA"))[:, :, 3] > 0)
    except _ERRORS as error:
        raise BadRequest(f"imageDataURL holds no readable PNG: {excerpt(str(error))}.") from None


def _cut_out(pixels: np.typing.NDArray[np.bool_]) -> Mask:
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    if not rows.size:
        raise BadRequest("no pixel is painted; expected at least one.")
    top, left = int(rows[0]), int(columns[0])
    # A copy, so that the whole image's mask need not live as long as the thing's.
    return Mask(left, top, pixels[top : rows[-1] + 1, left : columns[-1] + 1].copy())


def _percent(value: Value, key: str, *, otherwise: float | None = None) -> float:
    return _number(value.get(key, otherwise), key)


def _number(value: object, name: str) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not abs(value) <= _MAX_PERCENT:  # type: ignore[arg-type]  # also refuses NaN
        raise BadRequest(f"{name} is {excerpt(value)}; expected a number, percent of the image.")
    return float(value)  # type: ignore[arg-type]


def _is_side(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 1 <= value <= _MAX_SIDE and value == int(value)  # type: ignore[operator, call-overload]


def _meets(points: list[tuple[float, float]], size: ImageSize) -> bool:
    xs, ys = zip(*points, strict=True)
    return bool(max(xs) > 0 and max(ys) > 0 and min(xs) < size.width and min(ys) < size.height)


def _check_extent(width: float, height: float) -> None:
    if width <= 0 or height <= 0:
        raise BadRequest(f"its size is {width:g} x {height:g}; expected a width and a height over 0.")


def _check_inside(is_inside: bool) -> None:
    if not is_inside:
        raise BadRequest("it lies wholly outside of the image; expected 0 to 100 percent.")


def _check_pixels(size: ImageSize) -> None:
    if size.width * size.height > _MAX_MASK_PIXELS:
        raise BadRequest(
            f"a mask of {size.width} x {size.height} pixels is not decoded; expected at most "
            f"{_MAX_MASK_PIXELS // 1_000_000} million."
        )


SHAPES: Mapping[str, Callable[[Value, ImageSize], Geometry]] = {
    "rectangle": _rectangle,
    "polygon": _polygon,
    "ellipse": _ellipse,
    "keypoint": _keypoint,
    "brush": _brush,
    "bitmask": _bitmask,
}
