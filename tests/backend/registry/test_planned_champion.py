"""Which tags a project's champion fills, and what a project is told whose labels no model knows."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from backend.errors import LabelConfigError, ModelError
from backend.inference.checkpoint import Checkpoint, ServedChampion, read_checkpoint
from backend.inference.manager import ModelManager
from backend.inference.plan import UNTRAINED, Planner
from tests.backend.engines import FixedEngine
from tests.backend.inference.test_checkpoint import model, saved, write
from tests.backend.registry.makers import PROJECT
from tests.backend.tiny_model import save_tiny_weights


@pytest.fixture(scope="session")
def lions(quiet_ultralytics: None, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """A champion's weights, outside the folder of weights, that know lions and cars."""
    path = tmp_path_factory.mktemp("lions") / "project-7-v1.pt"
    return read_checkpoint(save_tiny_weights(path, classes=("Lion", "Car"), seed=5))


@pytest.fixture
def make_planner(tiny_weights: Path, tmp_path: Path) -> Iterator[Callable[..., Planner]]:
    """Make a planner whose project 7 has a champion, if one is given."""
    with closing(ModelManager(FixedEngine, max_batch=1, max_bytes=2**30)) as manager:

        def make(champion: ServedChampion | None = None, weights: str = str(tiny_weights)) -> Planner:
            return Planner(
                manager,
                models_path=tmp_path,
                default_weights=weights,
                score_threshold=0.25,
                champion_of=lambda project_id: champion if project_id == PROJECT else None,
            )

        yield make


def tag(name: str, label: str, attributes: str = "", *, predicted: str = "") -> str:
    labels = f'<Label value="{label}" predicted_values="{predicted}"/>'
    return f'<RectangleLabels name="{name}" toName="image" {attributes}>{labels}</RectangleLabels>'


def config(*tags: str) -> str:
    return f'<View><Image name="image" value="$image"/>{"".join(tags)}</View>'


def test_champion_fills_its_tags_and_the_settings_the_others(
    make_planner: Callable[..., Planner], lions: Checkpoint, tiny_checkpoint: Checkpoint
) -> None:
    planner = make_planner(ServedChampion(lions, ("a", "b")))
    xml = config(tag("a", "Lion"), tag("b", "Car"), tag("c", "Car"))
    plan = planner.plan(xml, PROJECT)
    assert [(each.control.name, each.checkpoint) for each in plan.tags] == [
        ("a", lions),
        ("b", lions),
        ("c", tiny_checkpoint),
    ]
    assert plan.version == f"{lions.version}+{tiny_checkpoint.version}"


def test_other_projects_and_configs_without_a_project_get_none_of_it(
    make_planner: Callable[..., Planner], lions: Checkpoint, tiny_checkpoint: Checkpoint
) -> None:
    planner = make_planner(ServedChampion(lions, ("a",)))
    for project_id in (8, None):
        assert planner.plan(config(tag("a", "Car")), project_id).version == tiny_checkpoint.version


def test_champion_goes_before_the_weights_that_its_tag_names(
    make_planner: Callable[..., Planner], lions: Checkpoint
) -> None:
    planner = make_planner(ServedChampion(lions, ("a",)))
    assert planner.plan(config(tag("a", "Lion", 'model_path="gone.pt"')), PROJECT).version == lions.version


@pytest.mark.parametrize(
    "xml",
    [
        pytest.param(config(tag("a", "Car", 'model_obb="true"'), tag("b", "Car")), id="of another task"),
        pytest.param(config(tag("a", "Person"), tag("b", "Car")), id="without a common label"),
        pytest.param(config(tag("a", "Lion", 'model_skip="true"'), tag("b", "Car")), id="skipped"),
        pytest.param(
            config(tag("a", "Big cat", predicted="Lion"), tag("b", "Car")), id="whose label was renamed since"
        ),
    ],
)
def test_champion_does_not_fill_a_tag_that_it_does_not_fit(
    make_planner: Callable[..., Planner], lions: Checkpoint, tiny_checkpoint: Checkpoint, xml: str
) -> None:
    planner = make_planner(ServedChampion(lions, ("a",)))
    assert planner.plan(xml, PROJECT).version == tiny_checkpoint.version


