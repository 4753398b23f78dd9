"""Which clicks belong to one thing, by case: the prompts that are asked, and the id that the answer has."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backend.entities import Box, ImageSize, Mask, RotatedBox
from backend.labelstudio.smart_request import MOST_POINTS, SmartRequest
from backend.sam.entities import FoundMask, PromptPoint
from backend.sam.interaction import Interaction, Step, Thing, next_step, without_page

SIDE, ENGINE = 16, "engine-1"
SIZE = ImageSize(100, 80)
ON, BESIDE, FAR = (30.5, 30.5), (60.5, 30.5), (90.5, 70.5)
LAST = Mask(20, 20, np.ones((20, 20), bool))  # holds ON


def answer(mask: Mask = LAST) -> FoundMask:
    return FoundMask(mask, 0.9, np.full((SIDE, SIDE), 3, np.float32))


def clicks(*given: tuple[str, tuple[float, float], bool]) -> SmartRequest:
    points = tuple(PromptPoint(x, y, is_positive) for _, (x, y), is_positive in given)
    return request("keypoint", tuple(name for name, _, _ in given), points=points)


def request(kind: Any, names: tuple[str, ...], **more: Any) -> SmartRequest:
    given: dict[str, Any] = {"task_id": 4, "to_name": "image", "label": "Car", **more}
    return SmartRequest(kind=kind, size=SIZE, prompt_ids=names, **given)


def box(name: str, *, x: float = 20) -> SmartRequest:
    return request("rectangle", (name,), box=Box(x, 20, x + 30, 50))


def stroke(*names: str) -> SmartRequest:
    return request("brush", names, strokes=(LAST,) * len(names))


def remembered(thing: Thing, *, mask: Mask = LAST, logits: Any = None) -> Interaction:
    return Interaction(thing, mask, answer().logits if logits is None else logits, ENGINE, SIZE)


def step(
    previous: Interaction | Sequence[Interaction] | None, asked: SmartRequest, *, alone: Mask | None = None
) -> Step | None:
    """Decide; a question for the mask of the point alone fails unless that mask is given."""

    def find(point: PromptPoint) -> FoundMask:
        assert alone is not None, f"asked what {point} alone finds"
        return answer(alone)

    given = [previous] if isinstance(previous, Interaction) else previous or []
    return next_step(given, asked, project_id=1, engine=ENGINE, side=SIDE, alone=find)


def after(*requests: SmartRequest, mask: Mask = LAST, alone: Mask | None = None) -> Interaction:
    """Return what is remembered after requests that were all answered with a mask."""
    last = None
    for asked in requests:
        made = step(last, asked, alone=alone)
        assert made is not None
        last = remembered(made.thing, mask=mask)
    assert last is not None
    return last


def follow(
    previous: Interaction | Sequence[Interaction], asked: SmartRequest, *, alone: Mask | None = None
) -> Step:
    made = step(previous, asked, alone=alone)
    assert made is not None
    return made


FIRST = clicks(("a", ON, True))


def test_first_click_begins_a_thing() -> None:
    made = step(None, FIRST)
    assert made is not None and made.prompts.points == FIRST.points
    assert (made.prompts.box, made.prompts.logits, made.found) == (None, None, None)


def test_id_is_twelve_hex_digits_the_same_for_the_same_request_and_for_no_other() -> None:
    others = [clicks(("b", ON, True)), request("keypoint", ("a",), points=FIRST.points, label="Person")]
    made = [step(None, asked) for asked in (FIRST, FIRST, *others)]
    ids = [one.thing.region_id for one in made if one]
    assert ids[0] == ids[1] and len(set(ids)) == 3
    assert all(len(name) == 12 and set(name) <= set("0123456789abcdef") for name in ids)


def test_negative_click_without_a_mask_asks_for_nothing() -> None:
    assert step(None, clicks(("a", ON, False))) is None
    assert step(None, clicks(("a", ON, False), ("b", FAR, False))) is None


def test_clearing_asks_for_nothing() -> None:
    assert step(after(FIRST), SmartRequest(4)) is None


@pytest.mark.parametrize("place", [ON, FAR])
def test_negative_click_takes_from_the_last_mask_wherever_it_is(place: tuple[float, float]) -> None:
    before = after(FIRST)
    made = follow(before, clicks(("b", place, False)))
    assert made.thing.region_id == before.thing.region_id
    assert made.prompts.points == (PromptPoint(*ON, True), PromptPoint(*place, False))
    assert made.prompts.logits is before.logits


def test_click_on_the_last_mask_refines_it() -> None:
    before = after(FIRST)
    made = follow(before, clicks(("b", (25, 25), True)))
    assert made.thing.region_id == before.thing.region_id
    assert len(made.prompts.points) == 2 and made.prompts.logits is before.logits


@pytest.mark.parametrize(
    ("alone", "is_same"),
    [
        pytest.param(Mask(10, 10, np.ones((60, 60), bool)), True, id="the whole around it"),
        pytest.param(Mask(35, 25, np.ones((5, 10), bool)), True, id="half of a part within it"),
        pytest.param(Mask(36, 25, np.ones((5, 10), bool)), False, id="less than half of that"),
        pytest.param(Mask(30, 20, np.ones((20, 20), bool)), True, id="half of an equal one"),
        pytest.param(Mask(31, 20, np.ones((20, 20), bool)), False, id="less than half of that one"),
        pytest.param(Mask(40, 20, np.ones((20, 20), bool)), False, id="a neighbour"),
        pytest.param(Mask(0, 0, np.ones((0, 0), bool)), False, id="nothing"),
    ],
)
def test_click_beside_the_last_mask_refines_it_if_alone_it_finds_the_same_thing(
    alone: Mask, is_same: bool
) -> None:
    before = after(FIRST)
    made = follow(before, clicks(("b", BESIDE, True)), alone=alone)
    assert (made.thing.region_id == before.thing.region_id) is is_same
    assert len(made.prompts.points) == (2 if is_same else 1)
    assert (made.found is None) is is_same, "what was found for the point alone is the answer to a new thing"


def test_click_after_an_empty_answer_begins_a_thing() -> None:
    before = after(FIRST, mask=Mask(0, 0, np.zeros((0, 0), bool)))
    made = follow(before, clicks(("b", ON, True)), alone=LAST)
    assert made.thing.region_id != before.thing.region_id


def test_clicks_on_the_page_stand_for_themselves_and_keep_the_id() -> None:
    before = after(FIRST)
    made = follow(before, clicks(("a", ON, True), ("b", FAR, True)))
    assert made.thing.region_id == before.thing.region_id
    assert made.prompts.points == (PromptPoint(*ON, True), PromptPoint(*FAR, True))
    assert made.prompts.logits is before.logits


def test_several_clicks_of_which_none_is_known_begin_a_thing() -> None:
    before = after(FIRST)
    made = follow(before, clicks(("b", ON, True), ("c", FAR, False)))
    assert made.thing.region_id != before.thing.region_id
    assert (len(made.prompts.points), made.prompts.logits) == (2, None)


def test_moved_click_is_asked_anew_under_the_same_id() -> None:
    before = after(FIRST)
    made = follow(before, clicks(("a", FAR, True)))
    assert made.thing.region_id == before.thing.region_id
    assert made.prompts.points == (PromptPoint(*FAR, True),)
    assert made.prompts.logits is None, "the last answer holds where it was before"


def test_deleted_click_counts_no_more() -> None:
    both = clicks(("a", ON, True), ("b", FAR, False))
    before = after(FIRST, both)
    made = follow(before, FIRST)
    assert made.thing.region_id == before.thing.region_id
    assert (made.prompts.points, made.prompts.logits) == (FIRST.points, None)


def test_negative_clicks_that_are_left_when_the_positive_was_deleted_ask_for_nothing() -> None:
    before = after(FIRST, clicks(("a", ON, True), ("b", FAR, False)))
    assert step(before, clicks(("b", FAR, False))) is None


def test_accepted_click_still_counts_when_more_are_made_after_it() -> None:
    # Auto-accept is off: "a" went from the page with the tick, "b" and "c" stand there.
    before = after(FIRST, clicks(("b", FAR, False)))
    made = follow(before, clicks(("b", FAR, False), ("c", BESIDE, False)))
    assert made.thing.region_id == before.thing.region_id
    assert [point.is_positive for point in made.prompts.points] == [True, False, False]
    again = follow(remembered(made.thing), clicks(("c", BESIDE, False)))
    assert tuple(again.thing.clicks) == ("a", "c")


def test_box_is_asked_as_a_box_alone() -> None:
    made = step(None, box("r"))
    assert made is not None and made.prompts.box == Box(20, 20, 50, 50)
    assert (made.prompts.points, made.prompts.logits) == ((), None)


def test_another_box_begins_a_thing_though_it_lies_on_the_last_mask() -> None:
    before = after(box("r"))
    assert follow(before, box("s")).thing.region_id != before.thing.region_id


def test_clicks_after_a_box_refine_what_is_in_it() -> None:
    before = after(box("r"))
    one = clicks(("a", ON, False))
    first = follow(before, one)
    assert first.thing.region_id == before.thing.region_id
    assert (first.prompts.box, first.prompts.points) == (Box(20, 20, 50, 50), one.points)
    assert first.prompts.logits is before.logits
    second = follow(after(box("r"), one), clicks(("a", ON, False), ("b", FAR, True)))
    assert (second.thing.region_id, second.prompts.box) == (before.thing.region_id, Box(20, 20, 50, 50))
    assert len(second.prompts.points) == 2


def test_moved_box_keeps_its_id_and_the_clicks_that_are_still_in_it() -> None:
    before = after(box("r"), clicks(("a", ON, False)), clicks(("a", ON, False), ("b", FAR, False)))
    made = follow(before, box("r", x=25))
    assert made.thing.region_id == before.thing.region_id
    assert (made.prompts.box, tuple(made.thing.clicks)) == (Box(25, 20, 55, 50), ("a",))
    assert made.prompts.logits is None


def test_turned_box_is_asked_as_its_hull_its_centre_and_its_area() -> None:
    turned = request("rectangle", ("r",), box=RotatedBox(50, 40, 20, 20, 45))
    made = step(None, turned)
    assert made is not None and made.prompts.box is not None and made.prompts.logits is not None
    assert made.prompts.box.width == pytest.approx(20 * 2**0.5)
    assert made.prompts.points == (PromptPoint(50, 40, True),)
    refined = follow(remembered(made.thing), clicks(("a", ON, False)))
    assert refined.prompts.points == (PromptPoint(50, 40, True), PromptPoint(*ON, False))


def test_stroke_is_asked_as_points_and_area() -> None:
    made = step(None, stroke("s"))
    assert made is not None and made.prompts.box is None
    assert all(20 <= point.x < 40 and point.is_positive for point in made.prompts.points)
    assert made.prompts.logits is not None and made.prompts.logits.shape == (SIDE, SIDE)


def test_another_stroke_alone_begins_a_thing_and_one_beside_a_known_one_does_not() -> None:
    before = after(stroke("s"))
    assert follow(before, stroke("t")).thing.region_id != before.thing.region_id
    assert follow(before, stroke("s", "t")).thing.region_id == before.thing.region_id


def test_click_after_a_stroke_keeps_its_points() -> None:
    before = after(stroke("s"))
    made = follow(before, clicks(("a", FAR, False)))
    assert made.prompts.points == (*before.thing.drawn, PromptPoint(*FAR, False))


def test_logits_of_an_engine_before_are_not_given_to_the_next() -> None:
    before = after(FIRST)
    old = remembered(before.thing, logits=np.zeros((8, 8), np.float32))
    made = follow(old, clicks(("b", ON, False)))
    assert (len(made.prompts.points), made.prompts.logits) == (2, None)
    alike = replace(before, engine="another")
    assert follow(alike, clicks(("b", ON, False))).prompts.logits is None


def test_no_interaction_grows_without_end() -> None:
    places = itertools.cycle([(25.0, 25.0), (26.0, 26.0)])
    long = [clicks((f"n{number}", next(places), True)) for number in range(MOST_POINTS + 5)]
    last = after(*long)
    assert len(last.thing.clicks) == MOST_POINTS
    assert list(last.thing.clicks)[-1] == f"n{MOST_POINTS + 4}"
    assert list(last.thing.clicks)[0] == "n0", "what it is about"


@pytest.mark.parametrize("seed", range(20))
def test_any_order_of_requests_asks_for_something_or_for_nothing_at_all(seed: int) -> None:
    random = np.random.default_rng(seed)
    last, ids = None, set()
    for _ in range(40):
        names = random.choice(list("abcdef"), random.integers(1, 4), replace=False).tolist()
        places = [(float(x), float(y)) for x, y in random.uniform((0, 0), (100, 80), (len(names), 2))]
        kinds = [
            clicks(
                *(
                    (name, place, bool(random.random() < 0.6))
                    for name, place in zip(names, places, strict=True)
                )
            ),
            box("r"),
            stroke("s", "t"),
        ]
        asked = kinds[random.choice(3, p=[0.8, 0.1, 0.1])]
        made = step(last, asked, alone=Mask(50, 20, np.ones((10, 30), bool)))
        if made is None:
            continue
        prompts = made.prompts
        assert prompts.box or prompts.logits is not None or any(point.is_positive for point in prompts.points)
        assert set(asked.prompt_ids) <= set(made.thing.prompt_ids)
        ids.add(made.thing.region_id)
        last = remembered(made.thing)
    assert len(ids) > 1


OTHER = Mask(60, 40, np.ones((20, 20), bool))  # holds no place of the tests above
A, B = after(FIRST), after(clicks(("z", (70, 50), True)), mask=OTHER)


@pytest.mark.parametrize(
    ("place", "is_positive", "alone", "expected"),
    [
        pytest.param(ON, True, None, A, id="on the first"),
        pytest.param(ON, False, None, A, id="with Alt on the first"),
        pytest.param((70, 50), True, None, B, id="on the second"),
        pytest.param(FAR, False, None, B, id="with Alt beside both: the last one"),
        pytest.param((42, 30), True, None, A, id="at the first one's edge"),
        pytest.param(BESIDE, True, Mask(20, 20, np.ones((20, 26), bool)), A, id="finds the first"),
        pytest.param(BESIDE, True, Mask(58, 38, np.ones((24, 24), bool)), B, id="finds the second"),
        pytest.param(
            BESIDE,
            True,
            Mask(24, 20, np.ones((36, 50), bool)),
            A,
            id="finds more of the first than the second",
        ),
    ],
)
def test_of_two_things_a_click_is_about_the_one_that_it_lies_on_or_finds(
    place: tuple[float, float], is_positive: bool, alone: Mask | None, expected: Interaction
) -> None:
    made = follow([A, B], clicks(("n", place, is_positive)), alone=alone)
    assert made.thing.region_id == expected.thing.region_id
    assert made.thing.clicks.keys() == {*expected.thing.clicks, "n"}


def test_click_that_finds_neither_of_two_things_begins_a_third() -> None:
    made = follow([A, B], clicks(("n", FAR, True)), alone=Mask(85, 65, np.ones((9, 9), bool)))
    assert made.thing.region_id not in {A.thing.region_id, B.thing.region_id}


def test_mask_on_an_image_of_another_size_is_not_refined() -> None:
    old = replace(A, size=ImageSize(50, 40))
    assert step(old, clicks(("n", ON, False))) is None
    assert follow(old, clicks(("n", ON, True))).thing.region_id != A.thing.region_id


def test_prompts_on_the_page_go_and_those_that_were_accepted_stay() -> None:
    last = after(FIRST, clicks(("b", FAR, False)))
    left = without_page(last)
    assert left is not None and tuple(left.thing.clicks) == ("a",)
    assert left.logits is None, "they hold what went"
    again = follow(left, clicks(("c", ON, False)))
    assert (again.thing.region_id, len(again.prompts.points)) == (last.thing.region_id, 2)


@pytest.mark.parametrize("asked", [FIRST, box("r"), stroke("s")])
def test_nothing_is_left_of_a_thing_that_stood_on_the_page_alone(asked: SmartRequest) -> None:
    assert without_page(after(asked)) is None


def test_box_stays_when_a_click_in_it_goes() -> None:
    left = without_page(after(box("r"), clicks(("a", ON, False))))
    assert left is not None and left.thing.box is not None and not left.thing.clicks
