"""Words of retraining: runs, snapshots, versions, and what decides between two models.

Shares and scores are in [0, 1]. Box geometry is as in `backend.entities`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from backend.training_settings import TrainingSettings


class RunState(StrEnum):
    """State of a run: the last three are ends."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Phase(StrEnum):
    """What a run does next, or is doing. A run that was cut off begins the phase anew, or goes on in it."""

    SNAPSHOT = "snapshot"
    TRAIN = "train"
    EVALUATE = "evaluate"
    PROMOTE = "promote"


class Side(StrEnum):
    """Which use an image is for; it never changes."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"


class Verdict(StrEnum):
    """What the gate says of a new model: in service, not good enough, or for a person to decide."""

    PROMOTE = "promote"
    REJECT = "reject"
    HOLD = "hold"


class VersionState(StrEnum):
    """State of a trained version; `archived` was champion once."""

    CANDIDATE = "candidate"
    CHAMPION = "champion"
    ARCHIVED = "archived"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class SavedCheckpoint:
    """A training's state after an epoch, kept as an artifact.

    `last` and `best` are names of artifacts, the digests SHA-256 of them, hexadecimal. `epoch` counts the
    finished epochs. `is_last` is true where training ended with it.
    """

    epoch: int
    last: str
    last_digest: str
    best: str
    best_digest: str
    is_last: bool


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """One run, from snapshot to verdict.

    `reason` says in words why it began. `base` is the version that it started from, `base_weights` where its
    file is, `base_digest` the SHA-256 that it must have, hexadecimal. `epoch` counts finished epochs of at
    most `epochs`; `seconds` is what they took, over all attempts. `attempts` are those in a row that brought
    no further epoch; after a failed one nothing is tried before `retry_at`. `version` is the new model,
    `verdict` and `verdict_reasons` the gate's, `compared_with` the champion when both models were compared,
    None where the weights of the settings served. `warnings` are about the data, `notes` about the run.
    """

    id: str
    project_id: int
    state: RunState
    phase: Phase
    reason: str
    settings: TrainingSettings
    base: str | None
    base_weights: str | None
    snapshot: str | None
    epoch: int
    epochs: int
    batch: int
    seconds: float
    checkpoint: SavedCheckpoint | None
    attempts: int
    retry_at: datetime | None
    error: str | None
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    version: str | None
    verdict: Verdict | None
    verdict_reasons: tuple[str, ...]
    device: str | None
    is_cancel_asked: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    base_digest: str | None = None
    compared_with: str | None = None


@dataclass(frozen=True, slots=True)
class EpochMetrics:
    """One finished epoch (from 1). `metrics` are ultralytics' names, such as "train/box_loss"."""

    epoch: int
    seconds: float
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Example:
    """One image of a snapshot with its labels.

    `image` is the SHA-256 of the stored file, hexadecimal, `suffix` its ending with the dot. `width` and
    `height` are pixels of the upright image. `labels` are lines as ultralytics' data sets have them, class
    number first, the rest in [0, 1] of width and height; for a classifier one class number alone. Corners of
    a turned box may lie outside of that, and one cut at the image's edge may have more or fewer than four. No
    lines mean that the image holds nothing.
    `tasks` are Label Studio's tasks that show the image, `marks` (`backend.review.states.mark_of`) name by
    task the annotation content that the labels are of. `group` is the value that keeps images on one side.
    """

    image: str
    suffix: str
    width: int
    height: int
    side: Side
    labels: tuple[str, ...]
    tasks: tuple[int, ...]
    marks: Mapping[int, str]
    group: str | None = None


@dataclass(frozen=True, slots=True)
class TrainingTarget:
    """What one model of a project learns to find.

    `task` is ultralytics' (detect, obb, segment, pose, classify). `controls` are names of the control tags
    whose regions are its labels, and `labels` those tags' labels in the config's order: the class numbers.
    `image_value` is the image's address as in `ControlTag`. For a pose `keypoints` are the labels of the key
    points in the model's order.
    """

    task: str
    controls: tuple[str, ...]
    labels: tuple[str, ...]
    image_value: str
    keypoints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An immutable data set. `digest` is the SHA-256 of its manifest, hexadecimal."""

    digest: str
    project_id: int
    target: TrainingTarget
    examples: tuple[Example, ...]
    warnings: tuple[str, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Difference:
    """How much a figure of the challenger is above the champion's, and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One class on the test split; `objects` counts what there is to find. None: it has none there."""

    label: str
    objects: int
    map50_95: float | None
    map50: float | None
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True, slots=True)
class ModelScore:
    """One model on the test split.

    For a classifier `map50_95` and `map50` are both its top-1 accuracy. `threshold` is the score from which
    on F1 is best on the val split; precision, recall and F1 hold at it, by IoU 0.5. `latency_ms` is the
    median time of one image. `shown_f1` is F1 of what annotators are shown: from the score that the labeling
    config or SCORE_THRESHOLD names; None of versions that were measured before it was looked at.
    """

    version: str
    map50_95: float
    map50: float
    precision: float
    recall: float
    f1: float
    threshold: float
    latency_ms: float
    classes: tuple[ClassScore, ...]
    shown_f1: float | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Challenger and champion on the same images. `champion` is None where no model was in service.

    `difference` is that of mAP50-95, `class_differences` the same by label, `shown_difference` that of
    `shown_f1`; paired over images.
    `overfitting` says in words what speaks for it, or is None.
    """

    images: int
    objects: int
    challenger: ModelScore
    champion: ModelScore | None
    difference: Difference | None
    class_differences: Mapping[str, Difference] = field(default_factory=dict)
    overfitting: str | None = None
    shown_difference: Difference | None = None


@dataclass(frozen=True, slots=True)
class GateDecision:
    """What the gate says, and why, in words."""

    verdict: Verdict
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrainedVersion:
    """A version that a run made. `artifact` is the name of its weights, None where they were pruned.

    `controls` are the control tags that it fills. `number` counts the project's versions from 1.
    """

    version: str
    project_id: int
    number: int
    parent: str | None
    run_id: str
    snapshot: str
    controls: tuple[str, ...]
    artifact: str | None
    state: VersionState
    comparison: Comparison
    created_at: datetime
