"""Files that go with a message: the report of a month, until it was sent."""

from datetime import datetime, timedelta
from pathlib import Path

from backend.alerts.entities import Alert

MONTHLY_REPORT = "monthly_report"


def month_before(now: datetime) -> datetime:
    """Return the first moment of the month before the one of `now`."""
    return (start_of_month(now) - timedelta(days=1)).replace(day=1)


def start_of_month(now: datetime) -> datetime:
    """Return the first moment of the month."""
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def report_file(data_dir: Path, project_id: int, raised_at: datetime) -> Path:
    """Return where the report is kept that an alert of that moment tells of."""
    return data_dir / "reports" / f"project-{project_id}-{month_before(raised_at):%Y-%m}.html"


def attached_file(data_dir: Path, alert: Alert) -> Path | None:
    """Return the file that goes with an alert's message; None where there is none, or not on this machine."""
    if alert.kind != MONTHLY_REPORT or alert.project_id is None:
        return None
    file = report_file(data_dir, alert.project_id, alert.raised_at)
    return file if file.is_file() else None
