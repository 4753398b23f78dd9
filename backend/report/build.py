"""Work out a project's report, and keep it until something it was made of has changed."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from time import perf_counter

import structlog
from sqlalchemy import func, select

from backend.errors import AppError, DatabaseUnavailable
from backend.labelstudio.people import read_people, read_title
from backend.report.advise import advise
from backend.report.entities import ProjectReport
from backend.services import Services
from backend.stats.agreement import AgreementReport
from backend.stats.agreement_queries import read_agreement
from backend.stats.annotator_queries import read_annotators
from backend.stats.drift_queries import read_drift
from backend.stats.label_error_queries import read_label_errors
from backend.stats.next_task_queries import read_next_tasks
from backend.stats.outlook_queries import read_outlook
from backend.stats.queries import read_quality
from backend.store.database import Database
from backend.store.ledger_tables import SqlAnnotation, SqlReview
from backend.store.project_settings import own_settings, project_settings
from backend.store.projects import list_projects
from backend.store.reviews import check_project, count_states
from backend.store.stored_reports import StoredBasis, read_basis, read_report, store_report
from backend.store.tables import SqlPrediction
from backend.store.training_tables import SqlPromotion, SqlTrainedVersion

log = structlog.get_logger(__name__)

# Tasks of which agreement is worked out, and of those the least agreed on that the report holds.
_AGREEMENT_TASKS = 1000
_SHOWN_TASKS = 100
# Part of the time that working out reports may take: one that took 10 s is not made again for 200 s.
_MOST_LOAD = 0.05


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
    check_project(services.database, project_id)
    began, now = perf_counter(), datetime.now(UTC)
    # Read first: what comes while it is worked out makes it old.
    basis = basis_of(services.database, project_id, now=now)
    report = _work_out(services, project_id, now=now)
    seconds = perf_counter() - began
    store_report(services.database, report, basis=basis, seconds=seconds)
    log.info("report_made", project=project_id, seconds=round(seconds, 2))
    return report


def renew_reports(services: Services) -> int:
    """Work out the reports of projects where something has changed; return how many.

    A project whose report fails is logged and harms no other.

    Raises:
        DatabaseUnavailable: nothing can be read or stored.
    """
    made = 0
    for project_id, _, _ in list_projects(services.database):
        now = datetime.now(UTC)
        stored = read_basis(services.database, project_id)
        if stored is not None and not _is_old(services.database, project_id, stored, now=now):
            continue
        try:
            make_report(services, project_id)
            made += 1
        except DatabaseUnavailable:
            raise
        except AppError as error:  # a setting of its own that cannot be used, for one
            log.warning("report_not_made", project=project_id, detail=error.message)
    return made


def basis_of(database: Database, project_id: int, *, now: datetime) -> str:
    """Return a digest of all that the report depends on, the day included; SHA-256, hexadecimal."""
    of_project = {
        "annotations": select(
            func.count(), func.max(SqlAnnotation.seen_at), func.max(SqlAnnotation.id)
        ).where(SqlAnnotation.project_id == project_id),
        "tasks": select(func.count()).select_from(SqlReview).where(SqlReview.project_id == project_id),
        "predictions": select(func.max(SqlPrediction.id)).where(SqlPrediction.project_id == project_id),
        "versions": select(func.max(SqlTrainedVersion.number)).where(
            SqlTrainedVersion.project_id == project_id
        ),
        "promotions": select(func.max(SqlPromotion.id)).where(SqlPromotion.project_id == project_id),
    }
    with database.read() as session:
        facts = {name: tuple(session.execute(query).one()) for name, query in of_project.items()}
    words = [str(now.date()), str(sorted(own_settings(database, project_id).items())), str(facts)]
    return hashlib.sha256("\n".join(words).encode()).hexdigest()


def _is_old(database: Database, project_id: int, stored: StoredBasis, *, now: datetime) -> bool:
    if (now - stored.made_at).total_seconds() * _MOST_LOAD < stored.seconds:
        return False
    return basis_of(database, project_id, now=now) != stored.basis


def _work_out(services: Services, project_id: int, *, now: datetime) -> ProjectReport:
    database = services.database
    own = project_settings(database, project_id, services.settings)
    agreement = read_agreement(
        database, project_id, iou=own.agreement_iou, model=own.agreement_model, most=_AGREEMENT_TASKS
    )
    title, names = _from_label_studio(services, project_id)
    report = ProjectReport(
        project_id=project_id,
        title=title,
        names=dict(names),
        made_at=now,
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


def _from_label_studio(services: Services, project_id: int) -> tuple[str, Mapping[int, str]]:
    """Return the project's title and its annotators' names; those known before where it is out of reach."""
    try:
        client = services.label_studio
        return read_title(client, project_id), read_people(client, project_id)
    except AppError as error:
        log.info("names_not_read", project=project_id, detail=error.message)
        known = read_report(services.database, project_id)
        return (known.title, known.names) if known else ("", {})
