"""What becomes of a found mask, decided by the labeling config."""

import numpy as np
import pytest

from backend.entities import Box, ControlTag, ImageSize, Mask, Polygon, Region
from backend.errors import LabelConfigError
from backend.labelstudio.label_config import parse_label_config
from backend.sam.entities import FoundMask
from backend.sam.output import choose_output, has_smart_tools, mask_region, prompt_outputs, tags_to_fill

SIZE = ImageSize(20, 10)


def tag(kind: str, name: str, *labels: str, image: str = "image", **attributes: str) -> str:
    inner = "".join(f'<Label value="{label}"/>' for label in labels)
    given = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f'<{kind} name="{name}" toName="{image}"{given}>{inner}</{kind}>'


def controls_of(*tags: str) -> tuple[ControlTag, ...]:
    images = '<Image name="image" value="$image"/><Image name="other" value="$other"/>'
    return parse_label_config(f"<View>{images}{''.join(tags)}</View>")


def output_of(*tags: str, label: str = "car") -> str:
    return choose_output(controls_of(*tags), to_name="image", label=label).name


BRUSH, POLYGON = tag("BrushLabels", "mask", "car", "bus"), tag("PolygonLabels", "outline", "car", "tree")
FRAME = tag("RectangleLabels", "frame", "car", "tree", "man", smart="true")
CLICK = tag("KeyPointLabels", "click", "car", "tree", "man", smart="true")


@pytest.mark.parametrize(
    ("label", "name"),
    [
        pytest.param("car", "mask", id="masks first"),
        pytest.param("tree", "outline", id="then polygons"),
        pytest.param("man", "frame", id="then boxes"),
    ],
)
def test_kind_that_keeps_most_of_a_mask_goes_first(label: str, name: str) -> None:
    assert output_of(FRAME, CLICK, POLYGON, BRUSH, label=label) == name


def test_first_of_two_of_one_kind_is_taken() -> None:
    assert output_of(tag("BrushLabels", "one", "car"), BRUSH) == "one"


def test_tag_that_is_skipped_takes_no_masks() -> None:
    skipped = tag("BrushLabels", "mask", "car", sam_skip="true")
    assert output_of(skipped, POLYGON) == "outline"
    with pytest.raises(
        LabelConfigError, match=r'"car": <BrushLabels name="mask"> has the label, and sam_skip'
    ):
        output_of(skipped)


def test_tag_on_another_image_takes_no_masks() -> None:
    with pytest.raises(
        LabelConfigError, match='Paste inside <View>: <BrushLabels name="mask" toName="image">'
    ):
        output_of(tag("BrushLabels", "mask", "car", image="other"), CLICK)


def test_label_that_no_tag_has_is_named_with_the_line_to_paste() -> None:
    with pytest.raises(LabelConfigError) as raised:
        output_of(BRUSH, CLICK, label="R&D")
    assert '"R&D"' in raised.value.message and '<BrushLabels name="mask">' in raised.value.message
    assert "car, bus" in raised.value.message
    assert raised.value.message.endswith('<Label value="R&amp;D"/>')


@pytest.mark.parametrize(
    ("tags", "is_asked"),
    [
        pytest.param([BRUSH, CLICK], True, id="click"),
        pytest.param([POLYGON, FRAME], True, id="box"),
        pytest.param([tag("BrushLabels", "mask", "car", smart="true")], True, id="stroke"),
        pytest.param([tag("RectangleLabels", "frame", "car", smart=" True ")], True, id="box for a box"),
        pytest.param(
            [BRUSH, tag("KeyPointLabels", "click", "car", smartOnly="true")], True, id="smart alone"
        ),
        pytest.param([BRUSH, tag("KeyPointLabels", "click", "car")], False, id="smart by default alone"),
        pytest.param([BRUSH, tag("KeyPointLabels", "click", "car", smart="false")], False, id="not smart"),
        pytest.param([BRUSH, tag("KeyPointLabels", "click", "car", smart="perhaps")], False, id="no word"),
        pytest.param([CLICK], False, id="nothing to draw on"),
        pytest.param([BRUSH, tag("KeyPointLabels", "click", "hat", smart="true")], False, id="other labels"),
        pytest.param(
            [BRUSH, tag("KeyPointLabels", "click", "car", smart="true", image="other")],
            False,
            id="other image",
        ),
        pytest.param(
            [BRUSH, tag("PolygonLabels", "shape", "car", smart="true")], False, id="without a smart tool"
        ),
        pytest.param([BRUSH, FRAME.replace("toName", 'model_skip="true" toName')], True, id="not filled"),
    ],
)
def test_project_asks_for_masks_by_a_smart_tag_whose_labels_can_be_drawn(
    tags: list[str], is_asked: bool
) -> None:
    assert has_smart_tools(controls_of(*tags)) is is_asked


def test_each_label_of_a_prompt_tag_has_its_own_output() -> None:
    controls = controls_of(BRUSH, POLYGON, CLICK)
    outputs = prompt_outputs(controls[-1], controls)
    assert {label: output.name for label, output in outputs.items()} == {"car": "mask", "tree": "outline"}


