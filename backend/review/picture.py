"""Draw a task's corrections on its image: what was shown dashed, what was submitted solid. Pure."""

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image as Pictures
from PIL import ImageDraw, ImageFont

from backend.contours import mask_to_polygon
from backend.entities import Box, Geometry, Image, ImageSize, Mask, Point, Polygon, Region, RotatedBox
from backend.geometry import rotated_box_corners
from backend.review.entities import Correction, Kind

Corners = list[tuple[float, float]]
Font = ImageFont.ImageFont | ImageFont.FreeTypeFont

COLOURS: Mapping[Kind, tuple[int, int, int]] = {
    Kind.KEPT: (46, 160, 67),
    Kind.ADJUSTED: (227, 160, 8),
    Kind.RELABELLED: (163, 80, 214),
    Kind.DELETED: (218, 54, 51),
    Kind.ADDED: (31, 111, 235),
}
# Smaller pictures are enlarged, so that lines and words can be read.
_LEAST_WIDTH = 900
_MASK_POINTS = 200
_DASH = 7
_MARGIN = 4


def draw_corrections(image: Image, corrections: Sequence[Correction]) -> Image:
    """Return the image with all regions and, below it, what the colours mean; (H, W, 3) uint8 BGR.

    Args:
        image: (H, W, 3) uint8 BGR, upright.
        corrections: Of regions on this image, whatever size their tags took it for.
    """
    picture = Pictures.fromarray(np.ascontiguousarray(image[:, :, ::-1]))
    factor = max(1.0, _LEAST_WIDTH / picture.width)
    picture = picture.resize((round(picture.width * factor), round(picture.height * factor)))
    size = ImageSize(*picture.size)
    font = ImageFont.load_default(max(13, size.width // 75))
    draw = ImageDraw.Draw(picture)
    # Deleted regions last: they are what one looks for, and often lie under others.
    for correction in sorted(corrections, key=lambda c: c.kind == Kind.DELETED):
        _draw(draw, correction, size, font)
    legend = _legend(corrections, size.width, font)
    whole = Pictures.new("RGB", (size.width, size.height + legend.height), "white")
    whole.paste(picture, (0, 0))
    whole.paste(legend, (0, size.height))
    return np.ascontiguousarray(np.asarray(whole)[:, :, ::-1])


def _draw(draw: ImageDraw.ImageDraw, correction: Correction, size: ImageSize, font: Font) -> None:
    colour = COLOURS[correction.kind]
    width = max(2, size.width // 450)
    place: Corners = []
    if correction.annotated:
        place = _corners(correction.annotated, size)
        _line(draw, place, colour, width)
    # What was kept lies under what was submitted.
    if correction.shown and correction.kind != Kind.KEPT:
        dashed = _corners(correction.shown, size)
        _line(draw, dashed, colour, width, dash=_DASH * width)
        place = place or dashed
    if place:
        x = min(max(min(x for x, _ in place), 0), size.width - 20)
        y = max(min(y for _, y in place), 0)
        box = draw.textbbox((x, y), _text(correction), font=font, anchor="lb" if y > 30 else "lt")
        draw.rectangle((box[0] - 2, box[1] - 1, box[2] + 2, box[3] + 1), fill=colour)
        draw.text((x, y), _text(correction), fill="white", font=font, anchor="lb" if y > 30 else "lt")


def _text(correction: Correction) -> str:
    if correction.kind == Kind.RELABELLED and correction.shown and correction.annotated:
        return f"{correction.shown.label} > {correction.annotated.label}"
    return correction.label


def _corners(region: Region, size: ImageSize) -> Corners:
    """Return the region's outline in pixels of the picture; empty for a class of the whole image."""
    x_scale, y_scale = size.width / region.size.width, size.height / region.size.height
    return [(x * x_scale, y * y_scale) for x, y in _outline(region.geometry, radius=4 / x_scale)]


def _outline(geometry: Geometry | None, *, radius: float) -> Corners:
    match geometry:
        case Box(x1=x1, y1=y1, x2=x2, y2=y2):
            return [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]
        case RotatedBox():
            return rotated_box_corners(geometry)
        case Polygon(points=points):
            return list(points)
        case Mask():
            polygon = mask_to_polygon(geometry, max_points=_MASK_POINTS)
            return list(polygon.points) if polygon else []
        case Point(x=x, y=y):
            return [(x - radius, y), (x, y - radius), (x + radius, y), (x, y + radius)]
        case _:
            return []


def _line(
    draw: ImageDraw.ImageDraw, corners: Corners, colour: tuple[int, int, int], width: int, *, dash: int = 0
) -> None:
    if not corners:
        return
    for (x1, y1), (x2, y2) in zip(corners, corners[1:] + corners[:1], strict=True):
        length = float(np.hypot(x2 - x1, y2 - y1))
        # A dash and a gap take turns; without dashes one line goes all the way.
        steps = max(round(length / dash), 1) if dash else 1
        for step in range(0, steps, 2):
            start, end = step / steps, (step + 1) / steps
            ends = [(x1 + (x2 - x1) * share, y1 + (y2 - y1) * share) for share in (start, end)]
            draw.line(ends, fill=colour, width=width)


def _legend(corrections: Sequence[Correction], width: int, font: Font) -> Pictures.Image:
    counts = {kind: sum(c.kind == kind for c in corrections) for kind in Kind}
    height = round(font.getbbox("Ag")[3]) + 4 * _MARGIN
    legend = Pictures.new("RGB", (width, height * 2), "white")
    draw = ImageDraw.Draw(legend)
    x = 2.0 * _MARGIN
    for kind, count in counts.items():
        draw.rectangle((x, _MARGIN, x + height - 2 * _MARGIN, height - _MARGIN), fill=COLOURS[kind])
        x += height
        text = f"{count} {kind}"
        draw.text((x, height / 2), text, fill="black", font=font, anchor="lm")
        x += font.getlength(text) + 5 * _MARGIN
    text = "solid: as submitted    dashed: as shown by the model"
    draw.text((2 * _MARGIN, height * 1.5), text, fill="black", font=font, anchor="lm")
    return legend
