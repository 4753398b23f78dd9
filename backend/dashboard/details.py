"""What the pages of one version, one run and one annotator show, read when they are asked for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from backend.dashboard.charts.annotators import annotator_charts
from backend.dashboard.charts.names import person_name
from backend.dashboard.charts.runs import run_charts
from backend.dashboard.charts.versions import version_charts
from backend.dashboard.detail_tables import corrected_classes, disputed_tasks
from backend.dashboard.entities import Chart
from backend.dashboard.pages import page_links
from backend.dashboard.project_list import title_of, version_of
from backend.dashboard.verdicts import state_badge, verdict_badge
from backend.errors import NotFound
from backend.registry.entities import ListedVersion, Promotion
from backend.registry.move import served_before
from backend.report.build import current_report
from backend.services import Services
from backend.stats.agreement import RaterAgreement
from backend.stats.annotator_figures import AnnotatorFigures
from backend.stats.label_errors import LabelError
from backend.stats.quality import QualityReport, VersionQuality
from backend.stats.task_agreement import Rater, RaterKind
from backend.store.database import Database
from backend.store.promotions import list_promotions
from backend.store.reviews import check_project
from backend.store.runs import get_run, list_epochs
from backend.store.snapshots import read_snapshot_facts
from backend.store.stored_reports import read_report_title
from backend.store.versions import list_judged
from backend.training.entities import Side, TrainingRun, VersionState
from backend.training.progress import duration_words, eta_seconds, progress_of, state_words

UNKNOWN_ANNOTATOR = "unknown"


@dataclass(frozen=True, slots=True)
class Ancestor:
    """What a version was trained from; weights that nobody has corrected have no page."""

    version: str
    has_page: bool


@dataclass(frozen=True, slots=True)
class VersionPage:
    """One version. `listed` is None for weights that no run of the project made.

    `quality` is by corrections, None where nobody has corrected it. `lineage` leads from what it was trained
    from back to the first, `promotions` are the changes that put it in service or took it out, `snapshot` the
    counts of the images that it was made of, `warnings` what was odd about them. `can_roll_back` is True
    where another model served the project before the one in service.
    """

    project_id: int
    project: str
    version: str
    listed: ListedVersion | None
    quality: VersionQuality | None
    lineage: tuple[Ancestor, ...]
    promotions: tuple[Promotion, ...]
    snapshot: Mapping[str, Any]
    warnings: tuple[str, ...]
    can_roll_back: bool
    charts: tuple[Chart, ...]

    @property
    def state(self) -> tuple[str, str] | None:
        """Its state in words, and the tone of the badge; None for weights that no run made."""
        return state_badge(self.listed.trained.state) if self.listed else None

    @property
    def learnt_from(self) -> int:
        """How many of the snapshot's images were trained on, not kept out to measure it."""
        images = self.listed.images if self.listed else 0
        return int(self.snapshot.get(Side.TRAIN, images))

    @property
    def verdict(self) -> tuple[str, str]:
        """The gate's verdict in words, and the tone of its badge."""
        return verdict_badge(self.listed.verdict if self.listed else None)

    @property
    def is_serving(self) -> bool:
        """True for the champion."""
        return self.listed is not None and self.listed.trained.state == VersionState.CHAMPION

    @property
    def is_promotable(self) -> bool:
        """True where it could be put in service."""
        return self.listed is not None and self.listed.trained.artifact is not None and not self.is_serving


