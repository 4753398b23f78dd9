"""What the page of suspected label errors shows: a part of the list at a time, each with its picture."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from urllib.parse import urlencode

from backend.dashboard.charts.names import person_name
from backend.dashboard.pages import page_links
from backend.dashboard.project_list import title_of
from backend.entities import Box
from backend.errors import BadRequest
from backend.report.build import current_report
from backend.services import Services
from backend.stats.label_errors import ErrorKind, LabelError
from backend.store.reviews import check_project

ON_A_PAGE = 24


@dataclass(frozen=True, slots=True)
class Frame:
    """A box to be drawn over a picture, with what it says. Pixels of the upright original image."""

    box: Box
    word: str
    is_predicted: bool


@dataclass(frozen=True, slots=True)
class Suspect:
    """One suspected error. `task` is its task's address in Label Studio; `frames` need the image's size."""

    error: LabelError
    annotator: str
    task: str
    frames: tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class SuspectsPage:
    """One page, counted from 1, of those suspected errors that are asked for.

    `kind` and `annotator` are the parameters as asked, "" for all. `counts` are those of all by kind, of
    which the report may `hold` fewer; `found` counts those asked for.
    """

    project_id: int
    project: str
    kind: str
    annotator: str
    annotator_name: str
    number: int
    pages: int
    counts: Mapping[ErrorKind, int]
    held: int
    found: int
    tasks: int
    suspects: tuple[Suspect, ...]

    def address(self, **changes: str | int) -> str:
        """Return the address of this list with other parameters; those that say nothing are left out."""
        fields = {"kind": self.kind, "annotator": self.annotator, "page": self.number, **changes}
        said = {name: value for name, value in fields.items() if value and (name, value) != ("page", 1)}
        home = f"/dashboard/projects/{self.project_id}/label-errors"
        return f"{home}?{urlencode(said)}" if said else home


def read_suspects(
    services: Services, project_id: int, *, kind: str = "", annotator: int | None = None, number: int = 1
) -> SuspectsPage:
    """Return a page of suspected errors; one beyond the last is the last.

    Raises:
        NotFound: the project is not known.
        BadRequest: `kind` is no kind of error.
    """
    if kind and kind not in list(ErrorKind):
        raise BadRequest(f'"kind" is {kind[:80]!r}; expected one of {", ".join(ErrorKind)}.')
    check_project(services.database, project_id)
    report = current_report(services, project_id)
    errors = report.label_errors.errors
    wanted = [e for e in errors if kind in ("", e.kind) and annotator in (None, e.annotator)]
    pages = max(1, ceil(len(wanted) / ON_A_PAGE))
    number = min(max(1, number), pages)
    task_address = page_links(services, project_id).task or str
    return SuspectsPage(
        project_id=project_id,
        project=title_of(project_id, report.title),
        kind=kind,
        annotator="" if annotator is None else str(annotator),
        annotator_name=person_name(annotator, report.names) if annotator is not None else "",
        number=number,
        pages=pages,
        counts=report.label_errors.counts,
        held=len(errors),
        found=len(wanted),
        tasks=report.label_errors.tasks,
        suspects=tuple(
            Suspect(
                error,
                person_name(error.annotator, report.names),
                task_address(error.task_id),
                frames_of(error),
            )
            for error in wanted[(number - 1) * ON_A_PAGE : number * ON_A_PAGE]
        ),
    )


def frames_of(error: LabelError) -> tuple[Frame, ...]:
    """Return the boxes of an error: what was annotated, then what the model says."""
    found = []
    if error.box is not None:
        found.append(Frame(error.box, f"{error.label}, as labelled", is_predicted=False))
    if error.predicted_box is not None:
        score = "" if error.predicted_score is None else f" {100 * error.predicted_score:.0f} %"
        found.append(
            Frame(error.predicted_box, f"{error.predicted_label}{score}, by the model", is_predicted=True)
        )
    return tuple(found)
