"""Jobs, named by text where they are queued. Each may run twice or be killed at any line."""

from backend.review.inbox import PROCESS_JOB
from backend.review.ingest import process_project_events
from backend.services import Services
from backend.settings import read_settings


def process_events(project_id: int | None) -> int:
    """Process one project's waiting events; return how many there were."""
    services = Services.build(read_settings())
    try:
        services.queue.job_started(PROCESS_JOB, project_id)
        return process_project_events(services.database, services.pipeline.planner, project_id)
    finally:
        services.close()