@dataclass(frozen=True, slots=True)
class RunPage:
    """One run as it stands. `facts` are named words that change while it goes on; `progress` is in [0, 1]."""

    run: TrainingRun
    project: str
    facts: Mapping[str, str]
    progress: float
    charts: tuple[Chart, ...]

    @property
    def verdict(self) -> tuple[str, str]:
        """The gate's verdict in words, and the tone of its badge."""
        return verdict_badge(self.run.verdict)

    @property
    def is_over(self) -> bool:
        """True once nothing of it changes any more."""
        return self.run.finished_at is not None

    @property
    def mark(self) -> str:
        """Another text wherever a part of the page is another that is not among the facts and charts."""
        run = self.run
        outcome = (run.version, run.verdict, run.verdict_reasons, run.error, run.retry_at)
        around = (run.device, run.base, run.snapshot, run.batch, run.attempts, run.warnings, run.notes)
        return sha256(repr((state_words(run), outcome, around)).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class AnnotatorPage:
    """One annotator. `standing` is against all others, `errors` are suspected ones in their labels."""

    project_id: int
    project: str
    name: str
    figures: AnnotatorFigures
    standing: RaterAgreement | None
    charts: tuple[Chart, ...]
    errors: tuple[LabelError, ...]


def read_version_page(services: Services, project_id: int, version: str) -> VersionPage:
    """Return what a version's page shows.

    Raises:
        NotFound: the project is not known, or has neither trained nor been served by such a version.
    """
    database = services.database
    check_project(database, project_id)
    report = current_report(services, project_id)
    judged = {each.trained.version: each for each in list_judged(database, project_id)}
    listed, quality = judged.get(version), version_of(report.quality, version)
    if listed is None and quality is None:
        raise NotFound(
            f"Project {project_id} has no version {version[:120]!r}, or nobody has corrected a prediction of "
            f"it. List them with: python -m backend versions --project {project_id}"
        )
    counts, warnings = read_snapshot_facts(database, listed.trained.snapshot) if listed else ({}, ())
    with database.read() as session:
        moves, before = list_promotions(session, project_id), served_before(session, project_id)
    return VersionPage(
        project_id=project_id,
        project=title_of(project_id, report.title),
        version=version,
        listed=listed,
        quality=quality,
        lineage=tuple(_lineage(version, judged, report.quality)),
        promotions=tuple(each for each in reversed(moves) if version in (each.version, each.previous)),
        snapshot=counts,
        warnings=warnings,
        can_roll_back=bool(before),
        charts=(*(version_charts(listed) if listed else ()), corrected_classes(quality)),
    )


def read_run_page(services: Services, run_id: str, *, now: datetime) -> RunPage:
    """Return what a run's page shows.

    Raises:
        NotFound: there is no such run.
    """
    run = get_run(services.database, run_id)
    return RunPage(
        run=run,
        project=project_title(services.database, run.project_id),
        facts=_facts(run, now=now),
        progress=progress_of(run),
        charts=run_charts(run, list_epochs(services.database, run_id)),
    )


def read_annotator_page(services: Services, project_id: int, annotator: str) -> AnnotatorPage:
    """Return what an annotator's page shows; `annotator` is Label Studio's id, or `UNKNOWN_ANNOTATOR`.

    Raises:
        NotFound: the project is not known, or has no such annotator.
    """
    check_project(services.database, project_id)
    report = current_report(services, project_id)
    found = {_id_of(each.annotator): each for each in report.annotators}
    if annotator not in found:
        raise NotFound(f"Nobody with the id {annotator[:80]!r} has submitted an annotation in the project.")
    figures = found[annotator]
    name = person_name(figures.annotator, report.names)
    own = Rater(RaterKind.ANNOTATOR, figures.annotator)
    charts = annotator_charts(figures, report.agreement, name, names=report.names)
    errors = [each for each in report.label_errors.errors if each.annotator == figures.annotator]
    return AnnotatorPage(
        project_id=project_id,
        project=title_of(project_id, report.title),
        name=name,
        figures=figures,
        standing=next((each for each in report.agreement.raters if each.rater == own), None),
        charts=(*charts, disputed_tasks(report, own, page_links(services, project_id))),
        errors=tuple(errors),
    )


def project_title(database: Database, project_id: int) -> str:
    """Return what the project is called in its report, its number where there is none."""
    return title_of(project_id, read_report_title(database, project_id))


def _lineage(version: str, judged: Mapping[str, ListedVersion], quality: QualityReport) -> Iterator[Ancestor]:
    """Yield what a version was trained from, what that was trained from, and so on; weights of old last."""
    parents = {name: each.trained.parent for name, each in judged.items()}
    seen = {version}
    parent = parents.get(version)
    while parent is not None and parent not in seen:
        yield Ancestor(parent, parent in judged or version_of(quality, parent) is not None)
        seen.add(parent)
        parent = parents.get(parent)


def _facts(run: TrainingRun, *, now: datetime) -> dict[str, str]:
    left = eta_seconds(run)
    began = run.started_at
    elapsed = ((run.finished_at or now) - began).total_seconds() if began else None
    return {
        "State": state_words(run),
        "Epochs": f"{run.epoch} of at most {run.epochs}",
        "Time so far": "not begun" if elapsed is None else duration_words(max(0.0, elapsed)),
        "Time left": f"about {duration_words(left)}"
        if left
        else "not known"
        if run.finished_at is None
        else "none",
    }


def _id_of(annotator: int | None) -> str:
    return UNKNOWN_ANNOTATOR if annotator is None else str(annotator)
