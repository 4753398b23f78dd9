"""Where an image lies on the square input of a SAM, and how masks come back from there. Pure.

The image is brought to the input's side by its longer side and lies at the top left; what is right of it
or below it is empty. Sizes are rounded as segment_anything's `ResizeLongestSide` rounds them. Masks come as
logits of the whole square, and only the part where something is inside is ever brought to full size.
"""

from dataclasses import dataclass
from math import ceil

import cv2
import numpy as np

from backend.entities import Image, ImageSize, Mask
from backend.sam.entities import Logits

# By how much segment_anything moves the threshold to see how far a mask depends on it.
_STABILITY_OFFSET = 1.0
# Among so many places one lies within a 60th of a pixel of where it should, whatever the image's side.
_SEEK = 32


@dataclass(frozen=True, slots=True)
class InputFrame:
    """An image of `size` on a square of `side` pixels."""

    size: ImageSize
    side: int

    @property
    def width(self) -> int:
        """Pixels of the input that the image covers, across."""
        return max(int(self.size.width * self._scale + 0.5), 1)

    @property
    def height(self) -> int:
        """Pixels of the input that the image covers, down."""
        return max(int(self.size.height * self._scale + 0.5), 1)

    @property
    def gains(self) -> tuple[float, float]:
        """Pixels of the input for one of the image, in x and in y: rounding may set them apart."""
        return self.width / self.size.width, self.height / self.size.height

    @property
    def _scale(self) -> float:
        return self.side / max(self.size.width, self.size.height)


def fit(image: Image, frame: InputFrame) -> Image:
    """Return the image at the size that it has on the input, (height, width, 3)."""
    # Every pixel has its share in the mean, as in segment_anything's antialiased resize; with four samples a
    # pixel, fine lines would come and go. Enlarging by area would only repeat pixels.
    is_smaller = frame.width < frame.size.width or frame.height < frame.size.height
    way = cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (frame.width, frame.height), interpolation=way), np.uint8)


def cut_out(logits: Logits, frame: InputFrame) -> Mask:
    """Return the pixels of the image where interpolated logits are above 0, cropped to what is true.

    Interpolated twice, to the input and from there to the image, as by `Sam.postprocess_masks`.

    Args:
        logits: (n, n) float32 of the whole square input.
        frame: Where the image lies on it.
    """
    square = cv2.resize(logits, (frame.side, frame.side), interpolation=cv2.INTER_LINEAR)
    covered = square[: frame.height, : frame.width]
    x, y, width, height = cv2.boundingRect((covered > 0).view(np.uint8))
    if width == 0:
        return Mask(0, 0, np.zeros((0, 0), bool))
    columns = _window(x, x + width, frame.width, frame.size.width)
    rows = _window(y, y + height, frame.height, frame.size.height)
    part = covered[rows.start : rows.end, columns.start : columns.end]
    # By gains and not to a size, which would be rounded, and stretch the part.
    pixels = cv2.resize(part, None, fx=columns.gain, fy=rows.gain, interpolation=cv2.INTER_LINEAR) > 0
    x, y, width, height = cv2.boundingRect(pixels.view(np.uint8))
    # A copy: what is cut out should not hold the window in memory.
    cut = pixels[y : y + height, x : x + width].copy()
    return Mask(columns.full_start + x, rows.full_start + y, cut)


def stability(logits: Logits, frame: InputFrame) -> float:
    """Return how little the mask on the image depends on the threshold, in [0, 1]; 0 where there is none.

    It is the IoU of the masks at a threshold one above and one below, as segment_anything's
    `calculate_stability_score` has it.
    """
    # The cells that the image touches.
    columns, rows = (ceil(side * len(logits) / frame.side) for side in (frame.width, frame.height))
    covered = logits[:rows, :columns]
    wide = np.count_nonzero(covered > -_STABILITY_OFFSET)
    return np.count_nonzero(covered > _STABILITY_OFFSET) / wide if wide else 0.0


@dataclass(frozen=True, slots=True)
class _Window:
    """A part of the input, `start` to `end`; it begins on the image at `full_start`, `gain` times as long."""

    start: int
    end: int
    full_start: int
    gain: float


def _window(first: int, end: int, length: int, full_length: int) -> _Window:
    """Return a window about `first` to `end` of one side of the input that can be resized by itself.

    Its start must be a whole pixel on the image too, or what is resized would come out shifted: of the few
    places before `first`, the one that is most nearly so. There is at least one more pixel to each side, so
    that what resizing takes to lie beyond the window's ends does not matter.
    """
    gain = full_length / length
    if gain <= 1:  # an image that is smaller than the input, of which a part may be less than a pixel
        return _Window(0, length, 0, gain)
    places = range(max(first - _SEEK, 0), max(first - 1, 0) + 1)
    start = min(places, key=lambda place: abs(place * gain - round(place * gain)))
    return _Window(start, min(end + 1, length), round(start * gain), gain)
