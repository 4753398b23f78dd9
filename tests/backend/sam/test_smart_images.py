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


def smart(name: str, image: str, kind: str = "KeyPointLabels") -> str:
    return tag(kind, name, image, 'smart="true"')


@pytest.mark.parametrize(
    ("tags", "images"),
    [
        pytest.param([smart("a", "left"), tag("BrushLabels", "b", "left")], ["$left"], id="masks"),
        pytest.param([smart("a", "left"), tag("PolygonLabels", "b", "left")], ["$left"], id="polygons"),
        pytest.param([smart("a", "left", "RectangleLabels")], ["$left"], id="boxes from boxes"),
        pytest.param(
            [smart("a", "left"), smart("b", "left", "RectangleLabels"), tag("BrushLabels", "c", "left")],
            ["$left"],
            id="once",
        ),
        pytest.param(
            [
                smart("a", "right"),
                smart("b", "left"),
                tag("BrushLabels", "c", "left"),
                tag("BrushLabels", "d", "right"),
            ],
            ["$right", "$left"],
            id="two images",
        ),
        pytest.param(
            [smart("a", "right"), tag("BrushLabels", "b", "right"), tag("BrushLabels", "c", "left")],
            ["$right"],
            id="no smart tool on the other",
        ),
        pytest.param(
            [
                smart("a", "right"),
                tag("BrushLabels", "b", "right"),
                smart("c", "left"),
                tag("BrushLabels", "d", "left", 'sam_skip="true"'),
            ],
            ["$right"],
            id="left out",
        ),
    ],
)
def test_images_that_smart_tools_reach(tags: list[str], images: list[str]) -> None:
    assert [c.image_value for c in smart_images(parse_label_config(config(*tags)))] == images


@pytest.mark.parametrize("xml", [BOXES, NO_BOXES, config(smart("a", "left"))])
def test_config_without_smart_tools_is_refused_in_words(xml: str) -> None:
    with pytest.raises(LabelConfigError, match="The project has no smart tools.*BrushLabels, PolygonLabels"):
        smart_images(parse_label_config(xml))
