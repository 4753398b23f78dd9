"""Words of the ledger: what was submitted, how it differs from what was shown, and what that makes of a task.

Times of annotations are Label Studio's, aware and UTC. Geometry is as in `backend.entities`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from backend.entities import Region


@dataclass(frozen=True, slots=True)
class Annotation:
    """What somebody submitted for a task, as Label Studio has it now.

    `annotator` is the id of Label Studio's user. `lead_time` is in seconds. `parent_prediction` is Label
    Studio's id of the prediction that the annotator started from, where it names one. `result` is as sent.
    """

    id: int
    project_id: int
    task_id: int
    annotator: int | None
    created_at: datetime
    updated_at: datetime
    lead_time: float | None
    is_cancelled: bool
    is_ground_truth: bool
    parent_prediction: int | None
    result: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class AnnotatedRegions:
    """The regions of an annotation that can be compared; their score is 1.

    `images` names the image (object tag) of each control tag that occurs. `problems` say in words which
    results could not be read, and why.
    """

    regions: tuple[Region, ...]
    images: Mapping[str, str]
    problems: tuple[str, ...]


class Kind(StrEnum):
    """What an annotator did to one region."""

    KEPT = "kept"
    ADJUSTED = "adjusted"
    RELABELLED = "relabelled"
    DELETED = "deleted"
    ADDED = "added"


class MatchedBy(StrEnum):
    """How two regions were found to be one thing."""

    REGION_ID = "region id"
    OVERLAP = "overlap"


@dataclass(frozen=True, slots=True)
class Match:
    """A shown and an annotated region that are one thing, by their places in the two sequences.

    `iou` is in [0, 1]; `compared_as` names what was compared, such as "box" or "box of mask".
    """

    shown: int
    annotated: int
    iou: float
    matched_by: MatchedBy
    compared_as: str


@dataclass(frozen=True, slots=True)
class Correction:
    """What was done to one region. `shown` is None for an added one, `annotated` for a deleted one.

    `iou`, `matched_by` and `compared_as` are None where there was nothing to compare with.
    """

    kind: Kind
    shown: Region | None
    annotated: Region | None
    iou: float | None = None
    matched_by: MatchedBy | None = None
    compared_as: str | None = None

    @property
    def label(self) -> str:
        """The label that the region has in the end; a deleted one, the label that it had."""
        region = self.annotated or self.shown
        assert region is not None
        return region.label


@dataclass(frozen=True, slots=True)
class Tally:
    """Corrections counted, of one label or of all.

    A relabelled region is `relabelled_from` for the label it had, and `relabelled_to` for the one it got.
    """

    kept: int = 0
    adjusted: int = 0
    deleted: int = 0
    added: int = 0
    relabelled_from: int = 0
    relabelled_to: int = 0

    @property
    def tp(self) -> int:
        """Shown regions that stand for a thing and name it rightly."""
        return self.kept + self.adjusted

    @property
    def fp(self) -> int:
        """Shown regions that do not."""
        return self.deleted + self.relabelled_from

    @property
    def fn(self) -> int:
        """Annotated regions that were not shown with their label."""
        return self.added + self.relabelled_to


class ShownBy(StrEnum):
    """How the prediction was found that an annotation is compared with.

    `assumed`: Label Studio names a parent prediction, but could not be asked which version that is of.
    """

    PARENT = "parent prediction"
    REGION_IDS = "region ids"
    NEWEST = "newest before it"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class LoggedPrediction:
    """A prediction of the log that did not fail, without its regions' geometry; `id` is the log's."""

    id: int
    task_id: int
    version: str
    is_blind: bool
    served_at: datetime
    region_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Account:
    """An annotation compared with the prediction that its annotator started from.

    `shown` is None where there was none, or where the annotation was skipped: then nothing is corrected.
    `problems` say which of its results could not be compared.
    """

    annotation: Annotation
    digest: str
    shown: LoggedPrediction | None
    shown_by: ShownBy | None
    corrections: tuple[Correction, ...]
    problems: tuple[str, ...]


class FoundBy(StrEnum):
    """How we learnt of an annotation first."""

    WEBHOOK = "webhook"
    SYNC = "sync"


class ReviewState(StrEnum):
    """How far a task is on its way into a model."""

    NOT_VIEWED = "not_viewed"
    VIEWED = "viewed"
    TAKEN_IN_TRAINING = "taken_in_training"
