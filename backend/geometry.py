"""Geometry of boxes and network inputs. Pure; float pixels, boxes xyxy, sizes named."""

from backend.entities import Box, ImageSize


def clip_box(box: Box, size: ImageSize) -> Box:
    """Return the part of `box` inside the image; of zero width or height where none is."""
    return Box(
        min(max(box.x1, 0.0), size.width),
        min(max(box.y1, 0.0), size.height),
        min(max(box.x2, 0.0), size.width),
        min(max(box.y2, 0.0), size.height),
    )


def letterbox_shape(size: ImageSize, *, target: int, stride: int) -> tuple[int, int]:
    """Return (height, width) of the smallest network input that holds the image, as ultralytics pads it.

    The longer side becomes `target` pixels and each side is padded up to a multiple of `stride`
    (ultralytics `LetterBox(auto=True)`). Images of one shape can share a batch without changing a result.
    """
    scale = min(target / size.height, target / size.width)
    return tuple(-(-max(round(side * scale), 1) // stride) * stride for side in (size.height, size.width))  # type: ignore[return-value]
