"""Smart requests: which of the regions that the browser sends are prompts, and what they say in pixels."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.entities import Box, ImageSize, RotatedBox
from backend.errors import BadRequest
from backend.labelstudio import annotated_regions
from backend.labelstudio.results import region_id
from backend.labelstudio.smart_request import MOST_POINTS, SmartRequest, read_smart_request
from backend.rle import encode_mask
from backend.sam.entities import PromptPoint

SIZE = ImageSize(200, 100)
OURS = region_id(1, 4, "yolo-1", 0)
PIXELS = np.zeros((100, 200), bool)
PIXELS[20:30, 50:55] = True


def region(kind: str, name: str, value: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "original_width": SIZE.width,
        "original_height": SIZE.height,
        "image_rotation": 0,
        "id": name,
        "from_name": f"{kind}-tag",
        "to_name": "image",
        "type": f"{kind}labels",
        "origin": "manual",
        **more,
        "value": {f"{kind}labels": ["Car"], **value},
    }


def click(name: str, *, x: float = 10, y: float = 20, positive: Any = True, **more: Any) -> dict[str, Any]:
    value = {"x": x, "y": y, "width": 0.3, "labels": ["Car"]}
    return region("keypoint", name, value, is_positive=positive, **more)


def rectangle(name: str, *, x: float = 10, rotation: float = 0, **more: Any) -> dict[str, Any]:
    return region(
        "rectangle", name, {"x": x, "y": 20, "width": 30, "height": 40, "rotation": rotation}, **more
    )


def stroke(name: str, **more: Any) -> dict[str, Any]:
    return region("brush", name, {"format": "rle", "rle": encode_mask(PIXELS)}, **more)


def manual_point(name: str) -> dict[str, Any]:
    found = click(name)
    del found["is_positive"]
    return found


def task(**holds: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a task whose predictions, annotations or drafts hold regions."""
    given = {name: [{"id": 1, "result": regions}] for name, regions in holds.items()}
    return {"id": 4, "data": {"image": "/a.jpg"}, "predictions": [], "annotations": [], **given}


def read(*regions: Any, live: tuple[str, ...] = (), **holds: list[dict[str, Any]]) -> SmartRequest:
    return read_smart_request({"result": list(regions)}, task(**holds), live=lambda: live)


def test_clicks_are_points_in_pixels_with_their_signs() -> None:
    found = read(click("a"), click("b", x=50, y=50, positive=False))
    assert found.points == (PromptPoint(20, 20, True), PromptPoint(100, 50, False))
    assert (found.task_id, found.to_name) == (4, "image")
    assert (found.kind, found.label, found.size) == ("keypoint", "Car", SIZE)
    assert (found.box, found.strokes, found.prompt_ids) == (None, (), ("a", "b"))
    assert not found.is_clearing


def test_empty_result_clears() -> None:
    found = read()
    assert found.is_clearing
    assert (found.task_id, found.prompt_ids) == (4, ())


def test_point_without_the_smart_mark_is_no_prompt() -> None:
    assert read(manual_point("a"), click("b")).prompt_ids == ("b",)


@pytest.mark.parametrize("mark", [None, 1, 0, "true"])
def test_smart_mark_is_a_boolean_and_nothing_like_one(mark: object) -> None:
    with pytest.raises(BadRequest, match="No prompt"):
        read(click("a", positive=mark))


def test_smart_point_stays_a_prompt_though_a_draft_holds_it() -> None:
    assert read(click("a"), click("b"), drafts=[click("a")]).prompt_ids == ("a", "b")


@pytest.mark.parametrize("holder", ["predictions", "annotations", "drafts"])
@pytest.mark.parametrize("draw", [rectangle, stroke])
def test_shape_that_the_task_holds_is_no_prompt(draw: Any, holder: str) -> None:
    assert read(draw("new"), draw("held"), **{holder: [draw("held")]}).prompt_ids == ("new",)
    with pytest.raises(BadRequest, match="1 regions"):
        read(draw("held"), live=("deleted",), **{holder: [draw("held")]})


