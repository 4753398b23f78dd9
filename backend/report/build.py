"""Work out a project's report, and keep it until something that it was made of has changed."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from time import perf_counter

import structlog

from backend.errors import AppError
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


def current_report(services: Services, project_id: int) -> ProjectReport:
    """Return the project's report as last worked out; worked out now where there is none.

    Raises:
        NotFound: there is no such project.
        SettingsError: a setting of the project cannot be used.
        DatabaseUnavailable: nothing can be read.
    """
    return read_report(services.database, project_id) or make_report(services, project_id)


def make_report(services: Services, project_id: int) -> ProjectReport:
    """Work out the project's report and keep it.

    Raises:
        NotFound, SettingsError, DatabaseUnavailable: as `current_report`.
    """
    database, now = services.database, datetime.now(UTC)
    check_project(database, project_id)
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
