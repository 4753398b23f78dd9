"""Smart tools from the request to the region: on a real Redis, with an engine that finds squares."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import pytest
from redis import Redis

from backend.entities import Box, ControlTag, Image, ImageSize, Mask, Polygon, Task
from backend.errors import BadRequest, LabelConfigError, MediaError, ModelError
from backend.metrics import Metrics
from backend.sam.entities import Embedding, FoundMask, Prompts
from backend.sam.holder import SamHolder
from backend.sam.interactions import Interactions
from backend.sam.prefetch import Prefetcher
from backend.sam.smart_tools import SmartTools, Suggestion
from backend.sam.task_embeddings import TaskEmbeddings

SIDE = 20  # of the squares that things are, on a grid
SIZE = ImageSize(200, 100)
GRID = 8


class Squares:
    """An engine for which a thing is a square of the grid; a negative click takes four pixels away."""

    version, key, memory_bytes = "squares-00000000", "squares-1", 0

    def __init__(self) -> None:
        self.asked: list[Prompts] = []

    def embed(self, image: Image) -> Embedding:
        raise NotImplementedError

    def segment(self, embedding: Embedding, prompts: Sequence[Prompts]) -> list[FoundMask]:
        self.asked += prompts
        return [self._found(embedding.size, prompt) for prompt in prompts]

    def _found(self, size: ImageSize, prompt: Prompts) -> FoundMask:
        pixels = np.zeros((size.height, size.width), bool)
        if prompt.box is not None:
            pixels[int(prompt.box.y1) : int(prompt.box.y2), int(prompt.box.x1) : int(prompt.box.x2)] = True
        for point in sorted(prompt.points, key=lambda point: not point.is_positive):
            x, y = int(point.x), int(point.y)
            left, top = x // SIDE * SIDE, y // SIDE * SIDE
            if point.is_positive:
                pixels[top : top + SIDE, left : left + SIDE] = True
            else:
                pixels[y : y + 2, x : x + 2] = False
        return FoundMask(Mask(0, 0, pixels), 0.9, np.ones((4 * GRID, 4 * GRID), np.float32))


class Holder:
    """Holds an engine, or the reason why there is none."""

    def __init__(self, engine: Squares) -> None:
        self._engine = engine
        self.error: ModelError | None = None

    def engine(self) -> Squares:
        if self.error is not None:
            raise self.error
        return self._engine

    def version(self) -> str:
        return "held-00000000"


class Pictures:
    """Embeddings of images of a size, in place of those of tasks."""

    def __init__(self) -> None:
        self.size = SIZE
        self.asked: list[object] = []

    def get(self, value: object, *, task_id: int | None) -> Embedding:
        self.asked.append(value)
        if value == "/gone.png":
            raise MediaError("missing", "It is gone.")
        return Embedding(np.zeros((4, GRID, GRID), np.float16), self.size)


class Ahead:
    """Notes what is to be encoded ahead."""

    def __init__(self) -> None:
        self.asked: list[tuple[int | None, int | None, str]] = []

    def ask(self, project_id: int | None, task: Task, control: ControlTag) -> None:
        self.asked.append((project_id, task.id, control.image_value))


class Page:
    """One annotator on one task: what is drawn there is answered by smart tools."""

    def __init__(self, redis: Redis) -> None:
        self.engine = Squares()
        self.holder = Holder(self.engine)
        self.pictures = Pictures()
        self.ahead = Ahead()
        self.task: dict[str, Any] = {"id": 4, "data": {"image": "/a.png"}, "drafts": []}
        self.output = "BrushLabels"
        self.tools = SmartTools(
            cast(SamHolder, self.holder),
            cast(TaskEmbeddings, self.pictures),
            Interactions(redis, seconds=300),
            cast(Prefetcher, self.ahead),
            metrics=Metrics(),
            polygon_points=20,
            min_area=0,
        )

    @property
    def xml(self) -> str:
        tags = "".join(
            f'<{kind} name="{name}" toName="image" {more}><Label value="Car"/><Label value="Dog"/></{kind}>'
            for kind, name, more in (
                ("KeyPointLabels", "click", 'smart="true"'),
                ("RectangleLabels", "frame", 'smart="true" sam_skip="true"'),
                (self.output, "mask", ""),
            )
        )
        return f'<View><Image name="image" value="$image"/>{tags}</View>'

    def draw(self, *regions: dict[str, Any], project: int | None = 1) -> Suggestion:
        return self.tools.suggest(self.task, {"result": list(regions)}, self.xml, project_id=project)

    def click(self, name: str, x: float, y: float, *, positive: bool = True, **more: Any) -> Suggestion:
        return self.draw(point(name, x, y, positive=positive, **more))


def point(
    name: str,
    x: float,
    y: float,
    *,
    positive: bool = True,
    label: str = "Car",
    shown: ImageSize = SIZE,
) -> dict[str, Any]:
    """A smart key point in percent of the image."""
    return _region("keypoint", name, {"x": x, "y": y, "width": 0.3}, label, shown, is_positive=positive)


def rectangle(name: str, x: float, y: float, *, shown: ImageSize = SIZE) -> dict[str, Any]:
    value = {"x": x, "y": y, "width": 10, "height": 20, "rotation": 0}
    return _region("rectangle", name, value, "Car", shown)


def _region(
    kind: str, name: str, value: dict[str, Any], label: str, shown: ImageSize, **more: Any
) -> dict[str, Any]:
    return {
        "id": name,
        "type": f"{kind}labels",
        "from_name": kind,
        "to_name": "image",
        "original_width": shown.width,
        "original_height": shown.height,
        "value": {**value, f"{kind}labels": [label]},
        **more,
    }


def pixels_of(suggestion: Suggestion) -> set[tuple[int, int]]:
    """Return the pixels of the mask, (x, y)."""
    region = suggestion.region
    assert region is not None and isinstance(region.geometry, Mask)
    ys, xs = np.nonzero(region.geometry.pixels)
    x, y = region.geometry.x, region.geometry.y
    return {(x + int(column), y + int(row)) for column, row in zip(xs, ys, strict=True)}


def id_of(suggestion: Suggestion) -> str:
    assert suggestion.region is not None
    return suggestion.region.id


def square(x: int, y: int) -> set[tuple[int, int]]:
    return {(column, row) for column in range(x, x + SIDE) for row in range(y, y + SIDE)}


@pytest.fixture
def redis(redis_address: str) -> Iterator[Redis]:
    with Redis.from_url(redis_address) as opened:
        opened.flushdb()
        yield opened


@pytest.fixture
def page(redis: Redis) -> Page:
    return Page(redis)


def test_click_is_answered_with_the_mask_of_its_label_and_the_engines_version(page: Page) -> None:
    found = page.click("a", 25, 50)
    assert found.region is not None and found.control is not None
    assert pixels_of(found) == square(40, 40)
    assert (found.region.label, found.region.score, found.region.size) == ("Car", 0.9, SIZE)
    assert (found.control.name, found.region.control) == ("mask", "mask")
    assert found.version == "squares-00000000"
    assert page.ahead.asked == [(1, 4, "$image")]


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(ImageSize(400, 200), id="larger"),
        pytest.param(ImageSize(50, 25), id="smaller"),
        pytest.param(ImageSize(67, 33), id="rounded"),
    ],
)
def test_prompts_on_a_copy_of_another_size_lie_where_they_are_on_the_image(
    page: Page, shown: ImageSize
) -> None:
    found = page.click("a", 25, 55, shown=shown)
    assert pixels_of(found) == square(40, 40)
    assert found.region is not None and found.region.size == SIZE
    boxed = page.draw(rectangle("r", 30, 40, shown=shown))
    box = page.engine.asked[-1].box
    assert box is not None and boxed.region is not None
    assert (box.x1, box.y1, box.x2, box.y2) == pytest.approx((60, 40, 80, 60))


def test_prompts_on_an_image_of_other_proportions_are_refused_in_words(page: Page) -> None:
    with pytest.raises(BadRequest, match=r"100 x 200 pixels.*200 x 100; expected the same proportions"):
        page.click("a", 25, 50, shown=ImageSize(100, 200))


def test_mask_is_not_refined_when_the_image_was_replaced_by_one_of_another_size(page: Page) -> None:
    first = page.click("a", 25, 50)
    page.pictures.size = ImageSize(400, 200)
    assert page.click("b", 25, 50, positive=False).region is None
    assert id_of(page.click("c", 25, 50)) != id_of(first)


def test_click_with_alt_takes_from_the_last_mask_in_its_place(page: Page) -> None:
    first = page.click("a", 25, 50)
    second = page.click("b", 26, 52, positive=False)
    assert id_of(second) == id_of(first)
    assert pixels_of(second) == square(40, 40) - {(x, y) for x in (52, 53) for y in (52, 53)}


def test_click_elsewhere_begins_another_region_and_costs_one_pass(page: Page) -> None:
    first = page.click("a", 25, 50)
    second = page.click("b", 75, 50)
    assert id_of(second) != id_of(first) and pixels_of(second) == square(140, 40)
    assert len(page.engine.asked) == 2


def test_annotator_goes_back_to_a_thing_drawn_before_the_last(page: Page) -> None:
    first, second = page.click("a", 25, 50), page.click("b", 75, 50)
    again = page.click("c", 26, 52, positive=False)
    assert id_of(again) == id_of(first) != id_of(second)
    assert id_of(page.click("d", 76, 50)) == id_of(second)


def test_labels_are_told_apart(page: Page) -> None:
    first = page.click("a", 25, 50)
    assert id_of(page.click("b", 25, 50, label="Dog")) != id_of(first)


def test_clearing_answers_with_nothing_and_forgets_what_stood_on_the_page(page: Page) -> None:
    first = page.click("a", 25, 50)
    other = page.click("n", 75, 50, label="Dog")
    page.click("o", 76, 52, positive=False, label="Dog")
    cleared = page.draw()
    assert (cleared.region, cleared.control, cleared.version) == (None, None, "held-00000000")
    again = page.click("p", 77, 54, positive=False, label="Dog")
    assert id_of(again) == id_of(other), "its first click was accepted"
    assert len(page.engine.asked[-1].points) == 2
    assert id_of(page.click("b", 26, 52, positive=False)) == id_of(first)


def test_moved_box_is_a_prompt_though_a_draft_holds_it_and_nothing_is_remembered(
    page: Page, redis: Redis
) -> None:
    page.draw(rectangle("r", 30, 40))
    redis.flushdb()
    page.task["drafts"] = [{"result": [rectangle("r", 30, 40)]}]
    assert pixels_of(page.draw(rectangle("r", 50, 40))) == square(100, 40)


def test_moved_box_keeps_its_region(page: Page) -> None:
    first = page.draw(rectangle("r", 30, 40))
    page.task["drafts"] = [{"result": [rectangle("r", 30, 40)]}]
    assert id_of(page.draw(rectangle("r", 50, 40))) == id_of(first)


def test_output_is_what_the_config_has(page: Page) -> None:
    page.output = "PolygonLabels"
    polygon = page.click("a", 25, 50)
    assert polygon.region is not None and isinstance(polygon.region.geometry, Polygon)
    page.output = "RectangleLabels"
    box = page.click("b", 75, 50)
    assert box.region is not None and box.region.geometry == Box(140, 40, 160, 60)


def test_second_project_with_another_config_is_answered_by_its_own(page: Page) -> None:
    first = page.click("a", 25, 50)
    page.output = "PolygonLabels"
    second = page.draw(point("b", 25, 50), project=2)
    assert second.region is not None and isinstance(second.region.geometry, Polygon)
    assert second.region.id != id_of(first)
    page.output = "BrushLabels"
    assert id_of(page.click("c", 26, 50)) == id_of(first)


def test_label_that_no_tag_takes_is_refused_before_the_image_is_had(page: Page) -> None:
    with pytest.raises(LabelConfigError, match="Cat"):
        page.click("a", 25, 50, label="Cat")
    assert page.pictures.asked == []


def test_image_or_model_that_cannot_be_had_is_said(page: Page) -> None:
    page.holder.error = ModelError("no weights")
    with pytest.raises(ModelError, match="no weights"):
        page.click("a", 25, 50)
    page.holder.error = None
    page.task["data"]["image"] = "/gone.png"
    with pytest.raises(MediaError, match="gone"):
        page.click("a", 25, 50)


def test_click_with_alt_and_nothing_to_take_from_is_answered_with_nothing(page: Page) -> None:
    found = page.click("a", 25, 50, positive=False)
    assert found.region is None and found.version == "squares-00000000"
    assert page.engine.asked == []


def test_config_is_read_once(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    page.click("a", 25, 50)
    monkeypatch.setattr("backend.sam.smart_tools.parse_label_config", None)
    assert page.click("b", 26, 50).region is not None


def test_opened_tasks_are_encoded_ahead_where_there_are_smart_tools(page: Page) -> None:
    tasks = [Task(5, {}), Task(6, {})]
    page.tools.prepare(tasks, page.xml, project_id=1)
    page.tools.prepare(tasks, page.xml.replace('smart="true"', ""), project_id=2)
    assert page.ahead.asked == [(1, 5, "$image"), (1, 6, "$image")]
