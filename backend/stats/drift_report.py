"""What has changed from the images that a model was trained on to those of late."""

from dataclasses import dataclass, replace
from datetime import datetime

from backend.stats.change import LEAST_IMAGES, Drift, Measure, Verdict


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


def with_notes(report: DriftReport, project_id: int, *, is_kept: bool, most: int) -> DriftReport:
    """Return the report with notes on what could not be compared, and what would help.

    Args:
        report: Without notes.
        project_id: Label Studio's, for the commands that they name.
        is_kept: Whether it is known what the version finds in its held-out images.
        most: How many images of the period are compared at most.
    """
    notes = [
        _on_training(report, project_id, is_kept),
        _on_period(report, project_id, most),
        _on_brightness(report),
        _on_bias(report),
    ]
    return replace(report, notes=tuple(note for note in notes if note is not None))


def _on_training(report: DriftReport, project_id: int, is_kept: bool) -> str | None:
    if report.version is None:
        return (
            "The weights of the settings serve, and it is not known what they were trained on. Images are "
            "compared as soon as a model that was trained here is in service: python -m backend train "
            f"--project {project_id}"
        )
    if not is_kept:
        return (
            f"{report.version} was made before it was kept what a model finds in the images held out of its "
            "training. Images are compared from the next training run on: python -m backend train "
            f"--project {project_id}"
        )
    if report.training_images < LEAST_IMAGES:
        return (
            f"{report.training_images} images were held out when {report.version} was trained; to compare "
            f"takes {LEAST_IMAGES}. A fifth of the reviewed images is held out, so review about "
            f"{5 * LEAST_IMAGES}; the next training run takes them in."
        )
    return None


def _on_period(report: DriftReport, project_id: int, most: int) -> str | None:
    if report.version is None:
        return None
    if report.period_images < LEAST_IMAGES:
        return (
            f"{report.version} predicted {report.period_images} images since {report.since:%Y-%m-%d} that it "
            f"does not know from training; to compare takes {LEAST_IMAGES}. Let it predict new tasks (python "
            f"-m backend prelabel --project {project_id}), or look at more days (DRIFT_DAYS)."
        )
    if report.period_images >= most:
        return f"Of the period the newest {most} images are compared."
    return None


def _on_brightness(report: DriftReport) -> str | None:
    known = {drift.measure: drift for drift in report.measures}
    light = known.get(Measure.BRIGHTNESS)
    # Of as many images as there are anything else is known.
    if light is None or min(report.training_images, report.period_images) < LEAST_IMAGES:
        return None
    if light.verdict != Verdict.UNKNOWN:
        return None
    return (
        f"The brightness is known of {light.actual_images} of the {report.period_images} images: of those "
        "that were predicted since it is measured. The others come to it when they are predicted again."
    )


def _on_bias(report: DriftReport) -> str | None:
    if report.bias.verdict != Verdict.UNKNOWN:
        return None
    return (
        f"To tell whether some classes are predicted too often takes {LEAST_IMAGES} reviewed tasks since "
        f"{report.since:%Y-%m-%d} that {report.version or 'the model'} had predicted. Review more of them."
    )
