"""What every process does first: read the settings, set up its logs."""

import sys

from backend.errors import SettingsError
from backend.logs import configure_logs
from backend.settings import Settings, read_settings


def start_process(name: str) -> Settings:
    """Return the settings; log lines carry `name`. An unusable setting ends the process in words."""
    try:
        settings = read_settings()
    except SettingsError as error:
        sys.exit(f"error: {error.message}")
    configure_logs(settings.log_level, process=name)
    return settings