@pytest.mark.parametrize(
    ("tags", "names"),
    [
        pytest.param([BRUSH, CLICK], ["mask"], id="points stand for clicks"),
        pytest.param(
            [BRUSH, tag("RectangleLabels", "frame", "car", smart="true")],
            ["mask", "frame"],
            id="boxes are pre-labels too",
        ),
        pytest.param([BRUSH, FRAME], ["mask", "frame"], id="box holds a label itself"),
        pytest.param([tag("RectangleLabels", "frame", "car", smart="true")], ["frame"], id="boxes for boxes"),
        pytest.param(
            [BRUSH, tag("RectangleLabels", "box", "car")], ["mask", "box"], id="not asked for masks"
        ),
        pytest.param(
            [BRUSH, tag("RectangleLabels", "frame", "car", smart="true", model_path="own.pt")],
            ["mask", "frame"],
            id="names weights",
        ),
        pytest.param(
            [BRUSH, tag("RectangleLabels", "frame", "car", smart="true", model_train="true")],
            ["mask", "frame"],
            id="to be trained",
        ),
        pytest.param(
            [tag("RectangleLabels", "box", "car"), CLICK.replace('"car"', '"car" model_index="0"')],
            ["box", "click"],
            id="key points by number",
        ),
        pytest.param([tag("BrushLabels", "mask", "car", model_skip="true"), CLICK], [], id="skipped"),
    ],
)
def test_models_do_not_fill_what_is_for_prompts(tags: list[str], names: list[str]) -> None:
    assert [control.name for control in tags_to_fill(controls_of(*tags))] == names


# A block of 6 x 4 at (4, 3) with a hole of two pixels, and a stray pixel, on a cut-out at (2, 1).
PIXELS = np.zeros((8, 12), bool)
PIXELS[2:6, 2:8] = True
PIXELS[3, 4:6] = False
PIXELS[0, 11] = True
FOUND = FoundMask(Mask(2, 1, PIXELS), 0.8, np.zeros((4, 4), np.float32))


def region_on(kind: str, found: FoundMask = FOUND, min_area: int = 3) -> Region | None:
    control = ControlTag(kind, "out", "image", "$image", ("car",))
    return mask_region(
        found, control, label="car", region_id="a1", size=SIZE, polygon_points=8, min_area=min_area
    )


def test_mask_keeps_the_found_iou_as_score_and_loses_stray_pixels() -> None:
    region = region_on("BrushLabels")
    assert region is not None and isinstance(region.geometry, Mask)
    assert (region.id, region.control, region.label, region.score, region.size) == (
        "a1",
        "out",
        "car",
        0.8,
        SIZE,
    )
    assert region.geometry.pixels.sum() == 24 and not region.geometry.pixels[0, 11]


def test_hole_in_a_mask_stays_where_it_is_big_enough() -> None:
    region = region_on("BrushLabels", min_area=2)
    assert region is not None and isinstance(region.geometry, Mask)
    assert region.geometry.pixels.sum() == 22


def test_polygon_has_no_holes_and_no_islands() -> None:
    region = region_on("PolygonLabels", min_area=2)
    assert region is not None and isinstance(region.geometry, Polygon)
    assert sorted(region.geometry.points) == [(4, 3), (4, 7), (10, 3), (10, 7)]
    assert region.geometry.mask_iou == 1


def test_box_is_tight_around_what_is_left() -> None:
    region = region_on("RectangleLabels")
    assert region is not None and region.geometry == Box(4, 3, 10, 7)


@pytest.mark.parametrize("kind", ["BrushLabels", "PolygonLabels", "RectangleLabels"])
@pytest.mark.parametrize(
    "mask",
    [
        pytest.param(Mask(0, 0, np.zeros((0, 0), bool)), id="no pixels"),
        pytest.param(Mask(0, 0, np.zeros((4, 4), bool)), id="none set"),
        pytest.param(Mask(20, 0, np.ones((4, 4), bool)), id="beside the image"),
    ],
)
def test_nothing_becomes_of_an_empty_mask(kind: str, mask: Mask) -> None:
    assert region_on(kind, FoundMask(mask, 0.5, FOUND.logits)) is None


@pytest.mark.parametrize("kind", ["BrushLabels", "PolygonLabels", "RectangleLabels"])
def test_mask_that_reaches_over_the_edge_is_cut(kind: str) -> None:
    region = region_on(kind, FoundMask(Mask(15, 8, np.ones((6, 9), bool)), 0.5, FOUND.logits))
    assert region is not None
    if isinstance(region.geometry, Mask):
        assert region.geometry.pixels.shape == (2, 5)
    elif isinstance(region.geometry, Polygon):
        assert sorted(region.geometry.points) == [(15, 8), (15, 10), (20, 8), (20, 10)]
    else:
        assert region.geometry == Box(15, 8, 20, 10)
