"""What a person does to a project's champion: promote, roll back, with the pre-labelling that follows."""

from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from backend.errors import AppError, DatabaseUnavailable
from backend.registry.move import promote, rollback
from backend.registry.prelabel import start_wanted_prelabels
from backend.services import Services
from backend.store.project_settings import project_settings
from backend.store.projects import label_config_of
from backend.store.reviews import check_project

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """How a project stands after it. `version` serves now; None: the weights of the settings.

    `is_new` is false where it served before. `prelabel_job` does the pre-labelling; where there is none and
    `is_prelabel_waiting`, the worker starts one later: mostly one of the model before has to end first.
    """

    project_id: int
    version: str | None
    is_new: bool
    prelabel_job: str | None
    is_prelabel_waiting: bool


def promote_version(
    services: Services, project_id: int, version: str | None, *, reason: str, expected: int | None = None
) -> Change:
    """Put a version in service, or with None the weights of the settings.

    Raises:
        NotFound, BadRequest, ArtifactError, ModelError: it cannot serve, or the champion was moved since it
            had been moved as often as `expected`; nothing was changed.
    """
    check_project(services.database, project_id)
    wants_prelabel = _wants_prelabel(services, project_id)
    is_new = promote(
        services.database,
        services.artifacts,
        project_id,
        version,
        reason=reason or "promoted by hand",
        prelabel=wants_prelabel,
        expected=expected,
        now=_now(),
    )
    return _settled(services, project_id, version, is_new=is_new, wants_prelabel=wants_prelabel)


def roll_back(services: Services, project_id: int, *, reason: str, expected: int | None = None) -> Change:
    """Put back in service what served before.

    Raises:
        NotFound, BadRequest, ArtifactError, ModelError: nothing can, or the champion was moved since it had
            been moved as often as `expected`; nothing was changed.
    """
    check_project(services.database, project_id)
    wants_prelabel = _wants_prelabel(services, project_id)
    version = rollback(
        services.database,
        services.artifacts,
        project_id,
        reason=reason or "rolled back by hand",
        prelabel=wants_prelabel,
        expected=expected,
        now=_now(),
    )
    return _settled(services, project_id, version, is_new=True, wants_prelabel=wants_prelabel)


def version_of_settings(services: Services, project_id: int) -> str | None:
    """Return the version that the settings and the labeling config alone mean; None where they mean none."""
    config = label_config_of(services.database, project_id)
    try:
        if config is None:
            return services.pipeline.default_checkpoint().version
        return services.pipeline.planner.plan(config).version
    except DatabaseUnavailable:
        raise
    except AppError:
        return None


def _wants_prelabel(services: Services, project_id: int) -> bool:
    return project_settings(services.database, project_id, services.settings).promote_prelabel


def _settled(
    services: Services, project_id: int, version: str | None, *, is_new: bool, wants_prelabel: bool
) -> Change:
    job = None
    try:
        job = start_wanted_prelabels(services.database, services.queue, now=_now()).get(project_id)
    except AppError as error:  # the champion is another one already, and the worker's sweep starts the job
        log.warning("prelabel_not_started", project=project_id, detail=error.message)
    waits = is_new and wants_prelabel and job is None
    return Change(project_id, version, is_new, job, waits)


def _now() -> datetime:
    return datetime.now(UTC)
