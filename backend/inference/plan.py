"""From a labeling config to what must be run: which weights fill which tag, as which labels."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from backend.entities import ControlTag
from backend.errors import LabelConfigError, ModelError
from backend.inference.checkpoint import Checkpoint, ServedChampion
from backend.inference.manager import ModelManager
from backend.inference.weights import resolve_weights
from backend.labelstudio import label_config
from backend.labelstudio.label_config_advice import no_common_label, nothing_to_fill
from backend.sam.output import has_smart_tools, prompt_outputs, tags_to_fill

# The version of predictions for a project whose labels no model knows yet.
UNTRAINED = "untrained"
_NOTHING_TRAINED = (
    'Nothing is trained yet: no model knows the labels of the tags with model_train="true". '
    "Annotate some images; a model is then trained on them, and predicts the rest."
)
_SMART_TOOLS_ALONE = (
    "There is nothing to pre-label: no YOLO model finds what the project's tags hold. Its smart tools answer "
    "on the labelling page all the same. For pre-labels name a model's class on a label with "
    'predicted_values, or add model_train="true" to the tag that a model is to be trained for.'
)


@dataclass(frozen=True, slots=True)
class TagPlan:
    """What fills one control tag: which weights, which classes as which labels, from which score on.

    `points` are labels by class and number of the key point; a tag has them or a `label_map`.
    """

    control: ControlTag
    checkpoint: Checkpoint
    label_map: Mapping[str, str]
    points: Mapping[str, Mapping[int, str]]
    threshold: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What a labeling config asks for. `version` is the string in `/setup` and in every prediction.

    Without any tag nothing is predicted: the labels are yet to be learnt from annotations, or the project has
    smart tools alone.
    """

    tags: tuple[TagPlan, ...]
    version: str

    @property
    def controls(self) -> dict[str, ControlTag]:
        """Control tags by name."""
        return {tag.control.name: tag.control for tag in self.tags}

    @property
    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """The weights in use, each once."""
        return tuple({tag.checkpoint.digest: tag.checkpoint for tag in self.tags}.values())

    @property
    def threshold(self) -> float:
        """The lowest score that any tag shows; 1 without tags."""
        return min((tag.threshold for tag in self.tags), default=1.0)

    @property
    def is_for_training(self) -> bool:
        """Whether a model is to be trained for the project: not where it has smart tools alone."""
        return bool(self.tags) or self.version == UNTRAINED

    def check_is_trained(self) -> None:
        """Make sure that there is something to predict.

        Raises:
            ModelError: there is not.
        """
        if not self.tags:
            raise ModelError(_NOTHING_TRAINED if self.version == UNTRAINED else _SMART_TOOLS_ALONE)


def _no_sam() -> str:
    raise ModelError("No SAM serves this process, and the labeling config asks for one.")


