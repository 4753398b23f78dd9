"""Projects that SAM serves: with smart tools alone, or with masks of a model's boxes."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from backend.errors import LabelConfigError, ModelError
from backend.inference.checkpoint import Checkpoint, ServedChampion
from backend.inference.manager import ModelManager
from backend.inference.plan import UNTRAINED, Planner
from tests.backend.engines import FixedEngine
from tests.backend.label_configs import BOXES

SAM = "mobile_sam-6dbb9052"
MakePlanner = Callable[..., Planner]


@pytest.fixture
def make_planner(tiny_weights: Path, tmp_path: Path) -> Iterator[MakePlanner]:
    with closing(ModelManager(FixedEngine, max_batch=1, max_bytes=2**30)) as manager:

        def make(weights: str = str(tiny_weights), **given: object) -> Planner:
            common = {"models_path": tmp_path, "score_threshold": 0.25, "sam_version": lambda: SAM}
            return Planner(manager, default_weights=weights, **common | given)  # type: ignore[arg-type]

        yield make


def tag(kind: str, name: str, label: str, attributes: str = "") -> str:
    return f'<{kind} name="{name}" toName="image" {attributes}><Label value="{label}"/></{kind}>'


def config(*tags: str) -> str:
    return f'<View><Image name="image" value="$image"/>{"".join(tags)}</View>'


def smart(label: str, kind: str = "KeyPointLabels") -> str:
    own = ' model_skip="true"' if kind == "RectangleLabels" else ""
    return tag(kind, kind, label, f'smart="true"{own}')


SMART_ALONE = config(tag("BrushLabels", "mask", "Car"), smart("Car"), smart("Car", "RectangleLabels"))
FROM_BOXES = 'sam_from_boxes="true"'


def test_project_with_smart_tools_alone_is_served_by_sam(make_planner: MakePlanner) -> None:
    plan = make_planner().plan(SMART_ALONE)
    assert (plan.tags, plan.version, plan.checkpoints) == ((), SAM, ())
    assert not plan.is_for_training
    with pytest.raises(ModelError, match="There is nothing to pre-label"):
        plan.check_is_trained()


def test_boxes_are_pre_labels_also_where_prompts_are_drawn_with_them(
    make_planner: MakePlanner, tiny_checkpoint: Checkpoint
) -> None:
    xml = config(tag("RectangleLabels", "box", "Car", 'smart="true"'), tag("BrushLabels", "mask", "Car"))
    plan = make_planner().plan(xml)
    assert (list(plan.controls), plan.version) == (["box"], tiny_checkpoint.version)


def test_smart_tools_do_not_need_the_default_weights(make_planner: MakePlanner) -> None:
    assert make_planner("gone.pt").plan(SMART_ALONE).version == SAM


def test_same_tags_without_smart_tools_are_refused(make_planner: MakePlanner) -> None:
    with pytest.raises(LabelConfigError):
        make_planner().plan(config(tag("BrushLabels", "mask", "Car"), tag("KeyPointLabels", "k", "Car")))


def test_project_with_pre_labels_beside_smart_tools_goes_by_its_models_version(
    make_planner: MakePlanner, tiny_checkpoint: Checkpoint
) -> None:
    xml = config(tag("RectangleLabels", "box", "Car"), tag("BrushLabels", "mask", "Car"), smart("Car"))
    plan = make_planner().plan(xml)
    assert (list(plan.controls), plan.version) == (["box"], tiny_checkpoint.version)
    assert plan.is_for_training


def test_labels_to_be_learnt_go_before_smart_tools(make_planner: MakePlanner) -> None:
    xml = config(tag("BrushLabels", "mask", "Zebra", 'model_train="true"'), smart("Zebra"))
    plan = make_planner().plan(xml)
    assert plan.version == UNTRAINED and plan.is_for_training


def test_missing_sam_is_told_where_it_must_serve(make_planner: MakePlanner) -> None:
    def missing() -> str:
        raise ModelError("mobile_sam.pt is not there")

    planner = make_planner(sam_version=missing)
    for xml in (SMART_ALONE, config(tag("BrushLabels", "mask", "Car", FROM_BOXES))):
        with pytest.raises(ModelError, match="not there"):
            planner.plan(xml)
    assert planner.plan(BOXES).version


@pytest.mark.parametrize("kind", ["BrushLabels", "PolygonLabels"])
def test_boxes_fill_a_tag_of_masks_and_the_version_names_both_models(
    make_planner: MakePlanner, tiny_checkpoint: Checkpoint, kind: str
) -> None:
    plan = make_planner().plan(config(tag(kind, "mask", "Car", FROM_BOXES), smart("Car", "RectangleLabels")))
    assert list(plan.controls) == ["mask"] and plan.version.endswith(f"+{SAM}")
    assert plan.version == f"{tiny_checkpoint.version}+{SAM}"
    assert plan.checkpoints == (tiny_checkpoint,)


def test_sam_is_named_once_and_last(make_planner: MakePlanner, tiny_checkpoint: Checkpoint) -> None:
    masks = [tag(kind, kind, "Car", FROM_BOXES) for kind in ("BrushLabels", "PolygonLabels")]
    plan = make_planner().plan(config(*masks, tag("RectangleLabels", "box", "Car")))
    assert plan.version == f"{tiny_checkpoint.version}+{SAM}"


def test_champion_for_boxes_fills_the_tag_that_it_was_trained_for(
    make_planner: MakePlanner, tiny_checkpoint: Checkpoint
) -> None:
    planner = make_planner("gone.pt", champion_of=lambda _: ServedChampion(tiny_checkpoint, ("mask",)))
    plan = planner.plan(config(tag("BrushLabels", "mask", "Car", FROM_BOXES)), 7)
    assert plan.tags[0].checkpoint == tiny_checkpoint
    assert plan.version == f"{tiny_checkpoint.version}+{SAM}"


def test_wish_for_masks_of_boxes_that_is_no_yes_or_no_is_refused(make_planner: MakePlanner) -> None:
    with pytest.raises(LabelConfigError, match='sam_from_boxes="perhaps"'):
        make_planner().plan(config(tag("BrushLabels", "mask", "Car", 'sam_from_boxes="perhaps"')))


@pytest.mark.parametrize(
    "tags",
    [
        pytest.param((tag("RectangleLabels", "box", "Car"), tag("BrushLabels", "mask", "Car")), id="boxes"),
        pytest.param((tag("BrushLabels", "mask", "Car", FROM_BOXES),), id="masks of boxes"),
        pytest.param((tag("BrushLabels", "mask", "Car", 'model_train="true"'),), id="to be trained"),
    ],
)
def test_weights_that_are_away_are_told_beside_smart_tools_where_a_tag_waits_for_them(
    make_planner: MakePlanner, tags: tuple[str, ...]
) -> None:
    with pytest.raises(ModelError, match=r"gone\.pt"):
        make_planner("gone.pt").plan(config(*tags, smart("Car")))


def test_what_models_fill_is_told_without_a_sam(make_planner: MakePlanner) -> None:
    def missing() -> str:
        raise ModelError("mobile_sam.pt is not there")

    planner = make_planner(sam_version=missing)
    [filled] = planner.tags(config(tag("BrushLabels", "mask", "Car", FROM_BOXES)))
    assert filled.control.name == "mask" and planner.tags(SMART_ALONE) == ()
