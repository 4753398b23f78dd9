"""Which weights a run starts from, and which model its own has to be better than."""

from dataclasses import dataclass
from pathlib import Path

from backend.errors import AppError, LabelConfigError
from backend.inference.checkpoint import Checkpoint, read_checkpoint
from backend.inference.weights import fetch_weights, resolve_weights
from backend.labelstudio.label_config import parse_label_config
from backend.registry.weights import fetch_weights_of
from backend.services import Services
from backend.store.artifacts import ArtifactStore
from backend.store.projects import label_config_of
from backend.store.versions import champion_of
from backend.training.entities import TrainingTarget
from backend.training.names import run_folder


class NoBaseWeights(AppError):
    """There are no weights that training could start from. To try again changes nothing."""

    is_final = True


@dataclass(frozen=True, slots=True)
class Base:
    """Weights to start from. `artifact` names them where they are kept already: a version's."""

    checkpoint: Checkpoint
    artifact: str | None = None


def champion_base(services: Services, project_id: int, target: TrainingTarget) -> Base | None:
    """Return the project's champion if it is a model for the target; None without one.

    Raises:
        ArtifactError, ModelError: its weights cannot be had.
    """
    champion = champion_of(services.database, project_id)
    if champion is None or champion.artifact is None or not set(champion.controls) & set(target.controls):
        return None
    checkpoint = fetch_weights_of(services.database, services.artifacts, champion)
    return Base(checkpoint, champion.artifact) if checkpoint.task == target.task else None


def model_in_service(services: Services, project_id: int, target: TrainingTarget) -> Base | None:
    """Return the model that fills the target's tags now: the champion, or weights of the settings that fit.

    Raises:
        ArtifactError, ModelError: its weights cannot be had.
    """
    champion = champion_base(services, project_id, target)
    if champion is not None:
        return champion
    config = label_config_of(services.database, project_id) or ""
    try:
        # On a worker's machine they may be missing still. Weights that cannot be had are no reason to take
        # the project for one without a model: anything would be better than none.
        fetch_weights(_settings_weights(services, config, target))
        # Not the whole plan: a detector is trained where no SAM can be had as well.
        tags = services.pipeline.planner.tags(config)
    except LabelConfigError:
        return None  # no weights know these labels yet
    for tag in tags:
        if tag.control.name in target.controls and tag.checkpoint.task == target.task:
            return Base(tag.checkpoint)
    return None


def choose_base(services: Services, project_id: int, target: TrainingTarget) -> Base:
    """Return what a run of the project starts from: the model in service, else pretrained weights.

    Raises:
        NoBaseWeights: neither is a model for the target.
        ArtifactError, ModelError: the weights cannot be had.
    """
    found = model_in_service(services, project_id, target)
    return found or Base(_pretrained(services, project_id, target))


def keep_base(artifacts: ArtifactStore, base: Base, run_id: str) -> str:
    """Return the name under which the run's base is kept, so that any worker can go on with the run.

    Raises:
        ArtifactError: it cannot be stored.
    """
    if base.artifact is not None:
        return base.artifact
    name = f"{run_folder(run_id)}/base/{base.checkpoint.path.name}"
    artifacts.put_file(base.checkpoint.path, name)
    return name


def _settings_weights(services: Services, config: str, target: TrainingTarget) -> Path:
    """Return the path of the weights that the labeling config, else the settings, name for the target."""
    path = services.pipeline.planner.default_path
    for control in parse_label_config(config):
        if control.name in target.controls and control.attributes.get("model_path"):
            path = resolve_weights(
                control.attributes["model_path"], services.settings.models_path, confined=True
            )
    return path


def _pretrained(services: Services, project_id: int, target: TrainingTarget) -> Checkpoint:
    path = _settings_weights(services, label_config_of(services.database, project_id) or "", target)
    fetch_weights(path)
    checkpoint = read_checkpoint(path)
    if checkpoint.task != target.task:
        raise NoBaseWeights(
            f"{path.name} is a model for {checkpoint.task}, but the labels of {', '.join(target.controls)} "
            f"train one for {target.task}. Name weights for {target.task} in YOLO_WEIGHTS or in the tag's "
            "model_path."
        )
    return checkpoint
