from dataclasses import replace

from backend.report.advice import Advice, Topic, Urgency
from backend.report.month import MonthCounts, describe_month
from tests.backend.report.makers import NOW, VERSIONS, make_report

COUNTS = MonthCounts(reviewed=40, waiting=1, alerts=2, runs=3, promoted=1)


def describe(**changes: object) -> str:
    report = replace(make_report(), **changes)  # type: ignore[arg-type]
    return describe_month(report, COUNTS, month=NOW, address="http://here/dashboard/projects/1")


def test_month_is_told_with_its_numbers() -> None:
    text = describe()
    assert text.startswith("Street scenes (project 1) in March 2026\n")
    told = "In the month: 40 tasks reviewed, 3 training runs, 1 change of the model in service, 2 alerts."
    assert told in text
    assert VERSIONS[0] in text
    assert text.endswith("http://here/dashboard/projects/1")


def test_figures_that_are_not_of_the_month_say_so() -> None:
    *_, rest = describe().partition("Waiting now: 1 task.\n")
    quality, kept, agreement, *_ = rest.splitlines()
    assert quality.endswith("since it was put in service.")
    assert "has shown since then" in kept and agreement.startswith("Annotators agree now")


def test_share_of_regions_that_stayed_is_of_those_shown() -> None:
    tally = make_report().quality.versions[0].corrected.tally
    assert f"{100 * tally.kept / (tally.tp + tally.fp):.0f} stayed as they were" in describe()


def test_first_advice_comes_along() -> None:
    assert "To do now: Look at the new images (PSI 0.31). They are darker." in describe()


def test_nobody_is_named_to_the_whole_team() -> None:
    report = make_report()
    name = report.names[7]
    person = Advice(Topic.ANNOTATORS, Urgency.NOW, f"Talk to {name}", "98 %", "Accepts what is shown.")
    text = describe(advice=(person, *report.advice))
    assert name not in text and "Accepts" not in text
    assert text.count("To do now: ") == 3, "and others take the place"


def test_project_without_title_and_versions_is_told_of_too() -> None:
    report = make_report()
    text = describe(title="", quality=replace(report.quality, versions=()))
    assert text.startswith("Project 1 in March 2026")
    assert "Of 100 regions" not in text
