"""The report that tests of advice change."""

import pytest

from backend.report.entities import ProjectReport
from tests.backend.report.calm_report import calm_report


@pytest.fixture
def calm() -> ProjectReport:
    """Return a report in which nothing is wrong."""
    return calm_report()
