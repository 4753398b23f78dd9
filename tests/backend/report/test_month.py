from dataclasses import replace

from backend.report.month import MonthCounts, describe_month
from tests.backend.report.makers import NOW, VERSIONS, make_report

COUNTS = MonthCounts(reviewed=40, waiting=1, alerts=2, runs=3, promoted=1)


def describe(**changes: object) -> str:
    report = replace(make_report(), **changes)  # type: ignore[arg-type]
    return describe_month(report, COUNTS, month=NOW, address="http://here/dashboard/projects/1")


def test_month_is_told_with_its_numbers() -> None:
    text = describe()
    assert text.startswith("Street scenes (project 1) in March 2026\n")
    assert "Reviewed: 40 tasks; 1 task wait" in text
    assert VERSIONS[0] in text
    assert "Training runs: 3, new models in service: 1. Alerts: 2." in text
    assert text.endswith("http://here/dashboard/projects/1")


def test_share_of_regions_that_stayed_is_of_those_shown() -> None:
    tally = make_report().quality.versions[0].corrected.tally
    assert f"{100 * tally.kept / (tally.tp + tally.fp):.0f} stayed as they were" in describe()


def test_first_advice_comes_along() -> None:
    assert "To do: Look at the new images (PSI 0.31). They are darker." in describe()


def test_project_without_title_and_versions_is_told_of_too() -> None:
    report = make_report()
    text = describe(title="", quality=replace(report.quality, versions=()))
    assert text.startswith("Project 1 in March 2026")
    assert "Of 100 regions" not in text
