"""The words of masks from clicks: prompts, embeddings, found masks, and what an engine does. Frozen values.

Geometry is float pixels on the upright original image, as in `backend/entities.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from backend.entities import Box, Image, ImageSize, Mask

# (h, w) float32 on the engine's square input, above 0 inside; a quarter of the input's side for Meta's.
Logits = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PromptPoint:
    """A click, float pixels; a positive one lies on the thing, a negative one beside it."""

    x: float
    y: float
    is_positive: bool


@dataclass(frozen=True, slots=True, eq=False)
class Prompts:
    """What an annotator says of one thing. `logits` are those of the last answer, or of what was painted.

    At least one of the three is given.
    """

    points: tuple[PromptPoint, ...] = ()
    box: Box | None = None
    logits: Logits | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """What an engine's encoder makes of one image: (C, h, w) float16. `size` is the image's, upright."""

    features: NDArray[np.float16]
    size: ImageSize


@dataclass(frozen=True, slots=True, eq=False)
class FoundMask:
    """An engine's answer to one `Prompts`.

    `mask` may be empty (0 x 0). `score` is the predicted IoU in [0, 1]. `logits` serve as a later prompt.
    """

    mask: Mask
    score: float
    logits: Logits


class SamEngine(Protocol):
    """One model in memory. It keeps no image: any number of threads may call it at once."""

    @property
    def version(self) -> str:
        """The model version's name: the file's stem and the start of its digest, as those of YOLO."""

    @property
    def key(self) -> str:
        """Letters, digits and dashes that change whenever an image's embedding would: weights and format."""

    @property
    def memory_bytes(self) -> int:
        """Memory that the loaded weights take."""

    def embed(self, image: Image) -> Embedding:
        """Encode one image; seconds on a CPU."""

    def segment(self, embedding: Embedding, prompts: Sequence[Prompts]) -> list[FoundMask]:
        """Return the mask of each, in order. Prompts that are a box alone share one pass of the decoder."""
