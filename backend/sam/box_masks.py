"""Masks of the boxes that a model found, as pre-labels: one image after the other, behind the clicks."""

import threading
from collections.abc import Sequence
from time import monotonic

import numpy as np

from backend.entities import Box, Image, ImageSize, Mask
from backend.geometry import clip_box
from backend.sam.cleaning import clean_mask
from backend.sam.embeddings import Embeddings
from backend.sam.entities import Prompts
from backend.sam.task_embeddings import EngineHolder

_EMPTY = Mask(0, 0, np.zeros((0, 0), np.bool_))


class BoxMasks:
    """SAM's masks of boxes; safe for any number of threads.

    Args:
        holder: Holds the engine.
        embeddings: Keeps what the engine makes of images.
        min_area: Pixels below which islands are dropped and holes filled.
    """

    def __init__(self, holder: EngineHolder, embeddings: Embeddings, *, min_area: int) -> None:
        self._holder = holder
        self._embeddings = embeddings
        self._min_area = min_area
        # Many images at once would share the same cores, and could fill a device's memory.
        self._turn = threading.Lock()

    def masks(
        self,
        image: Image,
        digest: str,
        boxes: Sequence[Box],
        *,
        fill_holes: bool,
        timeout: float | None = None,
    ) -> list[Mask]:
        """Return a mask for each box, in order; without pixels where SAM sees nothing, or nothing is in view.

        Args:
            image: The image.
            digest: SHA-256 of its file's bytes, hexadecimal.
            boxes: In pixels of the image.
            fill_holes: Fill every hole, not only small ones.
            timeout: Seconds to wait for other images and for people who click, not counting the encoding of
                this one; None: as long as it takes.

        Raises:
            ModelError: SAM's weights are missing, or cannot be loaded.
            TimeoutError: the others took longer.
        """
        size = ImageSize(width=image.shape[1], height=image.shape[0])
        clipped = [clip_box(box, size) for box in boxes]
        prompts = {n: Prompts(box=box) for n, box in enumerate(clipped) if box.width > 0 and box.height > 0}
        masks = [_EMPTY] * len(boxes)
        if not prompts:
            return masks
        end = None if timeout is None else monotonic() + timeout
        # Not within the turn: it may be fetched first.
        engine = self._holder.engine()
        left = None if end is None else max(0.0, end - monotonic())
        if not self._turn.acquire(timeout=-1 if left is None else left):
            raise TimeoutError
        try:
            left = None if end is None else max(0.0, end - monotonic())
            # Somebody may be waiting for the answer to a click.
            embedding = self._embeddings.get(engine, digest, lambda: image, is_urgent=False, timeout=left)
            found = engine.segment(embedding, list(prompts.values()))
        finally:
            self._turn.release()
        for place, each in zip(prompts, found, strict=True):
            masks[place] = clean_mask(each.mask, min_area=self._min_area, fill_holes=fill_holes)
        return masks
