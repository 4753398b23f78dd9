"""gunicorn's configuration, from our settings. Read once by gunicorn's master process."""

import os
import shutil
import tempfile
from typing import Any

import structlog

from backend.start import start_process

_settings = start_process("web")
_log = structlog.get_logger(__name__)

# Before any worker imports prometheus-client's values; a folder of its own for each run.
_settings.data_dir.mkdir(parents=True, exist_ok=True)
_metrics_dir = tempfile.mkdtemp(prefix="metrics-", dir=_settings.data_dir.resolve())
os.environ["PROMETHEUS_MULTIPROC_DIR"] = _metrics_dir

_host = f"[{_settings.bind_host}]" if ":" in _settings.bind_host else _settings.bind_host
bind = f"{_host}:{_settings.port}"
workers = _settings.web_workers
threads = _settings.web_threads
worker_class = "gthread"
# Seconds after which a process whose main loop hangs is replaced; requests run in threads of their own.
timeout = 120
graceful_timeout = 30
loglevel = "warning"
# A socket in the home folder for a tool that nobody uses here, and one that containers may not write.
control_socket_disable = True

if _settings.bind_host != _settings.host:
    _log.warning(
        "listening_on_loopback_only",
        asked=_settings.host,
        reason="BASIC_AUTH_USER and BASIC_AUTH_PASS are not set, so only this machine may call",
    )
elif not _settings.has_basic_auth and not _settings.webhook_secret.get_secret_value():
    _log.warning("no_password", reason="no BASIC_AUTH_USER and WEBHOOK_SECRET; only this machine may call")
_log.info("listening", address=f"http://{bind}", workers=workers, label_studio=_settings.label_studio_url)


def child_exit(server: Any, worker: Any) -> None:
    """Drop the gauges of a server process that ended."""
    # Imported here: prometheus-client chooses its storage by the variable above, when it is imported.
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Any) -> None:
    """Drop this run's counts."""
    shutil.rmtree(_metrics_dir, ignore_errors=True)
