"""Read what speaks for labelling a task next."""

from backend.stats.next_tasks import NextTasksReport
from backend.store.database import Database


def read_next_tasks(database: Database, project_id: int, *, count: int) -> NextTasksReport:
    """Return the tasks worth labelling next."""
    return NextTasksReport((), 0, (), ())
