"""From a labeling config to what must be run."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from backend.errors import LabelConfigError, ModelError
from backend.inference.checkpoint import Checkpoint
from backend.inference.manager import ModelManager
from backend.inference.plan import Planner
from tests.backend.engines import FixedEngine
from tests.backend.inference.test_checkpoint import model, saved, write
from tests.backend.label_configs import BOXES, NO_BOXES, NO_COMMON_LABEL
from tests.backend.tiny_model import save_tiny_weights


@pytest.fixture
def models(tmp_path: Path, quiet_ultralytics: None) -> Path:
    """A folder of weights: for boats, and for something else than boxes."""
    folder = tmp_path / "models"
    save_tiny_weights(folder / "boats.pt", classes=("boat",), seed=3)
    write(folder / "masks.pt", saved(entry=model("SegmentationModel")))
    return folder


@pytest.fixture
def planner(tiny_weights: Path, models: Path) -> Iterator[Planner]:
    with closing(ModelManager(FixedEngine, max_batch=1)) as manager:
        yield Planner(manager, models_path=models, default_weights=str(tiny_weights), score_threshold=0.25)


def tag(name: str, labels: str, attributes: str = "") -> str:
    items = "".join(f'<Label value="{label}"/>' for label in labels.split(","))
    return f'<RectangleLabels name="{name}" toName="image" {attributes}>{items}</RectangleLabels>'


def config(*tags: str) -> str:
    return f'<View><Image name="image" value="$image"/>{"".join(tags)}</View>'


def test_plan_names_weights_labels_and_threshold(planner: Planner, tiny_checkpoint: Checkpoint) -> None:
    plan = planner.plan(BOXES)
    assert plan.version == tiny_checkpoint.version
    assert list(plan.controls) == ["label"]
    [filled] = plan.tags
    assert (filled.checkpoint, filled.threshold) == (tiny_checkpoint, 0.25)
    assert filled.label_map == {"car": "Car", "person": "Person"}


def test_tags_may_name_weights_and_thresholds_of_their_own(
    planner: Planner, tiny_checkpoint: Checkpoint
) -> None:
    attributes = 'model_path="boats.pt" model_score_threshold="0.05"'
    plan = planner.plan(config(tag("a", "Car"), tag("b", "Boat", attributes)))
    assert [filled.label_map for filled in plan.tags] == [{"car": "Car"}, {"boat": "Boat"}]
    assert [filled.threshold for filled in plan.tags] == [0.25, 0.05]
    assert plan.threshold == 0.05
    boats = plan.tags[1].checkpoint.version
    assert boats.startswith("boats-") and plan.version == f"{tiny_checkpoint.version}+{boats}"


def test_two_tags_of_one_model_have_its_one_version(planner: Planner, tiny_checkpoint: Checkpoint) -> None:
    assert planner.plan(config(tag("a", "Car"), tag("b", "Person"))).version == tiny_checkpoint.version


def test_skipped_tag_is_left_alone(planner: Planner) -> None:
    plan = planner.plan(config(tag("a", "Car"), tag("b", "Zebra", 'model_skip="true"')))
    assert list(plan.controls) == ["a"]


@pytest.mark.parametrize(
    "xml",
    [
        pytest.param(NO_BOXES, id="no boxes"),
        pytest.param(NO_COMMON_LABEL.replace("&", "&amp;"), id="no common label"),
        pytest.param(config(tag("a", "Car", 'model_skip="true"')), id="all skipped"),
        pytest.param(config(tag("a", "Car", 'model_skip="perhaps"')), id="skip perhaps"),
        pytest.param(config(tag("a", "Car", 'model_score_threshold="2"')), id="threshold over 1"),
        pytest.param(config(tag("a", "Car", 'model_path="masks.pt"')), id="model of another task"),
    ],
)
def test_config_that_cannot_work_is_refused(planner: Planner, xml: str) -> None:
    with pytest.raises(LabelConfigError):
        planner.plan(xml)


@pytest.mark.parametrize("path", ["gone.pt", "../outside.pt", "/etc/passwd", "x" * 300, "."])
def test_weights_that_cannot_be_had_are_a_model_error(planner: Planner, path: str) -> None:
    with pytest.raises(ModelError):
        planner.plan(config(tag("a", "Car", f'model_path="{path}"')))


def test_version_follows_the_files_content(planner: Planner, models: Path, tiny_weights: Path) -> None:
    xml = config(tag("a", "Car,Boat", 'model_path="boats.pt"'))
    before = planner.plan(xml).version
    shutil.copy(tiny_weights, models / "boats.pt")
    assert planner.plan(xml).version != before
