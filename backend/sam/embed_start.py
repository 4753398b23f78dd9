"""Ask for a project's images to be encoded. Apart from the work itself, so that the server imports little."""

from pathlib import Path

import structlog

from backend.entities import JobState
from backend.errors import AppError, QueueUnavailable
from backend.labelstudio.label_config import parse_label_config
from backend.prelabel.project import Project
from backend.queue import PREDICT, JobQueue
from backend.sam.embed_progress import EmbedJobs
from backend.sam.output import has_smart_tools

log = structlog.get_logger(__name__)

EMBED_JOB = "retrain.jobs.embed_project"


def start_embedding(queue: JobQueue, project_id: int) -> bool:
    """Begin a pass over the project's images, or join the unfinished one; return whether it is new.

    Raises:
        QueueUnavailable: Redis does not answer.
    """
    is_new = EmbedJobs(queue.redis).begin(project_id)
    queue_embedding(queue, project_id)
    return is_new


def queue_embedding(queue: JobQueue, project_id: int) -> None:
    """Queue the next turn of a pass unless one waits already.

    Raises:
        QueueUnavailable: Redis does not answer.
    """
    queue.enqueue_once(PREDICT, EMBED_JOB, project_id, timeout=None)


def queue_waiting_embeddings(queue: JobQueue) -> None:
    """Queue the passes that no living process works on, unless they rest: of a killed worker, or that wait.

    Raises:
        QueueUnavailable: Redis does not answer.
    """
    for project_id in EmbedJobs(queue.redis).without_worker():
        queue_embedding(queue, project_id)


def embed_after_prelabel(
    queue: JobQueue, project: Project, project_id: int, weights: Path, *, state: JobState
) -> None:
    """Have the images of a project encoded whose pre-labelling is done, if its annotators use smart tools.

    Only where SAM's weights are there already: who never clicked must not have them fetched. What is in the
    way is logged, and harms nobody.

    Args:
        queue: Brings the pass to a worker.
        project: Label Studio's side of it.
        project_id: Label Studio's.
        weights: SAM's file.
        state: The pre-labelling job's.
    """
    if state != JobState.DONE or not weights.is_file():
        return
    try:
        if has_smart_tools(parse_label_config(project.label_config())):
            start_embedding(queue, project_id)
    except QueueUnavailable as error:
        log.warning("embedding_not_queued", project=project_id, detail=error.message)
    except AppError as error:
        log.info("embedding_not_wanted", project=project_id, detail=error.message)
