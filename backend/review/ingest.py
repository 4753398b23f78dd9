"""Process stored events. Every event may be processed twice with the same outcome."""

from datetime import UTC, datetime

import structlog

from backend.errors import AppError
from backend.inference.plan import Planner
from backend.store.database import Database
from backend.store.event_log import mark_processed, pending_events
from backend.store.projects import store_project

log = structlog.get_logger(__name__)

# What these change is read from the newest of them; annotations wait in the inbox for their own account.
PROJECT_ACTIONS = ("PROJECT_CREATED", "PROJECT_UPDATED")
_BATCH = 500


def process_project_events(database: Database, planner: Planner, project_id: int | None) -> int:
    """Keep the project's labeling config and model version current; return how many events were processed.

    A config that cannot work is remembered without a version, so that `status` can show it.
    """
    done = 0
    while events := pending_events(database, actions=PROJECT_ACTIONS, project_id=project_id, limit=_BATCH):
        _, _, newest = events[-1]
        xml = (newest.get("project") or {}).get("label_config")
        error = None
        if project_id is not None and isinstance(xml, str):
            try:
                version: str | None = planner.plan(xml).version
            except AppError as failure:
                version, error = None, failure.message
                log.warning("project_config_unusable", project=project_id, detail=failure.message)
            now = datetime.now(UTC)
            store_project(database, project_id, label_config=xml, model_version=version, now=now)
        for event_id, _, _ in events:
            mark_processed(database, event_id, now=datetime.now(UTC), error=error)
        done += len(events)
    return done
