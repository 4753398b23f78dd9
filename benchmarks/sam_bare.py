"""The parts of a click alone, without a server: encoder, decoder, and the code of the mask."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from ultralytics.utils import NUM_THREADS

from backend.entities import Image
from backend.inference.yolo import resolve_device
from backend.rle import decode_mask, encode_cut_out
from backend.sam.architectures import load_sam
from backend.sam.entities import Logits, PromptPoint
from backend.sam.input_frame import InputFrame
from backend.sam.network import DecoderInput, Network
from benchmarks.sam_material import SIZE, Picture


class BareSam:
    """A SAM in this process, called as the server's engine calls it, and with as many threads on a CPU.

    ultralytics leaves one processor free, in the server too, where it loads the YOLO model.
    """

    def __init__(self, weights: Path) -> None:
        sam, architecture = load_sam(weights)
        self._network = Network(sam, architecture, device=resolve_device("auto"))
        self._frame = InputFrame(SIZE, architecture.image_size)
        torch.set_num_threads(NUM_THREADS)

    def embed(self, picture: Picture) -> tuple[float, NDArray[np.float16]]:
        """Return the seconds for a decoded image, and its features."""
        image: Image = cv2.imread(str(picture.path))
        started = time.perf_counter()
        features = self._network.encode(image)
        return time.perf_counter() - started, features

    def decode(
        self,
        features: NDArray[np.float16],
        points: Sequence[PromptPoint],
        logits: Logits | None = None,
        *,
        threads: int = NUM_THREADS,
    ) -> tuple[float, Logits]:
        """Return the seconds for one mask's logits, and these; `logits` are the last answer's."""
        places = np.array([[(point.x, point.y) for point in points]]) * self._frame.gains
        prompts = DecoderInput(
            points=places.astype(np.float32),
            labels=np.array([[point.is_positive for point in points]], np.float32),
            logits=None if logits is None else logits[None, None],
        )
        torch.set_num_threads(threads)
        started = time.perf_counter()
        found, _ = self._network.decode(features, prompts, multimask=len(points) == 1)
        seconds = time.perf_counter() - started
        torch.set_num_threads(NUM_THREADS)
        return seconds, found[0, 0]


def encoding_seconds(answer: bytes) -> float:
    """Return the seconds for the run-length code of the mask that a server answered.

    Raises:
        RuntimeError: it found none.
    """
    [result] = json.loads(answer)["results"][0]["result"] or [None]
    if result is None:
        raise RuntimeError("a click found no mask")
    pixels = decode_mask(result["value"]["rle"], SIZE.height, SIZE.width)
    x, y, width, height = cv2.boundingRect(pixels.view(np.uint8))
    cut_out = pixels[y : y + height, x : x + width].copy()
    started = time.perf_counter()
    encode_cut_out(cut_out, x=x, y=y, width=SIZE.width, height=SIZE.height)
    return time.perf_counter() - started
