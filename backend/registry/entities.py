"""Words of the registry: which version serves a project, and how that changed."""

from dataclasses import dataclass
from datetime import datetime

from backend.training.entities import TrainedVersion, Verdict

# What people write and read where no trained version serves.
SETTINGS_WEIGHTS = "settings"


@dataclass(frozen=True, slots=True)
class Promotion:
    """One change of a project's champion. None stands for the weights of the settings.

    `run_id` is the run that made it by itself, None where a person did.
    """

    id: int
    project_id: int
    version: str | None
    previous: str | None
    run_id: str | None
    reason: str
    promoted_at: datetime


@dataclass(frozen=True, slots=True)
class ListedVersion:
    """A version with what its run says of it.

    `images` counts those of its snapshot. `verdict` and `verdict_reasons` are the gate's.
    """

    trained: TrainedVersion
    images: int
    verdict: Verdict | None
    verdict_reasons: tuple[str, ...]
