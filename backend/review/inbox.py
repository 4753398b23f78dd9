"""Take in what Label Studio reports: stored first, then a job to look at it, then the answer."""

from datetime import UTC, datetime

import structlog

from backend.errors import QueueUnavailable
from backend.labelstudio.events import parse_event
from backend.queue import EVENTS, JobQueue
from backend.store.event_writer import EventWriter

log = structlog.get_logger(__name__)

PROCESS_JOB = "retrain.jobs.process_events"


def receive_event(body: object, *, events: EventWriter, queue: JobQueue, text: str | None = None) -> bool:
    """Store one webhook event and queue its processing; return False where it was stored already.

    Events of one project share one waiting job, which takes all of them. Without Redis the event is
    stored all the same; the next event's job, or the worker's start, takes it along.

    Args:
        body: The event, decoded.
        events: Where it is stored.
        queue: Where its processing is queued.
        text: The same as JSON, in ASCII; None where it did not come like that.

    Raises:
        BadRequest: the body is no event.
        DatabaseUnavailable: the event is not stored.
    """
    now = datetime.now(UTC)
    event = parse_event(body, received_second=int(now.timestamp()), text=text)
    is_new = events.store(event, now=now)
    log.info("event", action=event.action, project=event.project_id, new=is_new)
    if is_new:
        try:
            queue.enqueue_once(EVENTS, PROCESS_JOB, event.project_id)
        except QueueUnavailable as error:
            log.warning("event_not_queued", project=event.project_id, detail=error.message)
    return is_new
