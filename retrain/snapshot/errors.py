"""Why no snapshot could be taken."""

from backend.errors import AppError


class SnapshotError(AppError):
    """There is no data set to train on.

    Args:
        message: What came, what was expected, what to do.
        is_final: True where to try again changes nothing before people have labelled more.
        unfetched: Images that could not be had.
    """

    code = "snapshot_failed"
    status = 422

    def __init__(self, message: str, *, is_final: bool = False, unfetched: int = 0) -> None:
        super().__init__(message)
        self.is_final = is_final
        self.unfetched = unfetched
