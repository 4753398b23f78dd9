"""Have the reports of projects worked out anew where something has changed, each as a job of its own.

Jobs of reports wait in line with those of events, so that events wait behind one report at most.
"""

from datetime import UTC, datetime

import structlog

from backend.errors import AppError, DatabaseUnavailable, NotFound
from backend.queue import EVENTS, JobQueue
from backend.report.basis import basis_of
from backend.report.build import make_report
from backend.services import Services
from backend.store.project_settings import project_settings
from backend.store.projects import list_projects
from backend.store.stored_reports import StoredBasis, read_basis
from backend.store.syncs import get_sync
from backend.training.names import REPORT_JOB

log = structlog.get_logger(__name__)

# Part of the time that one project's reports may take: one that took 10 s is not made again for 200 s.
_MOST_LOAD = 0.05
# Seconds of reports that one look may ask for, by how long they took before: a third of the time until the
# next look.
_ROUND_SECONDS = 20.0
_LIMIT_SECONDS = 600


def queue_old_reports(services: Services) -> list[int]:
    """Queue the reports that are to be worked out now, the oldest first; return their projects.

    A project that cannot be looked at is logged and harms no other; one that is gone needs no report.

    Raises:
        DatabaseUnavailable, QueueUnavailable: one of them does not answer.
    """
    now, old = datetime.now(UTC), list[tuple[datetime, float, int]]()
    for project_id, _, _ in list_projects(services.database):
        try:
            stored = read_basis(services.database, project_id)
            if _is_old(services, project_id, stored, now=now):
                made_at, seconds = (stored.made_at, stored.seconds) if stored else (datetime.min, 0.0)
                old.append((made_at.replace(tzinfo=UTC), seconds, project_id))
        except DatabaseUnavailable:
            raise
        except AppError as error:  # a setting of its own that cannot be used, for one
            log.warning("report_not_queued", project=project_id, detail=error.message)
    queued, planned = list[int](), 0.0
    for _, seconds, project_id in sorted(old):
        if planned >= _ROUND_SECONDS:
            break  # the rest stays old, and is older than others at the next look
        planned += seconds
        queue_report(services.queue, project_id)
        queued.append(project_id)
    return queued


def queue_report(queue: JobQueue, project_id: int) -> None:
    """Queue the report of one project, unless it waits already.

    Raises:
        QueueUnavailable: Redis does not answer.
    """
    queue.enqueue_once(EVENTS, REPORT_JOB, project_id, timeout=_LIMIT_SECONDS)


def renew_report(services: Services, project_id: int) -> bool:
    """Work out the report of a queued project; False where it has none any more, or cannot have one.

    Raises:
        DatabaseUnavailable: nothing can be read or stored.
    """
    try:
        make_report(services, project_id)
        return True
    except DatabaseUnavailable:
        raise
    except NotFound:
        return False
    except AppError as error:
        log.warning("report_not_made", project=project_id, detail=error.message)
        return False


def _is_old(services: Services, project_id: int, stored: StoredBasis | None, *, now: datetime) -> bool:
    database = services.database
    if get_sync(database, project_id).gone_at is not None:
        return False
    if stored is None:
        return True
    if (now - stored.made_at).total_seconds() * _MOST_LOAD < stored.seconds:
        return False
    own = project_settings(database, project_id, services.settings)
    return basis_of(database, project_id, own, now=now) != stored.basis
