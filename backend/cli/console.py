"""What every command uses: the parts of one process, and where it prints."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from backend.logs import configure_logs
from backend.services import Services
from backend.settings import read_settings

out = Console(highlight=False, soft_wrap=True, markup=False)


@contextmanager
def open_services() -> Iterator[Services]:
    """Build the parts from the settings, and close them in the end.

    Raises:
        SettingsError, DatabaseUnavailable: they cannot be built.
    """
    settings = read_settings()
    configure_logs("warning", process="cli")
    services = Services.build(settings)
    try:
        yield services
    finally:
        services.close()
