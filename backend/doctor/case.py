"""What the doctor looks at: the parts of a process as the settings make them, whatever state they are in."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from backend.doctor.check import within
from backend.errors import DatabaseUnavailable
from backend.labelstudio.connect import Connector
from backend.services import Services
from backend.settings import Settings

_OPENING_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Case:
    """One run of the doctor.

    `settings` are those that were given. `services` are made from them, except that no image comes out of
    the cache, and that a database which cannot be opened (`database_problem` says why) is replaced by an
    empty one. `connector` is how Label Studio reaches us, and what it must send.
    """

    settings: Settings
    services: Services
    connector: Connector
    database_problem: str | None = None


@contextmanager
def open_case(settings: Settings, connector: Connector) -> Iterator[Case]:
    """Make everything ready to be looked at, and close it in the end.

    Raises:
        SettingsError: an address in the settings cannot be used.
    """
    # A kept image would look well although its storage is gone.
    changes = settings.model_dump() | {"media_cache_mb": 0}
    with tempfile.TemporaryDirectory(prefix="doctor-", ignore_cleanup_errors=True) as folder:
        problem = None
        try:
            services = within(_OPENING_SECONDS, lambda: Services.build(_settings(**changes)))
        except (DatabaseUnavailable, OSError) as error:
            problem = _explain(error)
            stand_in = {
                "data_dir": folder,
                "database_url": "",
                "model_dir": settings.models_path,
                "redis_url": settings.redis_address,
            }
            services = Services.build(_settings(**changes | stand_in))
        try:
            yield Case(settings, services, connector, problem)
        finally:
            services.close()


def _settings(**values: object) -> Settings:
    return Settings(_env_file=None, **values)  # type: ignore[arg-type]


def _explain(error: Exception) -> str:
    if isinstance(error, DatabaseUnavailable):
        return error.message
    if isinstance(error, TimeoutError):
        return f"It could not be opened within {_OPENING_SECONDS:g} s."
    return f"It cannot be opened: {error}."
