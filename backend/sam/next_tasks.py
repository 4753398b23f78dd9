"""Which tasks an annotator comes to next."""

from backend.entities import Task
from backend.labelstudio.client import LabelStudioClient
from backend.labelstudio.project_tasks import UNLABELLED, ProjectTasks


def next_tasks(client: LabelStudioClient, project_id: int, task_id: int, *, count: int) -> list[Task]:
    """Return the `count` tasks after this one that nobody has labelled, by ascending id.

    That is the page's own order. In a project that is labelled by uncertainty, or by a tab in another order,
    the next ones are others.

    Raises:
        LabelStudioError: no token is set, or Label Studio refuses or is out of reach.
    """
    if count == 0:
        return []
    # `is_full` is what keeps Label Studio from having the tasks predicted here before it lists them, which
    # would have their next tasks listed in turn; with two fields named it makes the answer no larger.
    rows = ProjectTasks(client, project_id).rows_after(
        task_id, "id,data", conditions=(UNLABELLED,), limit=count, is_full=True
    )
    return [Task(row["id"], row["data"]) for row in rows]
