"""What to do next, each line with its number and its reason."""

from dataclasses import dataclass
from enum import StrEnum


class Topic(StrEnum):
    """What a piece of advice is about; a page links it to its section."""

    QUALITY = "quality"
    AGREEMENT = "agreement"
    ANNOTATORS = "annotators"
    LABEL_ERRORS = "label-errors"
    DRIFT = "drift"
    IMAGES = "images"
    CLASSES = "classes"
    TRAINING = "training"


class Urgency(StrEnum):
    """How soon: something is wrong now, something would help, or all is well."""

    NOW = "now"
    SOON = "soon"
    FINE = "fine"


@dataclass(frozen=True, slots=True)
class Advice:
    """One line: what to do, the number that calls for it, and why.

    `figure` is the number as it is read, such as "F1 0.71 (0.66 to 0.75)" or "14 tasks". `command` is a line
    for the command line that does it or shows more, or None.
    """

    topic: Topic
    urgency: Urgency
    todo: str
    figure: str
    reason: str
    command: str | None = None
