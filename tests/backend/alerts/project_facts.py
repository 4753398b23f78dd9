"""What is known of a project in which all is well, and runs of it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from backend.alerts.rules import LEAST_REGIONS, ProjectFacts, RecentF1, VersionF1
from backend.stats.intervals import Estimate
from backend.training.entities import Phase, RunState, TrainingRun, Verdict
from backend.training_settings import TrainingSettings

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
PROJECT = 7


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def facts(**changes: Any) -> ProjectFacts:
    """Return a project in use: a task was reviewed yesterday, some wait, and nothing was trained."""
    given = {
        "project_id": PROJECT,
        "is_gone": False,
        "waiting": 120,
        "waiting_since": days_ago(200),
        "reviewed_at": days_ago(1),
        "in_service": None,
        "recent": None,
        "versions": (),
        "runs": (),
        "drift": None,
    }
    return ProjectFacts(**{**given, **changes})


def version(
    name: str, f1: float | None, *, width: float = 0.1, regions: int = LEAST_REGIONS, is_trained: bool = True
) -> VersionF1:
    """Return a version's F1 with an interval of this width around it."""
    estimate = None if f1 is None else Estimate(f1, f1 - width / 2, f1 + width / 2)
    return VersionF1(name, is_trained, regions, estimate)


def recent(f1: float | None, *, regions: int = LEAST_REGIONS) -> RecentF1:
    """Return the F1 of late of v1, with an interval 0.1 wide."""
    estimate = None if f1 is None else Estimate(f1, f1 - 0.05, f1 + 0.05)
    return RecentF1("v1", date(2026, 4, 6), regions, estimate)


def run(run_id: str, state: RunState = RunState.DONE, **changes: Any) -> TrainingRun:
    """Return a run that ended in this state; one that is done was promoted."""
    is_done = state == RunState.DONE
    given = {
        "id": run_id,
        "project_id": PROJECT,
        "state": state,
        "phase": Phase.PROMOTE,
        "reason": "50 reviewed tasks",
        "settings": TrainingSettings(),
        "base": None,
        "base_weights": None,
        "snapshot": "ab" * 32,
        "epoch": 3,
        "epochs": 3,
        "batch": 16,
        "seconds": 30.0,
        "checkpoint": None,
        "attempts": 1,
        "retry_at": None,
        "error": "no space left" if state == RunState.FAILED else None,
        "warnings": (),
        "notes": (),
        "version": f"version of {run_id}" if is_done else None,
        "verdict": Verdict.PROMOTE if is_done else None,
        "verdict_reasons": (),
        "device": "cpu",
        "is_cancel_asked": False,
        "created_at": days_ago(1),
        "started_at": days_ago(1),
        "finished_at": None if state in (RunState.QUEUED, RunState.RUNNING) else days_ago(0.5),
    }
    return TrainingRun(**{**given, **changes})
