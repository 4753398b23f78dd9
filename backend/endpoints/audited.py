"""Note in the audit log what a caller does, or is refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from flask import request

from backend.endpoints.auth import caller_name
from backend.endpoints.context import get_services
from backend.errors import AppError, DatabaseUnavailable
from backend.store.audit import add_audit

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Act:
    """What is being done; `detail` may be written anew while it is done, with what came of it."""

    detail: str


@contextmanager
def audited(project_id: int, action: str, detail: str = "", *, is_known: bool = True) -> Iterator[Act]:
    """Do something to a project within; afterwards the log says that it was done, or why it was not.

    Args:
        project_id: The project.
        action: Its name, in at most 32 characters.
        detail: What it is done to, in words.
        is_known: Whether there is such a project here. What is refused on one that nobody knows of is not
            written: it would be shown nowhere.
    """
    act = Act(detail)
    try:
        yield act
    except Exception as error:
        if not is_known:
            raise
        why = error.message if isinstance(error, AppError) else "the server failed; its log says why"
        _write(project_id, action, f"{act.detail}: {why}" if act.detail else why, is_done=False)
        raise
    _write(project_id, action, act.detail, is_done=True)


def _write(project_id: int, action: str, detail: str, *, is_done: bool) -> None:
    who, address = caller_name(), request.remote_addr or ""
    try:
        add_audit(
            get_services().database,
            project_id,
            who=who,
            address=address,
            action=action,
            detail=detail,
            is_done=is_done,
            now=datetime.now(UTC),
        )
    except DatabaseUnavailable as error:
        # What was done is done, and its caller must not be told otherwise; the log of the process keeps it.
        log.error(
            "audit_not_written",
            project=project_id,
            who=who,
            address=address,
            action=action,
            detail=detail,
            is_done=is_done,
            error=error.message,
        )
