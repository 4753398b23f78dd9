"""Which prediction of a task its labels can be judged by: one that they had no part in. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Served:
    """A logged prediction without its regions; `id` is the log's."""

    id: int
    version: str
    is_blind: bool
    served_at: datetime


def choose_unseen(
    served: Sequence[Served],
    *,
    task_id: int,
    labelled_at: datetime,
    learnt: Callable[[str], frozenset[int] | None],
) -> Served | None:
    """Return the newest prediction whose model cannot have learnt the task's labels; None without one.

    That holds of what was served before there were any, and of a version that did not learn from the task.

    Args:
        served: The task's predictions.
        task_id: Of the task.
        labelled_at: When its first annotation was made.
        learnt: Returns the tasks that a version has learnt from, None where that is not known.
    """
    for prediction in sorted(served, key=lambda each: (each.served_at, each.id), reverse=True):
        if prediction.served_at <= labelled_at:
            return prediction
        tasks = learnt(prediction.version)
        if tasks is not None and task_id not in tasks:
            return prediction
    return None
