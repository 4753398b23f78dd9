"""Times at which a run is due if anything is new: each project may have its own.

As with the syncs, a worker's sweep keeps them. Several workers may all find one: they queue one job, and one
that comes late finds a run active, or nothing new.
"""

from datetime import datetime

from croniter import croniter  # type: ignore[import-untyped]

from backend.queue import EVENTS, JobQueue
from backend.settings import Settings
from backend.store.database import Database
from backend.store.project_settings import projects_with_own
from backend.store.syncs import known_projects
from backend.training.names import CONSIDER_JOB

_NAME = "retrain_cron"


class TrainingSchedule:
    """The regular times, as one worker keeps them; what went by while it was down is not made up for.

    Args:
        now: Aware, of the machine's time zone, by which cron's times are meant.
    """

    def __init__(self, *, now: datetime) -> None:
        self._looked_at = now

    def queue_due(self, database: Database, queue: JobQueue, settings: Settings, *, now: datetime) -> None:
        """Consider the projects one of whose times has come since the last look.

        Raises:
            DatabaseUnavailable, QueueUnavailable: one of them does not answer; then they stay due.
        """
        for project_id in self.due_projects(database, settings, now=now):
            queue.enqueue_once(EVENTS, CONSIDER_JOB, project_id, True)
        self._looked_at = now

    def due_projects(self, database: Database, settings: Settings, *, now: datetime) -> list[int]:
        """Return the projects one of whose times has come since the last look, and that are not gone."""
        own = projects_with_own(database, _NAME)
        if settings.retrain_times is None and not own:
            return []
        return [
            sync.project_id
            for sync in known_projects(database)
            if sync.gone_at is None and self._has_come(_times(settings, own.get(sync.project_id)), now)
        ]

    def _has_come(self, times: str | None, now: datetime) -> bool:
        return times is not None and croniter(times, self._looked_at).get_next(datetime) <= now


def _times(settings: Settings, own: str | None) -> str | None:
    return settings.retrain_times if own is None else settings.of_project({_NAME: own}).retrain_times
