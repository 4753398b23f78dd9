"""gunicorn's application: `gunicorn -c python:backend.gunicorn_conf _wsgi:app`."""

import threading

import structlog

from backend.app import create_app
from backend.errors import AppError
from backend.logs import configure_logs
from backend.services import Services
from backend.settings import read_settings


def _warm_up(services: Services) -> None:
    log = structlog.get_logger(__name__)
    try:
        services.pipeline.warm_up()
        log.info("model_ready", version=services.pipeline.check())
    except AppError as error:
        log.error("model_not_ready", detail=error.message)


_settings = read_settings()
configure_logs(_settings.log_level, process="web")
_services = Services.build(_settings)
app = create_app(_services)
# In the background, so that health checks and webhooks are answered meanwhile.
threading.Thread(target=_warm_up, args=(_services,), name="warm-up", daemon=True).start()
