"""Boxes that SAM makes masks of, in the same prediction."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.entities import Box, Image, Mask, Polygon, Prediction, Task
from backend.errors import ModelError
from backend.inference.composition import Presentation
from backend.inference.hygiene import HygieneLimits
from backend.inference.manager import ModelManager
from backend.inference.pipeline import PredictionPipeline
from backend.inference.plan import Planner
from backend.services import Services
from tests.backend.engines import FixedEngine
from tests.backend.image_server import ImageServer
from tests.backend.makers import MakeServices, MakeSettings
from tests.backend.pictures import png
from tests.backend.sam.tiny_sam import save_tiny_sam

PICTURE = png(200, 100)
SAM = "mobile_sam-6dbb9052"
CAR = Box(20, 20, 100, 60)


class HalfBoxes:
    """Fills the left half of each box; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Sequence[Box], bool]] = []

    def masks(
        self, image: Image, digest: str, boxes: Sequence[Box], *, fill_holes: bool, timeout: float | None
    ) -> list[Mask]:
        assert image.shape == (100, 200, 3)
        self.asked.append((digest, boxes, fill_holes))
        return [half(box) for box in boxes]


def half(box: Box) -> Mask:
    return Mask(round(box.x1), round(box.y1), np.ones((round(box.height), round(box.width / 2)), np.bool_))


