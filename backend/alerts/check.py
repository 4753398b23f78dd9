"""Look at every project, raise what is wrong and resolve what is in order again."""

from datetime import datetime

import structlog

from backend.alerts.facts import read_facts
from backend.alerts.rules import judge
from backend.errors import AppError, DatabaseUnavailable
from backend.settings import Settings
from backend.store.alerts import list_open_keys, open_key, raise_alert, resolve_alert
from backend.store.database import Database
from backend.store.project_settings import project_settings
from backend.store.projects import list_projects

log = structlog.get_logger(__name__)


def judge_projects(database: Database, settings: Settings, *, now: datetime) -> int:
    """Look at all projects; return how many alerts were raised or resolved. Sends nothing.

    A project that cannot be judged is logged and harms no other.

    Raises:
        DatabaseUnavailable: nothing can be read or stored.
    """
    changes = 0
    for project_id, _, _ in list_projects(database):
        try:
            changes += judge_project(database, settings, project_id, now=now)
        except DatabaseUnavailable:
            raise
        except AppError as error:  # a setting of its own that cannot be used, for one
            log.warning("project_not_judged", project=project_id, detail=error.message)
    return changes


def judge_project(database: Database, settings: Settings, project_id: int, *, now: datetime) -> int:
    """Look at one project; return how many of its alerts were raised or resolved.

    Raises:
        NotFound: there is no such project.
        SettingsError: a setting of the project cannot be used.
        DatabaseUnavailable: nothing can be read or stored.
    """
    own = project_settings(database, project_id, settings)
    facts = read_facts(database, project_id, is_level_watched=own.alert_min_f1 > 0)
    found = judge(facts, own, now=now)
    known = list_open_keys(database, project_id)
    news = [each for each in found if each.is_wrong != (open_key(project_id, each.kind, each.key) in known)]
    if not news:
        return 0  # mostly, and then nobody need wait for a write lock
    with database.write() as session:
        return sum(
            (raise_alert if each.is_wrong else resolve_alert)(
                session, project_id=project_id, kind=each.kind, key=each.key, message=each.message, now=now
            )
            for each in news
        )
