"""Settings of retraining: when, on what, how, and when the result goes into service.

They hold for all projects; each may have its own (`python -m backend configure`).
"""

import math
from typing import Literal

from croniter import croniter  # type: ignore[import-untyped]
from pydantic import BaseModel, ConfigDict, Field, field_validator

# Empty means "not set", so "never" needs a word.
OFF = "off"
# Arguments of ultralytics' train that have a setting of their own.
_SETTINGS = {
    "epochs": "TRAIN_EPOCHS",
    "patience": "TRAIN_PATIENCE",
    "time": "TRAIN_HOURS",
    "batch": "TRAIN_BATCH",
    "imgsz": "TRAIN_IMGSZ",
    "freeze": "TRAIN_FREEZE",
    "cls_pw": "TRAIN_CLASS_WEIGHTS",
    "distill_model": "TRAIN_DISTILL",
    "dis": "TRAIN_DISTILL",
    "device": "RETRAIN_DEVICE",
}
# Those on which resuming, the data set or the choice of the best epoch rely.
_OURS = frozenset(
    "task mode model data resume pretrained cfg project name exist_ok save save_dir save_period val split "
    "plots verbose single_cls classes profile quantize half int8 augmentations".split()
)


class TrainingSettings(BaseModel):
    """What a project may set for itself. Frozen; a run keeps those that it began with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    retrain_min_reviewed: int = Field(
        50,
        ge=1,
        description="Reviewed tasks not yet trained on from which a run is due, if any was corrected.",
    )
    retrain_min_corrections: int = Field(
        200, ge=1, description="Corrected regions not yet trained on from which a run is due."
    )
    retrain_min_examples: int = Field(10, ge=4, description="Images with labels below which no run begins.")
    retrain_cron: str = Field(
        OFF,
        description="When a run is due if anything is new, as cron writes it, by this machine's time; off: "
        "never by the clock.",
    )
    retrain_auto: bool = Field(
        True, description="Whether runs begin by themselves; false: only when asked for."
    )
    retrain_max_attempts: int = Field(
        5, ge=1, description="Attempts without one more epoch after which a run fails."
    )
    retrain_device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|mps|cuda(:\d{1,3})?)$",
        description="Device for training: auto, cpu, cuda:0, mps.",
    )
    retrain_yield: float = Field(
        0.5,
        ge=0,
        le=60,
        description="Longest pause in seconds before a batch while predictions are served; 0: none.",
    )
    train_epochs: int = Field(30, ge=1, le=100_000, description="Epochs of a run.")
    train_patience: int = Field(
        10, ge=0, description="Epochs without improvement on the val split after which a run stops; 0: never."
    )
    train_hours: float = Field(
        0.0, ge=0, description="Hours of training after which a run ends with its best epoch; 0: no limit."
    )
    train_batch: int = Field(
        16, ge=1, le=1024, description="Images in one step; halved where memory is short."
    )
    train_imgsz: int = Field(
        0, ge=0, le=4096, description="Pixels of the network input's longer side; 0: as the weights have it."
    )
    train_freeze: int = Field(0, ge=0, description="First layers that stay as they are.")
    train_class_weights: float = Field(
        0.0,
        ge=0,
        le=1,
        description="How far rare classes weigh more: 0 not at all, 1 inversely to their number.",
    )
    train_distill: float = Field(
        0.0,
        ge=0,
        description="Weight of the loss that holds the new model near the one in service, lest it forget: "
        "6 is usual; 0: none.",
    )
    train_options: str = Field(
        "", description="Further arguments of ultralytics' train, such as lr0=0.001,mosaic=0."
    )
    labels_from: Literal["newest", "consensus"] = Field(
        "newest", description="Whose labels count where several people annotated a task without ground truth."
    )
    split_group: str = Field(
        "", description="Field of the task's data, such as camera, whose images all stay in one split."
    )
    gate_min_images: int = Field(
        10, ge=1, description="Images of the test split below which nothing is promoted by itself."
    )
    gate_class_drop: float = Field(
        0.05, ge=0, le=1, description="Fall of one class's mAP50-95 from which the new model is not promoted."
    )
    gate_max_latency_ratio: float = Field(
        1.5, gt=0, description="How many times slower than the model in service the new one may be."
    )
    gate_min_map50: float = Field(
        0.3, ge=0, le=1, description="mAP50 that the first model of a project must reach."
    )
    promote_auto: bool = Field(
        True, description="Whether a model that passes the gate goes into service by itself."
    )
    promote_prelabel: bool = Field(
        True, description="Whether tasks that nobody has annotated are pre-labelled again after a promotion."
    )
    keep_versions: int = Field(5, ge=1, description="Newest versions of a project whose weights are kept.")
    alert_min_f1: float = Field(
        0.0, ge=0, le=1, description="F1 on tasks reviewed of late below which an alert is raised; 0: never."
    )
    alert_falls: int = Field(
        3, ge=0, description="Versions in a row, each worse on reviewed tasks, that raise an alert; 0: never."
    )
    alert_idle_days: float = Field(
        30.0, ge=0, description="Days without a reviewed task after which an alert is raised; 0: never."
    )

    @field_validator("retrain_cron")
    @classmethod
    def _cron(cls, value: str) -> str:
        return checked_cron(value)

    @field_validator("train_options")
    @classmethod
    def _options(cls, value: str) -> str:
        parse_options(value)
        return value

    @property
    def retrain_times(self) -> str | None:
        """RETRAIN_CRON; None for never."""
        return None if self.retrain_cron.lower() == OFF else self.retrain_cron


def checked_cron(value: str) -> str:
    """Return a setting's times, checked.

    Raises:
        ValueError: neither five fields of cron nor "off".
    """
    if value.strip().lower() != OFF and not (len(value.split()) == 5 and croniter.is_valid(value)):
        raise ValueError(f'expected five fields as cron has them, such as "17 * * * *", or {OFF}')
    return value.strip()


def parse_options(text: str) -> dict[str, int | float | bool | str]:
    """Return TRAIN_OPTIONS as names and values: numbers, true, false, or words.

    Raises:
        ValueError: a part is no name=value, or names what is not to be set so.
    """
    options: dict[str, int | float | bool | str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not (equals and name.isidentifier() and value):
            raise ValueError(f'"{part}" is no name=value; expected, for instance, lr0=0.001,mosaic=0')
        if name in _SETTINGS:
            raise ValueError(f"{name} has a setting of its own; set {_SETTINGS[name]} instead")
        if name in _OURS:
            raise ValueError(f"{name} is set by the training itself; leave it out")
        options[name] = _option(value)
    return options


def _option(text: str) -> int | float | bool | str:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        if math.isfinite(number):
            return number
    return text
