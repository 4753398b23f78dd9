"""What a model says of one image."""

from dataclasses import dataclass

from backend.entities import Detection


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found, the highest score first, and the image's embedding as in `Prediction`, or None."""

    detections: tuple[Detection, ...]
    embedding: bytes | None = None
