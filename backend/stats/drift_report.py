"""What has changed from the images that a model was trained on to those of late."""

from dataclasses import dataclass
from datetime import datetime

from backend.stats.change import Drift


@dataclass(frozen=True, slots=True)
class DriftReport:
    """The version in service, on the snapshot's held-out images and on those it predicted in the period.

    `version` is None where the weights of the settings serve: nothing is known of what they were trained on.
    `measures` compare images, `bias` predicted with corrected class shares of the reviewed tasks of the
    period. `notes` say what could not be compared, and what would help.
    """

    version: str | None
    since: datetime
    until: datetime
    training_images: int
    period_images: int
    measures: tuple[Drift, ...]
    bias: Drift
    notes: tuple[str, ...]