def test_shape_that_was_answered_lately_is_a_prompt_though_a_draft_holds_it() -> None:
    assert read(rectangle("a"), drafts=[rectangle("a")], live=("a",)).prompt_ids == ("a",)
    with pytest.raises(BadRequest):
        read(rectangle("a"), predictions=[rectangle("a")], live=("a",))


def test_newest_shape_that_a_draft_alone_holds_was_moved_where_nothing_was_answered_lately() -> None:
    held = [rectangle("a"), rectangle("b")]
    assert read(*held, drafts=held).prompt_ids == ("b",)
    with pytest.raises(BadRequest):
        read(*held, drafts=held, annotations=held)


@pytest.mark.parametrize(
    "regions",
    [pytest.param([click("a")], id="clicks"), pytest.param([rectangle("new")], id="not in a draft")],
)
def test_what_was_answered_lately_is_asked_only_where_it_matters(regions: list[dict[str, Any]]) -> None:
    def refuse() -> tuple[str, ...]:
        raise AssertionError("it was asked")

    held = task(drafts=[click("a"), rectangle("b")])
    assert read_smart_request({"result": regions}, held, live=refuse).prompt_ids


@pytest.mark.parametrize("draw", [click, rectangle, stroke])
def test_our_own_answer_is_no_prompt(draw: Any) -> None:
    assert read(draw("V1StGXR8_Z"), draw(OURS)).prompt_ids == ("V1StGXR8_Z",)


def test_newest_rectangle_wins() -> None:
    found = read(rectangle("a"), rectangle("b", x=50))
    assert (found.kind, found.box, found.prompt_ids) == ("rectangle", Box(100, 20, 160, 60), ("b",))


def test_turned_rectangle_keeps_its_turn() -> None:
    box = read(rectangle("a", x=50, rotation=30)).box
    assert isinstance(box, RotatedBox)
    assert (box.width, box.height, box.angle) == (60, 40, 30)


def test_all_strokes_count() -> None:
    found = read(stroke("a"), stroke("b"))
    assert (found.kind, found.prompt_ids) == ("brush", ("a", "b"))
    assert [(mask.x, mask.y, mask.pixels.shape) for mask in found.strokes] == [(50, 20, (10, 5))] * 2


@pytest.mark.parametrize(
    "older",
    [
        pytest.param(rectangle("old"), id="another type"),
        pytest.param({**click("old"), "to_name": "other"}, id="another image"),
        pytest.param(
            {**click("old"), "value": {"x": 1, "y": 1, "width": 1, "keypointlabels": ["Person"]}},
            id="another label",
        ),
        pytest.param({**click("old"), "original_width": 400}, id="another size"),
        pytest.param(click("old", x=300), id="outside of the image"),
        pytest.param({"id": "old", "type": "choices", "value": {"choices": ["Day"]}}, id="no shape"),
    ],
)
def test_what_differs_from_the_newest_is_left_out(older: dict[str, Any]) -> None:
    assert read(older, click("new")).prompt_ids == ("new",)


def test_region_with_two_labels_is_one_prompt_with_the_first() -> None:
    both = click("a")
    both["value"]["keypointlabels"] = ["Car", "Person"]
    found = read(both, click("b"))
    assert (found.label, found.prompt_ids, len(found.points)) == ("Car", ("a", "b"), 2)


def test_label_of_a_labels_tag_comes_from_its_own_result() -> None:
    shape = region("keypoint", "a", {"x": 10, "y": 20, "width": 1}, type="keypoint", is_positive=True)
    del shape["value"]["keypointlabels"]
    label = {**shape, "from_name": "label", "type": "labels", "value": {"x": 10, "y": 20, "labels": ["Car"]}}
    found = read(label, shape)
    assert (found.label, found.prompt_ids) == ("Car", ("a",))