def test_trained_class_is_its_label_whatever_predicted_values_say(
    make_planner: Callable[..., Planner], lions: Checkpoint
) -> None:
    labels = '<Label value="Car" predicted_values="car,lion"/><Label value="Lion"/>'
    both = f'<RectangleLabels name="a" toName="image">{labels}</RectangleLabels>'
    planner = make_planner(ServedChampion(lions, ("a", "b")))
    [first, second] = planner.plan(config(both, tag("b", "Car", predicted="Lion")), PROJECT).tags
    assert first.label_map == {"Lion": "Lion", "Car": "Car"}
    assert second.label_map == {"Car": "Car"}


def test_trained_pose_has_its_key_points_whatever_class_they_were_of_before(
    make_planner: Callable[..., Planner], tmp_path: Path
) -> None:
    names = {0: "Human", 1: "Dog"}
    weights = write(tmp_path / "project-7-v1.pt", saved(entry=model("PoseModel", names)))
    xml = config(
        tag("a", "Human", predicted="person"),
        '<KeyPointLabels name="point" toName="image">'
        '<Label value="nose" predicted_values="person" model_index="0"/></KeyPointLabels>',
    )
    planner = make_planner(ServedChampion(read_checkpoint(weights), ("a", "point")))
    [boxes, points] = planner.plan(xml, PROJECT).tags
    assert boxes.label_map == {"Human": "Human"}
    assert points.points == {"Human": {0: "nose"}, "Dog": {0: "nose"}} and points.label_map == {}


def test_default_weights_may_be_missing_where_the_champion_fills_all(
    make_planner: Callable[..., Planner], lions: Checkpoint
) -> None:
    planner = make_planner(ServedChampion(lions, ("a",)), weights="gone.pt")
    assert planner.plan(config(tag("a", "Lion"), tag("b", "Zebra")), PROJECT).version == lions.version


def test_tag_to_be_trained_may_have_labels_that_no_model_knows(
    make_planner: Callable[..., Planner], tiny_checkpoint: Checkpoint
) -> None:
    plan = make_planner().plan(config(tag("a", "Lion", 'model_train="true"'), tag("b", "Car")), PROJECT)
    assert list(plan.controls) == ["b"] and plan.version == tiny_checkpoint.version


def test_project_whose_only_tag_is_to_be_trained_is_untrained(make_planner: Callable[..., Planner]) -> None:
    plan = make_planner().plan(config(tag("a", "Lion", 'model_train="true"')), PROJECT)
    assert (plan.tags, plan.version, plan.checkpoints, plan.controls) == ((), UNTRAINED, (), {})
    with pytest.raises(ModelError, match="Nothing is trained yet"):
        plan.check_is_trained()


def test_tag_to_be_trained_from_weights_that_it_names_needs_no_label_of_theirs(
    make_planner: Callable[..., Planner], tiny_weights: Path, tmp_path: Path
) -> None:
    (tmp_path / "named.pt").write_bytes(tiny_weights.read_bytes())
    attributes = 'model_path="named.pt" model_train="true"'
    planner = make_planner()
    assert planner.plan(config(tag("a", "Lion", attributes))).version == UNTRAINED
    with pytest.raises(LabelConfigError, match='Add model_train="true" to the tag'):
        planner.plan(config(tag("a", "Lion", 'model_path="named.pt"')))


def test_tag_to_be_trained_is_filled_by_its_champion(
    make_planner: Callable[..., Planner], lions: Checkpoint
) -> None:
    planner = make_planner(ServedChampion(lions, ("a",)))
    assert planner.plan(config(tag("a", "Lion", 'model_train="true"')), PROJECT).version == lions.version


def test_refusal_offers_to_train(make_planner: Callable[..., Planner]) -> None:
    with pytest.raises(LabelConfigError, match="annotate some images, and a model is trained on them"):
        make_planner().plan(config(tag("a", "Lion")))


def test_training_wish_that_is_no_yes_or_no_is_refused(make_planner: Callable[..., Planner]) -> None:
    with pytest.raises(LabelConfigError, match='model_train="perhaps"'):
        make_planner().plan(config(tag("a", "Car", 'model_train="perhaps"')))
