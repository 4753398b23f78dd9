"""What the pages of all projects and of one project show, read when they are asked for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from backend.alerts.entities import Alert
from backend.dashboard.charts.measured import f1_on_test
from backend.dashboard.charts.project import project_charts
from backend.dashboard.entities import Chart, Links, Section
from backend.dashboard.project_list import UNKNOWN_VERSION, title_of, version_of
from backend.errors import NotFound
from backend.registry.entities import ListedVersion
from backend.registry.move import served_before
from backend.report.build import current_report
from backend.report.entities import ProjectReport
from backend.review.entities import ReviewState
from backend.services import Services
from backend.stats.intervals import Estimate
from backend.stats.quality import Figures
from backend.store.alerts import list_alerts
from backend.store.audit import AuditEntry, list_audit
from backend.store.decisions import read_decision
from backend.store.projects import serving_version
from backend.store.reviews import check_project, count_states
from backend.store.runs import list_runs
from backend.store.versions import list_judged
from backend.training.entities import RunState, TrainingRun, VersionState
from backend.training.progress import state_words

_STATE_WORDS = {
    ReviewState.NOT_VIEWED: "waiting",
    ReviewState.VIEWED: "reviewed, not yet trained on",
    ReviewState.TAKEN_IN_TRAINING: "trained on",
}
_ENDED = (RunState.DONE, RunState.FAILED, RunState.CANCELLED)
_AUDIT_ROWS = 20
_RUN_ROWS = 50


@dataclass(frozen=True, slots=True)
class Tile:
    """One of the first figures of a page; `basis` says what it was taken from."""

    name: str
    estimate: Estimate | None
    basis: str


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a whole: `share` of it, after what lies before it (`start`), both in [0, 1]."""

    word: str
    count: int
    share: float
    start: float


@dataclass(frozen=True, slots=True)
class ProjectPage:
    """One project. `version` is the one in service, `promotable` the newest that could take its place.

    `can_roll_back` is True where another model served before. `run` is the active one and `run_words` its
    state in words; `decision` says why none is due.
    """

    report: ProjectReport
    title: str
    label_studio: str
    version: str
    tiles: tuple[Tile, ...]
    states: tuple[Share, ...]
    run: TrainingRun | None
    run_words: str
    decision: str
    alerts: tuple[Alert, ...]
    versions: tuple[ListedVersion, ...]
    promotable: str | None
    can_roll_back: bool
    sections: tuple[Section, ...]
    audit: tuple[AuditEntry, ...]

    @property
    def charts(self) -> Iterable[Chart]:
        """All charts, in the order of their sections."""
        return (chart for section in self.sections for chart in section.charts)


def read_project_page(services: Services, project_id: int, *, links: Links | None = None) -> ProjectPage:
    """Return what a project's page shows.

    Args:
        services: Of this process.
        project_id: Label Studio's.
        links: Where rows lead to; the addresses of `page_links` where none are given.

    Raises:
        NotFound: there is no such project.
        SettingsError: a setting of the project cannot be used.
        DatabaseUnavailable: nothing can be read.
    """
    database = services.database
    check_project(database, project_id)
    report = current_report(services, project_id)
    versions = tuple(list_judged(database, project_id))
    runs = list_runs(database, project_id=project_id, limit=_RUN_ROWS)
    states = count_states(database, project_id)
    version = serving_version(database, project_id)
    run = next((each for each in runs if each.state not in _ENDED), None)
    with database.read() as session:
        decision, before = read_decision(session, project_id), served_before(session, project_id)
    why = decision.reason if decision else ""
    links = links or page_links(services, project_id)
    return ProjectPage(
        report=report,
        title=title_of(project_id, report.title),
        label_studio=f"{services.settings.label_studio_link}/projects/{project_id}/data",
        version=version or UNKNOWN_VERSION,
        tiles=_tiles(report, version, versions),
        states=shares_of({_STATE_WORDS[state]: count for state, count in states.items()}),
        run=run,
        run_words=state_words(run) if run else "",
        decision=why,
        alerts=tuple(list_alerts(database, project_id=project_id, is_open=True)),
        versions=versions,
        promotable=_promotable(versions),
        can_roll_back=bool(before),
        sections=project_charts(report, versions, runs, states, links=links, decision=why),
        audit=tuple(list_audit(database, project_id, limit=_AUDIT_ROWS)),
    )


def find_chart(charts: Iterable[Chart], key: str) -> Chart:
    """Return the chart of that key; `charts` are those of one page.

    Raises:
        NotFound: there is none.
    """
    known = {chart.key: chart for chart in charts}
    if key not in known:
        raise NotFound(f"This page has no chart {key[:80]!r}; it has {', '.join(known)}.")
    return known[key]


def page_links(services: Services, project_id: int) -> Links:
    """Return where rows of tables lead to: tasks to Label Studio, all else to pages of this server."""
    home = f"/dashboard/projects/{project_id}"
    tasks = f"{services.settings.label_studio_link}/projects/{project_id}/data?task="
    return Links(
        task=lambda task_id: f"{tasks}{task_id}",
        version=lambda version: f"{home}/versions/{quote(version, safe='')}",
        run=lambda run_id: f"/dashboard/runs/{run_id}",
        annotator=lambda annotator: f"{home}/annotators/{annotator}",
    )


def shares_of(counts: Mapping[str, int]) -> tuple[Share, ...]:
    """Return counts as parts of their sum, in their order; of nothing, all shares are 0."""
    whole, before, found = sum(counts.values()), 0, []
    for word, count in counts.items():
        found.append(Share(word, count, count / whole if whole else 0.0, before / whole if whole else 0.0))
        before += count
    return tuple(found)


def _tiles(
    report: ProjectReport, version: str | None, versions: tuple[ListedVersion, ...]
) -> tuple[Tile, ...]:
    own = version_of(report.quality, version)
    corrected, blind = (own.corrected, own.blind) if own else (None, None)
    return (
        Tile("F1 by corrections", corrected.f1 if corrected else None, _basis(corrected, "reviewed")),
        Tile("F1 on blind tasks", blind.f1 if blind else None, _basis(blind, "blind")),
        _on_test(report, versions),
    )


def _on_test(report: ProjectReport, versions: tuple[ListedVersion, ...]) -> Tile:
    serving = (each.trained for each in versions if each.trained.state == VersionState.CHAMPION)
    champion = next(serving, None)
    f1 = f1_on_test(champion) if champion else None
    if champion is None or f1 is None:
        return Tile("F1 on test images", None, "the model in service was not measured")
    basis = f"{champion.comparison.images} images; the goal is {report.outlook.target:.2f}"
    return Tile("F1 on test images", f1, basis)


def _basis(figures: Figures | None, kind: str) -> str:
    if figures is None or not figures.tasks:
        return f"no {kind} task of this model yet"
    return f"{figures.tasks} {kind} task{'s' if figures.tasks > 1 else ''}"


def _promotable(versions: tuple[ListedVersion, ...]) -> str | None:
    # One that was turned down can be promoted on its own page, with the reasons before one's eyes.
    kept = (each.trained for each in versions if each.trained.artifact is not None)
    newest = next((trained for trained in kept if trained.state != VersionState.REJECTED), None)
    return newest.version if newest and newest.state != VersionState.CHAMPION else None
