"""Decide whether a run of a project is due, and begin it. Done twice, or by two at once, it begins one."""

from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from backend.queue import JobQueue
from backend.settings import Settings
from backend.store.database import Database
from backend.store.decisions import read_decision, store_decision
from backend.store.ledger import hold_project
from backend.store.project_settings import project_settings
from backend.store.runs import create_run
from backend.store.training_requests import is_training_asked, take_request
from backend.training.facts import read_training_facts
from backend.training.policy import Decision, decide
from backend.training.request import queue_run
from backend.training_settings import TrainingSettings

log = structlog.get_logger(__name__)


def consider(
    database: Database,
    queue: JobQueue,
    settings: Settings,
    project_id: int,
    *,
    now: datetime,
    is_cron: bool = False,
) -> str | None:
    """Begin a run of the project if one is due; return its id.

    Args:
        database: Keeps the run, and the decision with its reason.
        queue: Brings the run to a worker; without Redis the sweep does so later.
        settings: For all projects.
        project_id: Label Studio's; nothing begins for one that is gone.
        now: The time.
        is_cron: It is a time of RETRAIN_CRON.

    Raises:
        DatabaseUnavailable: nothing is decided.
    """
    case = _Case(project_id, project_settings(database, project_id, settings), now=now, is_cron=is_cron)
    with database.read() as session:
        if not case.has_work(session):
            return None
    # Decided anew, since others may have begun a run in between.
    with database.write() as session:
        run_id = case.settle(session)
    if run_id is not None:
        log.info("run_begun", run=run_id, project=project_id)
        queue_run(queue, run_id)
    return run_id


class _Case:
    """One project at one moment."""

    def __init__(self, project_id: int, settings: TrainingSettings, *, now: datetime, is_cron: bool) -> None:
        self._project_id = project_id
        self._settings = settings
        self._now = now
        self._is_cron = is_cron

    def has_work(self, session: Session) -> bool:
        """Tell whether anything is to be stored; mostly, after an event, it is not."""
        decision, is_answer = self._decide(session)
        is_asked = is_answer and is_training_asked(session, self._project_id)
        return decision.is_due or is_asked or decision != read_decision(session, self._project_id)

    def settle(self, session: Session) -> str | None:
        """Store the decision; where it is that a run is due, begin it and return its id."""
        if not hold_project(session, self._project_id):
            take_request(session, self._project_id)  # nobody will ever answer it
            return None
        decision, is_answer = self._decide(session)
        run_id = None
        if decision.is_due:
            run_id = create_run(
                session, self._project_id, reason=decision.reason, settings=self._settings, now=self._now
            )
            if run_id is None:
                return None  # one is active after all: a request waits for its end
        if is_answer:
            take_request(session, self._project_id)
        store_decision(session, self._project_id, decision, now=self._now)
        return run_id

    def _decide(self, session: Session) -> tuple[Decision, bool]:
        """Return the decision, and whether it answers a request: one made during a run waits for its end."""
        facts = read_training_facts(session, self._project_id, now=self._now)
        is_asked = is_training_asked(session, self._project_id)
        decision = decide(facts, self._settings, is_asked=is_asked, is_cron=self._is_cron)
        return decision, not facts.has_active_run
