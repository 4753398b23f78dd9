"""Which images of a labeling config are to be encoded."""

import pytest

from backend.errors import LabelConfigError
from backend.labelstudio.label_config import parse_label_config
from backend.sam.smart_images import smart_images
from tests.backend.label_configs import BOXES, NO_BOXES


def config(*tags: str) -> str:
    images = '<Image name="left" value="$left"/><Image name="right" value="$right"/>'
    return f"<View>{images}{''.join(tags)}</View>"


def tag(kind: str, name: str, image: str, more: str = "") -> str:
    return f'<{kind} name="{name}" toName="{image}" {more}><Label value="Car"/></{kind}>'


@pytest.mark.parametrize(
    ("tags", "images"),
    [
        pytest.param([tag("BrushLabels", "a", "left")], ["$left"], id="masks"),
        pytest.param([tag("PolygonLabels", "a", "left")], ["$left"], id="polygons"),
        pytest.param(
            [tag("BrushLabels", "a", "left"), tag("RectangleLabels", "b", "left")], ["$left"], id="once"
        ),
        pytest.param(
            [tag("BrushLabels", "a", "right"), tag("RectangleLabels", "b", "left")],
            ["$right", "$left"],
            id="two images",
        ),
        pytest.param(
            [tag("BrushLabels", "a", "right"), tag("KeyPointLabels", "b", "left")],
            ["$right"],
            id="points alone hold no mask",
        ),
        pytest.param(
            [tag("BrushLabels", "a", "right"), tag("BrushLabels", "b", "left", 'sam_skip="true"')],
            ["$right"],
            id="left out",
        ),
    ],
)
def test_images_that_masks_are_drawn_on(tags: list[str], images: list[str]) -> None:
    assert [c.image_value for c in smart_images(parse_label_config(config(*tags)))] == images


def test_boxes_alone_can_be_found_by_clicks_too() -> None:
    assert len(smart_images(parse_label_config(BOXES))) == 1


def test_config_without_such_a_tag_is_refused_in_words() -> None:
    with pytest.raises(LabelConfigError, match="expected one of BrushLabels, PolygonLabels, RectangleLabels"):
        smart_images(parse_label_config(NO_BOXES))
