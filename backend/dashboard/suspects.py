"""What the page of suspected label errors shows: a part of the list at a time, each with its picture."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from urllib.parse import urlencode

from backend.dashboard.charts.names import person_name
from backend.dashboard.entities import Links
from backend.dashboard.pages import page_links
from backend.dashboard.project_list import title_of
from backend.entities import Box
from backend.errors import BadRequest, LabelConfigError
from backend.labelstudio.label_config import parse_label_config
from backend.report.build import current_report
from backend.services import Services
from backend.stats.label_errors import ErrorKind, LabelError
from backend.store.projects import label_config_of
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

    `kind` and `annotator` are the parameters as asked, "" for all. There are `total` in the project, of which
    the report holds the most suspect, `held` of them. `counts` are those of the annotator among the held ones
    by kind, or all that there are where nobody is asked for. `found` counts those asked for. `has_one_image`
    where a task surely has one image, so that the boxes lie on the one that is shown.
    """

    project_id: int
    project: str
    kind: str
    annotator: str
    annotator_name: str
    number: int
    pages: int
    counts: Mapping[ErrorKind, int]
    total: int
    held: int
    found: int
    tasks: int
    has_one_image: bool
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
    known = report.label_errors
    own = [error for error in known.errors if annotator in (None, error.annotator)]
    wanted = [error for error in own if kind in ("", error.kind)]
    pages = max(1, ceil(len(wanted) / ON_A_PAGE))
    number = min(max(1, number), pages)
    links = page_links(services, project_id)
    return SuspectsPage(
        project_id=project_id,
        project=title_of(project_id, report.title),
        kind=kind,
        annotator="" if annotator is None else str(annotator),
        annotator_name=person_name(annotator, report.names) if annotator is not None else "",
        number=number,
        pages=pages,
        counts=known.counts if annotator is None else _counts(own),
        total=sum(known.counts.values()),
        held=len(known.errors),
        found=len(wanted),
        tasks=known.tasks,
        has_one_image=_has_one_image(label_config_of(services.database, project_id)),
        suspects=tuple(
            _suspect(error, report.names, links)
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


def _has_one_image(config: str | None) -> bool:
    """Return whether all tags of a labeling config lie on one image; False where that cannot be told."""
    # A list of images is one tag, which `parse_label_config` leaves out.
    if config is None or "valueList" in config:
        return False
    try:
        return len({control.image_value for control in parse_label_config(config)}) <= 1
    except LabelConfigError:
        return False


def _counts(errors: Sequence[LabelError]) -> dict[ErrorKind, int]:
    found = Counter(error.kind for error in errors)
    return {kind: found[kind] for kind in ErrorKind}


def _suspect(error: LabelError, names: Mapping[int, str], links: Links) -> Suspect:
    task = (links.task or str)(error.task_id)
    return Suspect(error, person_name(error.annotator, names), task, frames_of(error))