class Refusing(HalfBoxes):
    """Fails as it is told."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def masks(self, *_: Any, **__: Any) -> list[Mask]:
        raise self.error


@pytest.fixture
def manager() -> Iterator[ModelManager]:
    with closing(ModelManager(FixedEngine, max_batch=1, max_bytes=2**30)) as manager:
        yield manager


def predict(
    services: Services, manager: ModelManager, image_server: ImageServer, xml: str, box_masks: Any
) -> Prediction:
    image_server.serve("/data/good.png", PICTURE)
    planner = Planner(
        manager,
        models_path=services.settings.models_path,
        default_weights=services.settings.yolo_weights,
        score_threshold=0.25,
        sam_version=lambda: SAM,
    )
    limits = HygieneLimits(nested=0.9, duplicates=0.9, slivers=30, outside=0.9)
    pipeline = PredictionPipeline(
        planner,
        manager,
        services.media,
        database=services.database,
        metrics=services.metrics,
        presentation=Presentation(polygon_points=16, limits=limits, blind_fraction=0.0),
        threads=2,
        timeout=60,
        box_masks=box_masks,
    )
    try:
        plan = pipeline.setup(7, xml)
        [found] = pipeline.predict([Task(1, {"image": "/data/good.png"})], plan, project_id=7)
    finally:
        pipeline.close()
    assert found.version == plan.version
    return found


def tag(kind: str, name: str = "tag", labels: str = "Car", attributes: str = "") -> str:
    items = "".join(f'<Label value="{label}"/>' for label in labels.split(","))
    return f'<{kind} name="{name}" toName="image" {attributes}>{items}</{kind}>'


def config(*tags: str) -> str:
    return f'<View><Image name="image" value="$image"/>{"".join(tags)}</View>'


FROM_BOXES = 'sam_from_boxes="true"'


def test_box_becomes_a_mask_with_the_models_score(
    services: Services, manager: ModelManager, image_server: ImageServer
) -> None:
    box_masks = HalfBoxes()
    xml = config(tag("BrushLabels", attributes=FROM_BOXES))
    found = predict(services, manager, image_server, xml, box_masks)
    [region] = found.regions
    assert (region.label, region.score) == ("Car", 0.9) and found.version.endswith(f"+{SAM}")
    assert isinstance(region.geometry, Mask)
    assert (region.geometry.x, region.geometry.y, region.geometry.pixels.shape) == (20, 20, (40, 40))
    assert box_masks.asked == [(hashlib.sha256(PICTURE).hexdigest(), [CAR], False)]


def test_box_becomes_a_polygon_without_holes(
    services: Services, manager: ModelManager, image_server: ImageServer
) -> None:
    box_masks = HalfBoxes()
    xml = config(tag("PolygonLabels", attributes=FROM_BOXES))
    [region] = predict(services, manager, image_server, xml, box_masks).regions
    assert isinstance(region.geometry, Polygon)
    assert sorted(region.geometry.points) == [(20, 20), (20, 60), (60, 20), (60, 60)]
    assert [fill_holes for _, _, fill_holes in box_masks.asked] == [True]


def test_only_boxes_that_are_shown_are_made_masks_of(
    services: Services, manager: ModelManager, image_server: ImageServer
) -> None:
    box_masks = HalfBoxes()
    attributes = f'{FROM_BOXES} model_score_threshold="0.2"'
    # The traffic light is a sliver by these limits.
    xml = config(tag("BrushLabels", labels="Person,traffic light", attributes=attributes))
    found = predict(services, manager, image_server, xml, box_masks)
    assert [len(boxes) for _, boxes, _ in box_masks.asked] == [1]
    assert [region.label for region in found.regions] == ["Person"] and found.filtered == {"sliver": 1}


def test_other_tags_keep_their_boxes_and_a_thing_shown_twice_counts_once(
    services: Services, manager: ModelManager, image_server: ImageServer
) -> None:
    xml = config(
        tag("RectangleLabels", "box", "Car,Person"),
        tag("BrushLabels", "mask", "Car", FROM_BOXES),
    )
    found = predict(services, manager, image_server, xml, HalfBoxes())
    assert [(region.control, region.label) for region in found.regions] == [
        ("box", "Car"),
        ("box", "Person"),
        ("mask", "Car"),
    ]
    assert found.regions[0].geometry == CAR and isinstance(found.regions[2].geometry, Mask)
    assert found.score == pytest.approx(0.75)


def test_project_without_such_a_tag_asks_no_sam(
    services: Services, manager: ModelManager, image_server: ImageServer
) -> None:
    box_masks = Refusing(AssertionError("asked"))
    found = predict(services, manager, image_server, config(tag("RectangleLabels")), box_masks)
    assert (found.failure, len(found.regions)) == (None, 1)


def test_project_with_smart_tools_alone_gets_empty_predictions_of_sams_version(
    services: Services, manager: ModelManager, image_server: ImageServer
) -> None:
    xml = config(tag("BrushLabels", "mask"), tag("KeyPointLabels", "click", attributes='smart="true"'))
    found = predict(services, manager, image_server, xml, None)
    assert (found.version, found.regions, found.failure) == (SAM, (), None)


@pytest.mark.parametrize(
    ("box_masks", "failure"),
    [
        pytest.param(
            Refusing(ModelError("mobile_sam.pt is not there.")),
            "model_unavailable: mobile_sam.pt is not there.",
            id="cannot be loaded",
        ),
        pytest.param(Refusing(TimeoutError()), "too_late: The request's time was up", id="too late"),
        pytest.param(None, 'model_unavailable: No SAM serves this process, and "tag"', id="none there"),
    ],
)
def test_masks_that_cannot_be_had_fail_the_task_in_words(
    services: Services, manager: ModelManager, image_server: ImageServer, box_masks: Any, failure: str
) -> None:
    xml = config(tag("BrushLabels", attributes=FROM_BOXES))
    found = predict(services, manager, image_server, xml, box_masks)
    assert found.failure is not None and found.failure.startswith(failure)
    assert found.regions == ()


def test_server_with_a_sam_makes_masks_and_keeps_the_images_embedding(
    make_services: MakeServices, make_settings: MakeSettings, image_server: ImageServer, tmp_path: Path
) -> None:
    image_server.serve("/data/good.png", PICTURE)
    services = make_services(make_settings(sam_model=str(save_tiny_sam(tmp_path / "tiny_sam.pt"))))
    xml = config(tag("BrushLabels", labels="Car,Person", attributes=FROM_BOXES))
    plan = services.pipeline.setup(7, xml)
    [found] = services.pipeline.predict([Task(1, {"image": "/data/good.png"})], plan, project_id=7)
    assert found.failure is None and found.version == plan.version
    assert found.version.endswith(f"+{services.sam.version()}") and "tiny_sam-" in found.version
    assert all(isinstance(region.geometry, Mask) for region in found.regions)
    assert services.embeddings.is_ready(services.sam.key(), hashlib.sha256(PICTURE).hexdigest())
