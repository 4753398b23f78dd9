"""Set how many of a project's tasks are labelled by several people.

What Label Studio does (1.23.2, community edition, whose page has no such setting):
- Of all tasks `overlap_cohort_percentage` get an overlap of `maximum_annotations`, those with the most
  annotations first; the others have 1. It arranges them again when tasks are added.
- A change of either alone leaves the other as it is; with a maximum of 1 all tasks have an overlap of 1.
- `show_overlap_first` serves the tasks of several people before the others, in the labelling stream.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backend.errors import LabelStudioError
from backend.labelstudio.client import LabelStudioClient


@dataclass(frozen=True, slots=True)
class Overlap:
    """How tasks are shared out: `percent` of them go to so many people each, `is_first` before the others."""

    annotators: int
    percent: int
    is_first: bool


NO_OVERLAP = Overlap(annotators=1, percent=100, is_first=False)


@dataclass(frozen=True, slots=True)
class OverlapChange:
    """What was set before and is set now, of a project with so many tasks."""

    before: Overlap
    now: Overlap
    tasks: int

    @property
    def shared_tasks(self) -> int:
        """How many tasks several people label, rounded as Label Studio does."""
        return int(self.tasks * self.now.percent / 100 + 0.5) if self.now.annotators > 1 else 0


def set_overlap(client: LabelStudioClient, project_id: int, wanted: Overlap) -> OverlapChange:
    """Set the overlap where it is another one; running it again changes nothing.

    Raises:
        LabelStudioError: refused, out of reach, or not kept by Label Studio.
    """
    path = f"api/projects/{project_id}/"
    project = client.request("GET", path)
    before = _read(project)
    if before != wanted:
        body = {
            "maximum_annotations": wanted.annotators,
            "overlap_cohort_percentage": wanted.percent,
            "show_overlap_first": wanted.is_first,
        }
        now = _read(client.request("PATCH", path, body=body))
        if now != wanted:
            raise LabelStudioError(
                f"Label Studio was told {_words(wanted)} and has {_words(now)}. Is it older than 1.23, or "
                "does another program set the same?"
            )
    return OverlapChange(before, wanted, int(project.get("task_number") or 0))


def _read(project: Mapping[str, Any]) -> Overlap:
    try:
        return Overlap(
            annotators=int(project["maximum_annotations"]),
            percent=int(project["overlap_cohort_percentage"]),
            is_first=bool(project["show_overlap_first"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise LabelStudioError(
            "Label Studio names no maximum_annotations, overlap_cohort_percentage or show_overlap_first of "
            f"the project ({type(error).__name__}: {error}), so its overlap cannot be set."
        ) from error


def _words(overlap: Overlap) -> str:
    order = "first" if overlap.is_first else "in any order"
    return f"{overlap.percent} % of tasks for {overlap.annotators} people, {order}"
