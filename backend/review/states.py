"""Which of a task's annotations decides, and how far the task is because of it. Pure: no clock, no tables."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from backend.review.entities import ReviewState

# 160 bits of the digest leave room for any id of 64 bits within the 64 characters of `SqlReview.taken`.
_DIGEST_CHARS = 40


@dataclass(frozen=True, slots=True)
class Submitted:
    """One annotation of a task that is there (not deleted), as far as the task's state depends on it.

    `digest` is of the whole content, so it changes with every edit.
    """

    id: int
    annotator: int | None
    created_at: datetime
    updated_at: datetime
    is_cancelled: bool
    is_ground_truth: bool
    digest: str


def deciding_annotation(annotations: Iterable[Submitted]) -> Submitted | None:
    """Return the annotation whose labels count for the task; None where there is none.

    A skipped one never counts. A ground truth goes before all others; among equals the newest by
    `updated_at`, then by id. The order of `annotations` does not matter.
    """
    counting = (annotation for annotation in annotations if not annotation.is_cancelled)
    return max(counting, key=lambda a: (a.is_ground_truth, a.updated_at, a.id), default=None)


def mark_of(annotation: Submitted) -> str:
    """Name the content that a model is trained on, in at most 64 characters: id and start of the digest."""
    return f"{annotation.id}:{annotation.digest[:_DIGEST_CHARS]}"


def review_state(deciding: Submitted | None, taken: str | None) -> ReviewState:
    """Tell how far a task is; `taken` is the mark of what a model was trained on last.

    An edit after training changes the mark, so the task is `viewed` again until the next training.
    """
    if deciding is None:
        return ReviewState.NOT_VIEWED
    return ReviewState.TAKEN_IN_TRAINING if taken == mark_of(deciding) else ReviewState.VIEWED
