"""How bright an image is."""

import cv2
import numpy as np

from backend.entities import Image

# Weights of blue, green and red in luma: ITU-R BT.601-7, section 2.5.1.
_LUMA = np.array([0.114, 0.587, 0.299])
# Pixels that are looked at along each side at most, evenly spread: under a millisecond for any image.
_MOST_PIXELS = 256


def mean_brightness(image: Image) -> float:
    """Return the mean luma in [0, 1], 0 black and 1 white, of pixels spread evenly over the image.

    Args:
        image: (H, W, 3) uint8, blue-green-red, at least one pixel.
    """
    rows, columns = (-(-side // _MOST_PIXELS) for side in image.shape[:2])
    # Begins half a step in, so that no side of the image counts more than the other.
    means = np.asarray(cv2.mean(image[rows // 2 :: rows, columns // 2 :: columns]))
    return float(means[:3] @ _LUMA) / 255
