"""The scripted annotator changes what is wrong, and only that."""

from typing import Any

import pytest

from backend.entities import Box, ImageSize, Region
from backend.labelstudio.annotated_regions import read_regions
from backend.labelstudio.label_config import parse_label_config
from backend.labelstudio.results import region_to_json
from demo.annotator import Effort, correct, seed_of
from demo.project import LABEL_CONFIG
from demo.scenes import Scene, draw_scene

(CONTROL,) = parse_label_config(LABEL_CONFIG)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return next(scene for seed in range(20) if len((scene := draw_scene(seed)).objects) >= 3)


def shown(scene: Scene) -> list[dict[str, Any]]:
    """Return a prediction that is right in all."""
    size = ImageSize(*scene.size)
    return [
        region_to_json(Region(f"r{n}", "label", o.label, 0.8, Box(*o.box), size), CONTROL)
        for n, o in enumerate(scene.objects)
    ]


def boxes(result: list[dict[str, Any]]) -> list[tuple[str, list[int]]]:
    found = []
    for region in read_regions(result).regions:
        assert isinstance(region.geometry, Box)
        box = region.geometry
        found.append((region.label, [round(value) for value in (box.x1, box.y1, box.x2, box.y2)]))
    return sorted(found)


def truth(scene: Scene) -> list[tuple[str, list[int]]]:
    return sorted((o.label, [round(value) for value in o.box]) for o in scene.objects)


def test_right_prediction_is_left_as_it_is(scene: Scene) -> None:
    corrected = correct(scene, shown(scene))
    assert corrected.result == shown(scene)
    assert (corrected.changes, corrected.objects) == (0, len(scene.objects))


def test_without_a_prediction_everything_is_drawn(scene: Scene) -> None:
    corrected = correct(scene, [])
    assert boxes(corrected.result) == truth(scene) and corrected.changes == len(scene.objects)


@pytest.mark.parametrize(
    ("key", "value", "keeps_id"),
    [
        pytest.param("x", 0.0, False, id="a box elsewhere is deleted, and the thing drawn"),
        pytest.param("rectanglelabels", ["other"], True, id="a wrong label is renamed"),
    ],
)
def test_wrong_region_is_put_right(scene: Scene, key: str, value: Any, keeps_id: bool) -> None:
    wrong = shown(scene)
    if key == "x":
        wrong[0]["value"] |= {"x": 0.0, "y": 0.0, "width": 1.0, "height": 1.0}
    else:
        wrong[0]["value"][key] = value
    corrected = correct(scene, wrong)
    assert boxes(corrected.result) == truth(scene)
    assert ("r0" in {item["id"] for item in corrected.result}) == keeps_id
    assert corrected.changes == (1 if keeps_id else 2)
    assert corrected.objects == len(scene.objects) + (0 if keeps_id else 1)


def test_effort_is_the_share_of_objects_that_were_changed() -> None:
    assert Effort(pictures=2, changes=3, objects=12).share == 0.25
    assert Effort().share == 0


def test_seed_is_that_of_the_uploaded_file() -> None:
    assert seed_of("/data/upload/3/1a2b3c4d-scene_3000017.jpg") == 3000017
    with pytest.raises(ValueError, match="no sample scene"):
        seed_of("/data/upload/3/cat.jpg")
