"""gunicorn's application: `gunicorn -c python:backend.gunicorn_conf _wsgi:app`."""

import gc
import threading

import structlog
from tenacity import RetryCallState, retry, retry_if_exception_type, wait_exponential

from backend.app import create_app
from backend.sam.warm_up import warm_up_sam
from backend.services import Services
from backend.start import start_process
from backend.store.prediction_log import projects_served_last

log = structlog.get_logger(__name__)


def _say(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.error("model_not_ready", detail=getattr(error, "message", str(error)))


# Again and again: somebody may put the file where the message says.
@retry(retry=retry_if_exception_type(Exception), wait=wait_exponential(multiplier=5, max=120), after=_say)
def _warm_up(services: Services) -> None:
    try:
        services.pipeline.warm_up()
    finally:  # projects with a champion may do without the weights of the settings
        services.champions.warm_up(projects_served_last(services.database))
        warm_up_sam(services.sam, services.database)
    # What was loaded stays for good. Else looking through all of torch's objects for garbage would stop every
    # thread for a tenth of a second now and then, in the middle of a request.
    gc.collect()
    gc.freeze()
    log.info("model_ready", version=services.pipeline.check())


_services = Services.build(start_process("web"))
app = create_app(_services)
_services.champions.start_watching()
# In the background, so that health checks and webhooks are answered meanwhile.
threading.Thread(target=_warm_up, args=(_services,), name="warm-up", daemon=True).start()
