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

KINDS = {
    "masks": "SegmentationModel",
    "turned": "OBBModel",
    "poses": "PoseModel",
    "classes": "ClassificationModel",
}


@pytest.fixture
def models(tmp_path: Path, quiet_ultralytics: None) -> Path:
    """A folder of weights: for boats, and one that says it is of each other task."""
    folder = tmp_path / "models"
    save_tiny_weights(folder / "boats.pt", classes=("boat",), seed=3)
    for name, kind in KINDS.items():
        write(folder / f"{name}.pt", saved(entry=model(kind)))
    return folder


@pytest.fixture
def planner(tiny_weights: Path, models: Path) -> Iterator[Planner]:
    with closing(ModelManager(FixedEngine, max_batch=1, max_bytes=2**30)) as manager:
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


def of_kind(kind: str, attributes: str, item: str = '<Label value="Car"/>') -> str:
    return f'<{kind} name="{kind}" toName="image" {attributes}>{item}</{kind}>'


def test_every_kind_of_tag_gets_the_model_that_fits_it(planner: Planner) -> None:
    plan = planner.plan(
        config(
            of_kind("RectangleLabels", 'model_obb="true" model_path="turned.pt"'),
            of_kind("PolygonLabels", 'model_path="masks.pt"'),
            of_kind("BrushLabels", 'model_path="masks.pt"'),
            of_kind("KeyPointLabels", 'model_path="poses.pt"', '<Label value="Nose" model_index="0"/>'),
            of_kind("Choices", 'model_path="classes.pt"', '<Choice value="Car"/>'),
        )
    )
    assert [filled.checkpoint.task for filled in plan.tags] == [
        "obb",
        "segment",
        "segment",
        "pose",
        "classify",
    ]
    assert plan.tags[3].points == {"car": {0: "Nose"}} and plan.tags[3].label_map == {}
    assert len(plan.checkpoints) == 4 and plan.version.count("+") == 3


@pytest.mark.parametrize(
    ("kind", "attributes", "item"),
    [
        pytest.param("RectangleLabels", 'model_path="turned.pt"', None, id="rotated boxes unasked"),
        pytest.param(
            "RectangleLabels", 'model_obb="true" model_path="masks.pt"', None, id="boxes not rotated"
        ),
        pytest.param("PolygonLabels", 'model_path="poses.pt"', None, id="key points as polygons"),
        pytest.param("Choices", 'model_path="masks.pt"', '<Choice value="Car"/>', id="masks as classes"),
        pytest.param("KeyPointLabels", 'model_path="poses.pt"', None, id="key points without numbers"),
        pytest.param("BrushLabels", 'model_path="masks.pt"', '<Label value="Zebra"/>', id="no common label"),
    ],
)
def test_tag_that_names_weights_must_fit_them(
    planner: Planner, kind: str, attributes: str, item: str | None
) -> None:
    named = of_kind(kind, attributes, item or '<Label value="Car"/>')
    with pytest.raises(LabelConfigError, match=f'name="{kind}"'):
        planner.plan(config(tag("fine", "Car"), named))


def test_tags_for_people_alone_are_left_to_them(planner: Planner) -> None:
    people = of_kind("Choices", "", '<Choice value="blurred"/>')
    plan = planner.plan(config(tag("a", "Car"), tag("b", "Scratch"), of_kind("PolygonLabels", ""), people))
    assert list(plan.controls) == ["a"]


def test_default_weights_may_be_missing_where_every_filled_tag_names_its_own(
    models: Path, tiny_weights: Path
) -> None:
    with closing(ModelManager(FixedEngine, max_batch=1, max_bytes=2**30)) as manager:
        planner = Planner(manager, models_path=models, default_weights="gone.pt", score_threshold=0.25)
        people = of_kind("Choices", "", '<Choice value="blurred"/>')
        boats = tag("b", "Boat", 'model_path="boats.pt"')
        assert list(planner.plan(config(boats, people)).controls) == ["b"]
        with pytest.raises(ModelError, match="gone.pt"):
            planner.plan(config(people))


def test_refusal_offers_a_tag_for_the_default_model(models: Path) -> None:
    with closing(ModelManager(FixedEngine, max_batch=1, max_bytes=2**30)) as manager:
        planner = Planner(manager, models_path=models, default_weights="turned.pt", score_threshold=0.25)
        with pytest.raises(LabelConfigError, match='model_obb="true"'):
            planner.plan(BOXES)


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
        pytest.param(config(tag("a", "Car", 'model_path="classes.pt"')), id="model of another task"),
        pytest.param(config(tag("a", "Car", 'model_point_threshold="2"')), id="point threshold over 1"),
        pytest.param(config(tag("a", "Car", 'model_point_size="big"')), id="point size that is no number"),
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