def test_masks_that_are_no_prompts_are_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[str] = []
    real = annotated_regions.read_geometry

    def note(shape: str, *rest: Any) -> Any:
        decoded.append(shape)
        return real(shape, *rest)

    monkeypatch.setattr(annotated_regions, "read_geometry", note)
    read(stroke(OURS), stroke("held"), stroke("new"), predictions=[stroke("held")])
    assert decoded == ["brush"]


def test_more_clicks_than_anybody_makes_are_cut_to_the_newest() -> None:
    found = read(*(click(f"n{number}") for number in range(500)))
    assert len(found.points) == MOST_POINTS
    assert found.prompt_ids[-1] == "n499"


def test_refusal_says_what_came_and_what_was_expected() -> None:
    with pytest.raises(BadRequest, match=r"1 regions \('keypointlabels'\).*is_positive"):
        read(manual_point("a"))
    with pytest.raises(BadRequest, match=r"y is 'low'; expected a number"):
        read({**click("a"), "value": {"x": 1, "y": "low", "keypointlabels": ["Car"]}})


@pytest.mark.parametrize(
    "context", [{}, {"result": None}, {"result": {}}, {"result": "[]"}, {"result": [None, 3, "x", []]}]
)
def test_context_of_another_shape_is_refused(context: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        read_smart_request(context, task())


@pytest.mark.parametrize("held", [3, "x", [3], {"result": []}])
def test_task_of_another_shape_is_refused(held: object) -> None:
    with pytest.raises(BadRequest):
        read_smart_request({"result": [click("a")]}, {**task(), "predictions": held})


def test_mask_of_a_vast_image_is_not_decoded() -> None:
    with pytest.raises(BadRequest, match="not decoded"):
        read(stroke("a", original_width=100_000, original_height=100_000))


def test_strokes_beyond_so_many_pixels_are_not_even_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[ImageSize] = []

    def note(_shape: str, _value: Any, size: ImageSize) -> Any:
        decoded.append(size)
        raise BadRequest("not decoded")

    monkeypatch.setattr(annotated_regions, "read_geometry", note)
    with pytest.raises(BadRequest):
        read(*(stroke(name, original_width=10_000, original_height=4_000) for name in "abcdefgh"))
    assert len(decoded) == 2


def test_names_that_no_database_holds_are_made_harmless() -> None:
    odd = click("a\ud800")
    odd["value"]["keypointlabels"] = ["Car\ud800"]
    found = read(odd)
    assert (found.label, found.prompt_ids) == ("Car?", ("a?",))


ODD = st.sampled_from(
    [None, True, -1, 0, 10**400, float("nan"), float("inf"), "", "x\ud800", [], {}, [None], {"a": 1}, [[]]]
)
PATHS = [
    *((key,) for key in click("a")),
    *(("value", key) for key in ("x", "y", "width", "height", "rotation", "rle", "format", "labels")),
    *(("value", f"{kind}labels") for kind in ("keypoint", "rectangle", "brush")),
]


@settings(max_examples=400)
@given(
    st.sampled_from([click, rectangle, stroke]),
    st.lists(st.tuples(st.sampled_from(PATHS), ODD), min_size=1, max_size=3),
    st.booleans(),
)
def test_whatever_comes_is_read_or_refused(draw: Any, changes: list[Any], is_held: bool) -> None:
    broken = draw("a")
    for (*above, key), odd in changes:
        inside = broken[above[0]] if above else broken
        if isinstance(inside, dict):
            inside[key] = odd
    holds = {"drafts": [broken, odd]} if is_held else {}
    try:
        found = read(broken, **holds)
    except BadRequest as error:
        assert len(error.message) < 1500
        return
    assert found.prompt_ids and found.kind is not None and found.size is not None
    assert found.points or found.box or found.strokes
    assert "".join((found.label, found.to_name, *found.prompt_ids)).encode()
