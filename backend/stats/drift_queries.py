"""Read what is compared of a project's images: those held out of training, and those of late."""

from datetime import datetime, timedelta

from backend.stats.change import Measure, unknown
from backend.stats.drift_report import DriftReport
from backend.store.database import Database


def read_drift(database: Database, project_id: int, *, days: int, now: datetime) -> DriftReport:
    """Return what has changed in the last `days` days."""
    bias = unknown(Measure.PREDICTION_BIAS, 0, 0, sides="with corrected and with predicted objects")
    return DriftReport(None, now - timedelta(days=days), now, 0, 0, (), bias, ())
