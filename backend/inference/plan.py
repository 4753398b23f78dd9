"""From a labeling config to what must be run: which weights fill which tag, as which labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backend.entities import ControlTag
from backend.errors import LabelConfigError
from backend.inference.checkpoint import Checkpoint
from backend.inference.manager import ModelManager
from backend.inference.weights import resolve_weights
from backend.labelstudio import label_config


@dataclass(frozen=True, slots=True)
class TagPlan:
    """What fills one control tag: which weights, which classes as which labels, from which score on."""

    control: ControlTag
    checkpoint: Checkpoint
    label_map: Mapping[str, str]
    threshold: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What a labeling config asks for. `version` is the string in `/setup` and in every prediction."""

    tags: tuple[TagPlan, ...]
    version: str

    @property
    def controls(self) -> dict[str, ControlTag]:
        """Control tags by name."""
        return {tag.control.name: tag.control for tag in self.tags}

    @property
    def threshold(self) -> float:
        """The lowest score that any tag shows."""
        return min(tag.threshold for tag in self.tags)


class Planner:
    """Makes plans; reads weights files, loads none.

    Args:
        manager: Knows what weights files say of themselves.
        models_path: Folder of model weights.
        default_weights: File or name for tags without `model_path`.
        score_threshold: Lowest shown score for tags that set none, in [0, 1].
    """

    def __init__(
        self, manager: ModelManager, *, models_path: Path, default_weights: str, score_threshold: float
    ) -> None:
        self._manager = manager
        self._models_path = models_path
        self._default_weights = default_weights
        self._score_threshold = score_threshold

    @property
    def default_path(self) -> Path:
        """Path of the weights for tags that name none; need not exist."""
        return resolve_weights(self._default_weights, self._models_path, confined=False)

    def plan(self, xml: str) -> Plan:
        """Return what the labeling config asks for: milliseconds, no weights are loaded.

        Raises:
            LabelConfigError: the config cannot work; names labels, classes, and the XML line that would.
            ModelError: weights are missing, corrupt or foreign.
        """
        controls = label_config.parse_label_config(xml)
        tags = label_config.detection_tags(controls)
        if not tags:
            names = self._manager.checkpoint(self.default_path).class_names
            raise LabelConfigError(label_config.no_detection_tag_message(controls, names))
        plans = tuple(self._plan_tag(tag) for tag in tags)
        versions = dict.fromkeys(tag.checkpoint.version for tag in plans)
        return Plan(tags=plans, version="+".join(versions))

    def _plan_tag(self, control: ControlTag) -> TagPlan:
        named = control.attributes.get("model_path")
        path = resolve_weights(named, self._models_path, confined=True) if named else self.default_path
        checkpoint = self._manager.checkpoint(path)
        if checkpoint.task != "detect":
            raise LabelConfigError(
                f'<{control.type} name="{control.name}"> needs a detection model, but {path.name} is one for '
                f'"{checkpoint.task}". Name another file in model_path, or set model_skip="true".'
            )
        label_config.check_detection(control, checkpoint.class_names, path.name)
        return TagPlan(
            control=control,
            checkpoint=checkpoint,
            label_map=label_config.label_map(control, checkpoint.class_names),
            threshold=label_config.score_threshold(control, self._score_threshold),
        )
