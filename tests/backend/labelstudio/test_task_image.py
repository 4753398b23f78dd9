"""The picture of a task, as people see it in the review table."""

from typing import Any

import pytest

from backend.labelstudio.label_config import parse_label_config
from backend.labelstudio.task_image import MAX_CHARS, task_image
from tests.backend.label_configs import BOXES


@pytest.mark.parametrize(
    ("data", "image"),
    [
        pytest.param({"text": "a", "image": "/data/1.jpg"}, "/data/1.jpg", id="field of the tag"),
        pytest.param({"text": "a", "picture": "/data/1.jpg"}, "a", id="first text without the field"),
        pytest.param({"image": 5}, None, id="no text"),
        pytest.param({}, None, id="no data"),
        pytest.param({"image": "a\x00b\ud800"}, "a?b?", id="what no database holds"),
    ],
)
def test_image_is_named(data: dict[str, Any], image: str | None) -> None:
    assert task_image(data, parse_label_config(BOXES)) == image


def test_picture_within_its_address_is_cut() -> None:
    found = task_image({"image": "data:image/png;base64," + "A" * 5000}, parse_label_config(BOXES))
    assert found is not None and len(found) == MAX_CHARS
