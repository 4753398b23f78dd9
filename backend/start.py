"""What every process does first: read the settings, set up its logs."""

import socket
import sys

from backend.errors import SettingsError
from backend.logs import configure_logs
from backend.settings import Settings, read_settings


def check_start() -> None:
    """End in words where `make run` could not work: unusable settings, or the port in use."""
    settings = start_process("check")
    with socket.socket() as probe:
        if probe.connect_ex((settings.bind_host, settings.port)) == 0:
            sys.exit(f"error: Port {settings.port} is in use. Stop that program, or set PORT to another one.")


def start_process(name: str) -> Settings:
    """Return the settings; log lines carry `name`. An unusable setting ends the process in words."""
    try:
        settings = read_settings()
    except SettingsError as error:
        sys.exit(f"error: {error.message}")
    configure_logs(settings.log_level, process=name)
    return settings


if __name__ == "__main__":
    check_start()
