"""gunicorn's application: `gunicorn -c python:backend.gunicorn_conf _wsgi:app`."""

import threading

import structlog

from backend.app import create_app
from backend.errors import AppError
from backend.services import Services
from backend.start import start_process


def _warm_up(services: Services) -> None:
    log = structlog.get_logger(__name__)
    try:
        services.pipeline.warm_up()
        log.info("model_ready", version=services.pipeline.check())
    except AppError as error:
        log.error("model_not_ready", detail=error.message)


_services = Services.build(start_process("web"))
app = create_app(_services)
# In the background, so that health checks and webhooks are answered meanwhile.
threading.Thread(target=_warm_up, args=(_services,), name="warm-up", daemon=True).start()
