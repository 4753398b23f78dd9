from dataclasses import replace

import pytest

from backend.dashboard.charts.label_errors import label_errors_section
from backend.dashboard.charts.next_tasks import next_tasks_section
from backend.dashboard.charts.reviews import reviews_section
from backend.dashboard.entities import Links
from backend.review.entities import ReviewState
from backend.stats.label_errors import ErrorKind
from tests.backend.dashboard.charted import all_charts, column
from tests.backend.report.makers import NAMES, make_report

REPORT = make_report()
LINKS = Links(task=lambda task: f"https://label.example.org/projects/1/data?task={task}")


def test_suspected_errors_are_counted_by_kind() -> None:
    counts = {ErrorKind.MISSING: 7, ErrorKind.EXTRA: 0, ErrorKind.WRONG_CLASS: 3, ErrorKind.LOOSE: 1}
    report = replace(REPORT.label_errors, counts=counts)
    chart = all_charts([label_errors_section(report, NAMES, 1, LINKS)])["label-errors-kinds"]
    assert chart.table.rows == (
        ("Missing label", 7),
        ("Extra label", 0),
        ("Wrong class", 3),
        ("Loose box", 1),
    )
    assert chart.traces[0]["x"] == [7, 0, 3, 1]


def test_suspected_errors_are_listed_in_their_order_and_lead_to_their_task() -> None:
    section = label_errors_section(REPORT.label_errors, NAMES, 1, LINKS)
    table = all_charts([section])["label-errors-list"].table
    errors = REPORT.label_errors.errors
    assert column(table, "Task") == [100, 101, 102, 103]
    assert column(table, "Trust in the label") == [each.score for each in errors]
    assert column(table, "Why") == [each.reason for each in errors]
    assert column(table, "Label") == [None, "car", "car", "car"]
    assert column(table, "Model says") == ["car", "person", None, "car"]
    assert column(table, "Annotator") == ["Edsger Wybe"] * 4
    assert (table.links or {})[3] == "https://label.example.org/projects/1/data?task=103"
    assert "180 tasks with 700 objects" in section.intro and "12 more could not be judged" in section.intro


def test_labels_that_are_all_right_are_no_reason_to_do_anything() -> None:
    report = replace(REPORT.label_errors, counts={}, errors=())
    for chart in label_errors_section(report, NAMES, 1, LINKS).charts:
        assert chart.empty == "None of 700 labels on 180 tasks looks wrong. Nothing to do."
        assert not chart.table.rows


def test_next_tasks_are_listed_in_their_order_with_the_reason() -> None:
    section = next_tasks_section(REPORT.next_tasks, 1, LINKS)
    table = section.charts[0].table
    tasks = REPORT.next_tasks.tasks
    assert column(table, "Task") == [each.task_id for each in tasks]
    assert column(table, "Why") == [each.reason for each in tasks]
    assert column(table, "Worth") == [each.value for each in tasks]
    assert column(table, "Versions disagree") == [each.disagreement for each in tasks]
    assert (table.links or {})[39] == "https://label.example.org/projects/1/data?task=539"
    assert "out of 640 that wait, by v3 and v2:" in section.intro


def test_notes_of_next_tasks_stand_in_the_introduction() -> None:
    report = replace(REPORT.next_tasks, versions=(), notes=("No embeddings are known.",))
    intro = next_tasks_section(report, 1, LINKS).intro
    assert intro.endswith("No embeddings are known.") and "out of 640 that wait: where" in intro


def test_tasks_by_state_are_one_bar_of_three_parts() -> None:
    states = {ReviewState.NOT_VIEWED: 40, ReviewState.VIEWED: 10, ReviewState.TAKEN_IN_TRAINING: 150}
    (chart,) = reviews_section(states, 1).charts
    assert chart.table.rows == (("Waiting", 40, 20.0), ("Reviewed", 10, 5.0), ("Trained on", 150, 75.0))
    assert [(trace["name"], trace["x"], trace["y"]) for trace in chart.traces] == [
        ("Waiting", [40], ["Tasks"]),
        ("Reviewed", [10], ["Tasks"]),
        ("Trained on", [150], ["Tasks"]),
    ]
    assert chart.layout["barmode"] == "stack"


@pytest.mark.parametrize(
    "states", [pytest.param({}, id="none"), pytest.param({ReviewState.VIEWED: 0}, id="0")]
)
def test_project_without_tasks_is_told_to_import_some(states: dict[ReviewState, int]) -> None:
    (chart,) = reviews_section(states, 3).charts
    assert not chart.table.rows and chart.empty.endswith("python -m backend sync --project 3")