class Planner:
    """Makes plans; reads weights files, loads none.

    Args:
        manager: Knows what weights files say of themselves.
        models_path: Folder of model weights.
        default_weights: File or name for tags without `model_path`.
        score_threshold: Lowest shown score for tags that set none, in [0, 1].
        champion_of: Tells which trained version serves a project.
        sam_version: Names the SAM that makes masks; raises ModelError where there is none.
    """

    def __init__(
        self,
        manager: ModelManager,
        *,
        models_path: Path,
        default_weights: str,
        score_threshold: float,
        champion_of: Callable[[int | None], ServedChampion | None] = lambda _: None,
        sam_version: Callable[[], str] = _no_sam,
    ) -> None:
        self._manager = manager
        self._models_path = models_path
        self._default_weights = default_weights
        self._score_threshold = score_threshold
        self._champion_of = champion_of
        self._sam_version = sam_version

    @property
    def default_path(self) -> Path:
        """Path of the weights for tags that name none; need not exist."""
        return resolve_weights(self._default_weights, self._models_path, confined=False)

    def plan(self, xml: str, project_id: int | None = None) -> Plan:
        """Return what the labeling config asks for: milliseconds, no weights are loaded.

        The project's champion fills the tags that it was trained for. Of the others, one that names weights
        must fit them, and the rest gets what the default weights find for it; where that is nothing it is
        left to people, as long as some tag of the config is filled. One with `model_train` always may be, and
        all may be where there are smart tools: SAM serves the project then, and its name is the version.

        Args:
            xml: The labeling config.
            project_id: Label Studio's project; None: as for a project that nothing was trained for.

        Raises:
            LabelConfigError: the config cannot work; names labels, classes, and the XML line that would.
            ModelError: weights are missing, corrupt or foreign.
            DatabaseUnavailable: the project's champion cannot be looked up.
        """
        controls = label_config.parse_label_config(xml)
        tags = self._tags(controls, project_id)
        if tags:
            return self._joined(tags)
        fillable = tags_to_fill(controls)
        if any(_is_to_be_trained(control) for control in fillable):
            return Plan(tags=(), version=UNTRAINED)
        if has_smart_tools(controls):
            return Plan(tags=(), version=self._sam_version())
        others = [control for control in fillable if not control.attributes.get("model_path")]
        raise LabelConfigError(self._why_nothing(controls, others))

    def tags(self, xml: str, project_id: int | None = None) -> tuple[TagPlan, ...]:
        """Return what models fill, as `plan` does, where SAM and the version's name do not matter."""
        return self._tags(label_config.parse_label_config(xml), project_id)

    def _tags(self, controls: Sequence[ControlTag], project_id: int | None) -> tuple[TagPlan, ...]:
        fillable = tags_to_fill(controls)
        tags = self._by_champion(fillable, project_id)
        for control in fillable:
            if control.name not in tags and control.attributes.get("model_path"):
                tag = self._named(control, may_be_left=_is_to_be_trained(control))
                tags |= {control.name: tag} if tag is not None else {}
        others = [c for c in fillable if c.name not in tags and not c.attributes.get("model_path")]
        # Where SAM makes what a tag holds, no model need do so; what nobody else fills waits for its model,
        # or the predictions would be stored without it.
        is_needed = not tags and not all(_is_left_to_sam(control, controls) for control in others)
        tags |= self._by_default(others, is_needed=is_needed)
        return tuple(tags[control.name] for control in fillable if control.name in tags)

    def _joined(self, tags: tuple[TagPlan, ...]) -> Plan:
        versions = [tag.checkpoint.version for tag in tags]
        if any(label_config.takes_masks_of_boxes(tag.control) for tag in tags):
            versions.append(self._sam_version())  # another SAM makes other masks of the same boxes
        return Plan(tags, version="+".join(dict.fromkeys(versions)))

    def _by_champion(self, controls: Sequence[ControlTag], project_id: int | None) -> dict[str, TagPlan]:
        champion = self._champion_of(project_id)
        if champion is None:
            return {}
        named = [control for control in controls if control.name in champion.controls]
        # Its classes are the labels that it was trained on: what other weights call them means nothing to it.
        tags = self._fitting([replace(each, predicted_values={}) for each in named], champion.checkpoint)
        return {each.name: replace(tags[each.name], control=each) for each in named if each.name in tags}

    def _named(self, control: ControlTag, *, may_be_left: bool) -> TagPlan | None:
        path = resolve_weights(control.attributes["model_path"], self._models_path, confined=True)
        checkpoint = self._manager.checkpoint(path)
        tasks = label_config.model_tasks(control)
        if checkpoint.task not in tasks:
            raise LabelConfigError(
                f'<{control.type} name="{control.name}"> needs a model for {" or ".join(tasks)}, but '
                f"{path.name} is one for {checkpoint.task}. Name another file in model_path, or set "
                'model_skip="true".'
            )
        tag = self._tag(control, checkpoint)
        if tag is None and not may_be_left:
            raise LabelConfigError(no_common_label(control, checkpoint.class_names, path.name))
        return tag

    def _by_default(self, controls: Sequence[ControlTag], *, is_needed: bool) -> dict[str, TagPlan]:
        if not controls:
            return {}
        try:
            checkpoint = self._manager.checkpoint(self.default_path)
        except ModelError:
            if is_needed:
                raise
            return {}
        return self._fitting(controls, checkpoint)

    def _fitting(self, controls: Sequence[ControlTag], checkpoint: Checkpoint) -> dict[str, TagPlan]:
        """Return plans for those tags that the model finds something for."""
        fitting = [c for c in controls if checkpoint.task in label_config.model_tasks(c)]
        return {c.name: tag for c in fitting if (tag := self._tag(c, checkpoint)) is not None}

    def _tag(self, control: ControlTag, checkpoint: Checkpoint) -> TagPlan | None:
        """Return the tag's plan; None where none of its labels is the model's."""
        is_points = control.type == "KeyPointLabels"
        label_map = {} if is_points else label_config.label_map(control, checkpoint.class_names)
        points = label_config.point_map(control, checkpoint.class_names) if is_points else {}
        threshold = label_config.number(control, "model_score_threshold", self._score_threshold, most=1)
        # Read again where points become regions; looked at here, so that whoever edits the config is told.
        label_config.number(control, "model_point_threshold", 0, most=1)
        label_config.number(control, "model_point_size", 0)
        if not (label_map or points):
            return None
        return TagPlan(control, checkpoint, label_map, points, threshold)

    def _why_nothing(self, controls: Sequence[ControlTag], others: Sequence[ControlTag]) -> str:
        checkpoint = self._manager.checkpoint(self.default_path)
        for control in others:
            if checkpoint.task in label_config.model_tasks(control):
                return no_common_label(control, checkpoint.class_names, checkpoint.path.name)
        return nothing_to_fill(controls, checkpoint.class_names, checkpoint.task)


def _is_to_be_trained(control: ControlTag) -> bool:
    return label_config.flag(control, "model_train")


def _is_left_to_sam(control: ControlTag, controls: Sequence[ControlTag]) -> bool:
    """Tell whether a tag takes the masks of smart tools, and nothing in it asks for a model's."""
    asks_for_model = (
        _is_to_be_trained(control)
        or label_config.takes_masks_of_boxes(control)
        or bool(control.predicted_values or control.model_indices)
    )
    return not asks_for_model and any(
        control == output for tag in controls for output in prompt_outputs(tag, controls).values()
    )
