"""Settings of what people are shown of a project. They hold for all projects; each may have its own."""

from enum import StrEnum

from pydantic import ConfigDict, Field

from backend.training_settings import TrainingSettings


class ModelRole(StrEnum):
    """What becomes of predictions in agreement: nothing; a rater to compare with; one of all the raters."""

    LEFT_OUT = "left-out"
    COMPARED = "compared"
    MEMBER = "member"


class ProjectSettings(TrainingSettings):
    """Everything that a project may set for itself: how it is trained, and what is shown and told of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    target_f1: float = Field(
        0.85, gt=0, lt=1, description="F1 on the test split that the learning curve is asked for."
    )
    agreement_iou: float = Field(
        0.5, ge=0.05, le=1, description="IoU from which on two people's regions are one thing."
    )
    agreement_model: ModelRole = Field(
        ModelRole.COMPARED,
        description="The model in agreement: left-out, compared with the annotators, or a member of them.",
    )
    idle_minutes: float = Field(
        10.0, gt=0, description="Minutes that one task counts at most in the time per task; the rest is idle."
    )
    drift_days: int = Field(
        30, ge=1, description="Days back from now whose images are compared with the training snapshot."
    )
    alert_drift: bool = Field(
        True, description="Whether an alert is raised when images, classes or scores have changed clearly."
    )
    next_tasks: int = Field(
        40, ge=1, le=200, description="How many tasks are named as the next ones worth labelling."
    )
    report_monthly: bool = Field(
        False, description="Whether a report of the month is sent to ALERT_URLS when it is over."
    )
