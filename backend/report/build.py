"""Work out a project's report, and keep it until something that it was made of has changed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from time import perf_counter

import structlog
from filelock import FileLock, Timeout

from backend.errors import AppError, ReportBusy
from backend.labelstudio.people import read_people, read_title
from backend.report.advise import advise
from backend.report.basis import basis_of
from backend.report.entities import ProjectReport
from backend.report_settings import ProjectSettings
from backend.services import Services
from backend.stats.agreement import AgreementReport
from backend.stats.agreement_queries import read_agreement
from backend.stats.annotator_queries import read_annotators
from backend.stats.drift_queries import read_drift
from backend.stats.label_error_queries import read_label_errors
from backend.stats.next_task_queries import read_next_tasks
from backend.stats.outlook_queries import read_outlook
from backend.stats.queries import read_quality
from backend.store.project_settings import project_settings
from backend.store.projects import serving_version
from backend.store.reviews import check_project, count_states
from backend.store.stored_reports import read_report, store_report

log = structlog.get_logger(__name__)

# Tasks of which agreement is worked out, and of those the least agreed on that the report holds.
_AGREEMENT_TASKS = 1000
_SHOWN_TASKS = 100
_LOCK_SECONDS = 20.0


def current_report(services: Services, project_id: int) -> ProjectReport:
    """Return the project's report as last worked out; worked out now where there is none.

    Raises:
        NotFound: there is no such project.
        SettingsError: a setting of the project cannot be used.
        DatabaseUnavailable: nothing can be read.
        ReportBusy: it is being worked out for somebody else.
    """
    known = read_report(services.database, project_id)
    if known is not None:
        return known
    check_project(services.database, project_id)
    with _one_at_a_time(services, project_id):
        # Another request may have made it meanwhile.
        return read_report(services.database, project_id) or _make(services, project_id)


def make_report(services: Services, project_id: int) -> ProjectReport:
    """Work out the project's report and keep it.

    Raises:
        NotFound, SettingsError, DatabaseUnavailable, ReportBusy: as `current_report`.
    """
    check_project(services.database, project_id)
    with _one_at_a_time(services, project_id):
        return _make(services, project_id)


@contextmanager
def _one_at_a_time(services: Services, project_id: int) -> Iterator[None]:
    """Keep other processes of this machine from the same work: many requests would take all of it."""
    lock = services.settings.data_dir / "report-locks" / f"project-{project_id}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock, timeout=_LOCK_SECONDS, fallback_to_soft=False):
            yield
    except Timeout:
        raise ReportBusy(
            f"The report of project {project_id} is being worked out. Ask again in a moment."
        ) from None


def _make(services: Services, project_id: int) -> ProjectReport:
    database, now = services.database, datetime.now(UTC)
    own = project_settings(database, project_id, services.settings)
    # Read first: what comes while it is worked out makes it old.
    basis = basis_of(database, project_id, own, now=now)
    title, names = _name(services, project_id, now=now)
    began = perf_counter()
    report = _work_out(services, project_id, own, title=title, names=names, now=now)
    seconds = perf_counter() - began
    store_report(database, report, basis=basis, seconds=seconds)
    log.info("report_made", project=project_id, seconds=round(seconds, 2))
    return report


def _work_out(
    services: Services,
    project_id: int,
    own: ProjectSettings,
    *,
    title: str,
    names: Mapping[int, str],
    now: datetime,
) -> ProjectReport:
    database = services.database
    agreement = read_agreement(
        database, project_id, iou=own.agreement_iou, model=own.agreement_model, most=_AGREEMENT_TASKS
    )
    report = ProjectReport(
        project_id=project_id,
        title=title,
        names=dict(names),
        made_at=now,
        serving=serving_version(database, project_id),
        quality=read_quality(database, project_id),
        annotators=read_annotators(database, project_id, idle_minutes=own.idle_minutes),
        agreement=_shortened(agreement),
        label_errors=read_label_errors(database, services.artifacts, project_id, now=now),
        drift=read_drift(database, project_id, days=own.drift_days, now=now),
        outlook=read_outlook(database, project_id, target=own.target_f1),
        next_tasks=read_next_tasks(database, project_id, count=own.next_tasks),
        advice=(),
    )
    return replace(report, advice=advise(report, count_states(database, project_id)))


def _shortened(agreement: AgreementReport) -> AgreementReport:
    return replace(agreement, tasks=agreement.tasks[:_SHOWN_TASKS])


def _name(services: Services, project_id: int, *, now: datetime) -> tuple[str, Mapping[int, str]]:
    """Return the project's title and its annotators' names; those known before where they are not old."""
    known = read_report(services.database, project_id)
    # By the clock's hour, since a report that is made every minute is never an hour old.
    if known is not None and known.title and _hour(known.made_at) == _hour(now):
        return known.title, known.names
    try:
        return read_title(services.label_studio, project_id), read_people(services.label_studio, project_id)
    except AppError as error:
        log.info("names_not_read", project=project_id, detail=error.message)
        return (known.title, known.names) if known else ("", {})


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
