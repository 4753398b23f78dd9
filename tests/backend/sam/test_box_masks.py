"""Masks of boxes: one for each, in order, one image after the other, and behind the clicks."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from backend.entities import Box, Image, ImageSize, Mask
from backend.errors import ModelError
from backend.sam.box_masks import BoxMasks
from backend.sam.entities import Embedding, FoundMask, Prompts, SamEngine

IMAGE = np.zeros((50, 100, 3), np.uint8)


class FillingEngine:
    """Fills each box but for a stray hole; remembers what it was asked."""

    version, key, memory_bytes = "sam-12345678", "sam-f1", 1

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.embedded = 0

    def embed(self, image: Image) -> Embedding:
        self.embedded += 1
        height, width = image.shape[:2]
        return Embedding(np.zeros((1, 2, 2), np.float16), ImageSize(width, height))

    def segment(self, embedding: Embedding, prompts: Sequence[Prompts]) -> list[FoundMask]:
        self.asked.append(len(prompts))
        return [
            FoundMask(filled(each.box), 0.5, np.zeros((4, 4), np.float32)) for each in prompts if each.box
        ]


def filled(box: Box) -> Mask:
    pixels = np.ones((round(box.height), round(box.width)), np.bool_)
    pixels[1, 1] = False
    return Mask(round(box.x1), round(box.y1), pixels)


class Holder:
    """Holds the engine, or says why it has none."""

    def __init__(self, engine: SamEngine | None) -> None:
        self._engine = engine

    def engine(self) -> SamEngine:
        if self._engine is None:
            raise ModelError("mobile_sam.pt is not there")
        return self._engine

    def key(self) -> str:
        return self.engine().key


class Encoding:
    """Encodes each time; remembers by which name, and whether somebody waited."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bool]] = []
        self.timeouts: list[float | None] = []

    def get(
        self,
        engine: SamEngine,
        digest: str,
        load: Callable[[], Image],
        *,
        is_urgent: bool = True,
        timeout: float | None = None,
    ) -> Embedding:
        self.timeouts.append(timeout)
        self.asked.append((digest, is_urgent))
        return engine.embed(load())


def make(engine: SamEngine | None, embeddings: Encoding, *, min_area: int = 0) -> BoxMasks:
    return BoxMasks(Holder(engine), embeddings, min_area=min_area)  # type: ignore[arg-type]


def test_boxes_of_an_image_share_one_embedding_and_one_call_and_keep_their_order() -> None:
    engine, embeddings = FillingEngine(), Encoding()
    boxes = [Box(10, 10, 20, 20), Box(40, 5, 80, 30)]
    masks = make(engine, embeddings).masks(IMAGE, "d1", boxes, fill_holes=False)
    assert [(mask.x, mask.y, mask.pixels.shape) for mask in masks] == [(10, 10, (10, 10)), (40, 5, (25, 40))]
    assert (engine.asked, engine.embedded) == ([2], 1)
    assert embeddings.asked == [("d1", False)]


def test_box_out_of_view_gets_an_empty_mask_and_the_others_keep_their_places() -> None:
    engine = FillingEngine()
    boxes = [Box(-20, 0, -5, 10), Box(90, 40, 120, 70), Box(30, 30, 30, 40)]
    masks = make(engine, Encoding()).masks(IMAGE, "d", boxes, fill_holes=False)
    assert [mask.pixels.shape for mask in masks] == [(0, 0), (10, 10), (0, 0)]
    assert engine.asked == [1]


@pytest.mark.parametrize("boxes", [[], [Box(200, 0, 210, 10)]], ids=["no boxes", "none in view"])
def test_sam_is_not_loaded_for_nothing(boxes: list[Box]) -> None:
    masks = make(None, Encoding()).masks(IMAGE, "d", boxes, fill_holes=False)
    assert [mask.pixels.size for mask in masks] == [0] * len(boxes)


@pytest.mark.parametrize(
    ("min_area", "fill_holes", "holes"),
    [
        pytest.param(0, False, 1, id="left"),
        pytest.param(2, False, 0, id="small"),
        pytest.param(0, True, 0, id="all"),
    ],
)
def test_masks_are_cleaned(min_area: int, fill_holes: bool, holes: int) -> None:
    box_masks = make(FillingEngine(), Encoding(), min_area=min_area)
    [mask] = box_masks.masks(IMAGE, "d", [Box(10, 10, 20, 20)], fill_holes=fill_holes)
    assert mask.pixels.size - mask.pixels.sum() == holes


def test_sam_that_cannot_be_had_is_told_and_blocks_nobody() -> None:
    box_masks = make(None, Encoding())
    for _ in range(2):
        with pytest.raises(ModelError, match=r"mobile_sam\.pt is not there"):
            box_masks.masks(IMAGE, "d", [Box(0, 0, 9, 9)], fill_holes=False, timeout=10)


def test_what_is_left_of_the_time_bounds_the_wait_for_people() -> None:
    embeddings = Encoding()
    box_masks = make(FillingEngine(), embeddings)
    for timeout in (None, 30.0):
        box_masks.masks(IMAGE, "d", [Box(0, 0, 9, 9)], fill_holes=False, timeout=timeout)
    unbounded, bounded = embeddings.timeouts
    assert unbounded is None and bounded is not None and 0 < bounded <= 30


class GatedEngine(FillingEngine):
    """Says when it has begun, and waits to be let through; counts how many are in it at once."""

    def __init__(self) -> None:
        super().__init__()
        self.has_begun, self.gate = threading.Event(), threading.Event()
        self.inside = self.most = 0

    def embed(self, image: Image) -> Embedding:
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.has_begun.set()
        assert self.gate.wait(10)
        self.inside -= 1
        return super().embed(image)


def test_one_image_at_a_time_and_who_may_not_wait_is_told() -> None:
    engine = GatedEngine()
    box_masks = make(engine, Encoding())
    box = [Box(0, 0, 9, 9)]
    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(box_masks.masks, IMAGE, str(n), box, fill_holes=False) for n in range(3)]
        assert engine.has_begun.wait(10)
        with pytest.raises(TimeoutError):
            box_masks.masks(IMAGE, "late", box, fill_holes=False, timeout=0)
        engine.gate.set()
        assert [len(future.result(10)) for future in futures] == [1, 1, 1]
    assert (engine.most, engine.embedded) == (1, 3)
