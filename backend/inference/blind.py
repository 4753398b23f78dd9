"""Which tasks are blind: predicted and logged, but not shown, so that annotators label them unaided. Pure."""

import hashlib


def is_blind(project_id: int | None, task_id: int | None, *, fraction: float) -> bool:
    """Tell whether a task is blind: always the same answer for a task, whatever the model version.

    Args:
        project_id: Label Studio's project; None where the caller names none.
        task_id: Label Studio's task; one without an id cannot be found again, so it is never blind.
        fraction: Share of tasks that are blind, in [0, 1].
    """
    if task_id is None:
        return False
    digest = hashlib.sha256(f"blind\n{project_id}\n{task_id}".encode()).digest()
    # The first 53 bits, as many as a float holds exactly, as a number in [0, 1).
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53 < fraction
