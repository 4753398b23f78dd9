"""The one tree of errors: what went wrong, for whom, and what to do about it.

An error carries a stable `code` for programs, a public message for people and an HTTP status.
The message says what came, what was expected and what to do; it never holds a secret or a traceback.
"""


class AppError(Exception):
    """Base of every error that a caller may see.

    Args:
        message: What came, what was expected, what to do. Shown to callers.
    """

    code = "internal_error"
    status = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadRequest(AppError):
    """The request's body is not what the protocol asks for."""

    code = "bad_request"
    status = 400


class Unauthorized(AppError):
    """The caller named no valid credentials."""

    code = "unauthorized"
    status = 401


class Forbidden(AppError):
    """The caller may not do this, whatever credentials it names."""

    code = "forbidden"
    status = 403


class NotFound(AppError):
    """The named thing does not exist."""

    code = "not_found"
    status = 404


class PayloadTooLarge(AppError):
    """The body or the number of items is over the limit."""

    code = "payload_too_large"
    status = 413


class TooManyTasks(AppError):
    """More tasks than fit in one request: a job predicts them."""

    code = "too_many_tasks"
    status = 413


class LabelConfigError(AppError):
    """The project's labeling config cannot work with the model."""

    code = "label_config_invalid"
    status = 422


class MediaError(AppError):
    """A task's image cannot be had. `reason` is a short, stable word for counters."""

    code = "media_unavailable"
    status = 422

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class ModelError(AppError):
    """Weights are missing, corrupt, foreign, or of another task than the labeling config asks for."""

    code = "model_unavailable"
    status = 503


class DatabaseUnavailable(AppError):
    """The database is locked, full or out of reach. Nothing was stored."""

    code = "database_unavailable"
    status = 503


class QueueUnavailable(AppError):
    """Redis is out of reach, so no job can be queued."""

    code = "queue_unavailable"
    status = 503


class ReportBusy(AppError):
    """A project's report is being worked out by another process."""

    code = "report_busy"
    status = 503


class LabelStudioError(AppError):
    """Label Studio refused a call or is out of reach.

    `refused_with` is the status of a refusal that would be the same at the next try; None where the next
    one may work.
    """

    code = "label_studio_unavailable"
    status = 502

    def __init__(self, message: str, *, refused_with: int | None = None) -> None:
        super().__init__(message)
        self.refused_with = refused_with


class ArtifactError(AppError):
    """A kept file is missing, damaged, or cannot be stored."""

    code = "artifact_unavailable"
    status = 503


class ArtifactMissing(ArtifactError):
    """There is no kept file of that name."""


class SettingsError(AppError):
    """A setting holds a value that cannot be used."""

    code = "settings_invalid"
    status = 500
