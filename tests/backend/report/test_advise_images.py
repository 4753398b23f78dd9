"""Advice on what to label: how many images, which classes, which tasks."""

from dataclasses import replace
from typing import Any

import pytest

from backend.report.advice import Advice, Topic, Urgency
from backend.report.entities import ProjectReport
from backend.stats.learning_curve import Outlook
from backend.stats.next_tasks import NextTasksReport
from backend.stats.outlook import ClassBalance, MoreImages
from tests.backend.report.calm_report import WAITING, lines_of, the_line


@pytest.mark.parametrize(
    ("outlook", "urgency", "words"),
    [
        (Outlook.FALLING, Urgency.NOW, "came last"),
        (Outlook.REACHABLE, Urgency.SOON, "Review about 2,400 more images to reach F1 0.85"),
        (Outlook.UNCERTAIN, Urgency.SOON, "train again"),
        (Outlook.OUT_OF_REACH, Urgency.SOON, "Change what is trained"),
        (Outlook.REACHED, Urgency.FINE, "No more images are needed for F1 0.85"),
        (Outlook.TOO_FEW, Urgency.FINE, "cannot be told yet"),
    ],
)
def test_answer_of_the_learning_curve_is_a_line(
    calm: ProjectReport, outlook: Outlook, urgency: Urgency, words: str
) -> None:
    changed = replace(calm.outlook, outlook=outlook, more=MoreImages(2306, 1000, None), advice="As it is.")
    line = next(line for line in lines_of(replace(calm, outlook=changed), Topic.IMAGES) if words in line.todo)
    assert (line.urgency, line.reason) == (urgency, "As it is.")
    assert line.figure == "F1 0.76 (0.72 to 0.80), target 0.85"


def with_classes(report: ProjectReport, *classes: ClassBalance) -> ProjectReport:
    return replace(report, outlook=replace(report.outlook, classes=classes))


def a_class(label: str, objects: int, test_objects: int | None = 50, f1: float | None = 0.8) -> ClassBalance:
    return ClassBalance(label, objects, None, 0.1, test_objects, f1)


@pytest.mark.parametrize(
    ("objects", "lacking"),
    [pytest.param(40, "60 more objects", id="a tenth"), pytest.param(99, "1 more object ", id="one")],
)
def test_rare_class_needs_a_tenth_of_the_most_frequent_one(
    calm: ProjectReport, objects: int, lacking: str
) -> None:
    line = the_line(with_classes(calm, a_class("car", 1000), a_class("bus", objects)), Topic.CLASSES)
    assert f'at least {lacking.strip()} of "bus"' in line.todo
    assert line.figure == f'"bus" {objects}, "car" 1,000'


def test_class_of_a_small_project_needs_ten_objects(calm: ProjectReport) -> None:
    line = the_line(
        with_classes(calm, a_class("car", 30), a_class("bus", 0), a_class("van", 8)), Topic.CLASSES
    )
    assert 'at least 10 more objects of "bus"' in line.todo and "Of 3 labels 2 are that rare" in line.reason


def test_class_with_few_test_objects_has_no_figure_to_trust(calm: ProjectReport) -> None:
    line = the_line(with_classes(calm, a_class("car", 500), a_class("bus", 400, 14, 0.6)), Topic.CLASSES)
    assert line.figure == '"bus": F1 0.60 of 14 test objects'
    assert "until that has 100, so 16 more take about 160 more labelled objects" in line.reason


def test_class_that_a_full_test_split_hardly_holds_stays_unsure_and_calls_for_nothing(
    calm: ProjectReport,
) -> None:
    rare = with_classes(calm, a_class("car", 500), a_class("bus", 400, 14, 0.6))
    full = replace(rare, outlook=replace(rare.outlook, test_images=100))
    (line,) = lines_of(full, Topic.CLASSES)
    assert line.urgency is Urgency.FINE and "The test split is full" in line.reason
    assert "labelled objects" not in line.reason


@pytest.mark.parametrize("test_objects", [None, 30])
def test_balanced_and_measured_classes_are_no_matter(calm: ProjectReport, test_objects: int | None) -> None:
    classes = (a_class("car", 500, test_objects), a_class("bus", 50, test_objects))
    assert not lines_of(with_classes(calm, *classes), Topic.CLASSES)


def waiting_line(report: ProjectReport, **changes: Any) -> Advice:
    states = {**WAITING, **changes}
    return next(line for line in lines_of(report, Topic.IMAGES, states) if "wait" in line.figure)


def test_waiting_tasks_come_with_the_reason_of_the_first(calm: ProjectReport) -> None:
    wanting = replace(calm, outlook=replace(calm.outlook, outlook=Outlook.REACHABLE))
    line = waiting_line(wanting)
    assert (line.todo, line.figure) == ("Label the 40 tasks that help most", "640 tasks wait")
    assert "task 500: The model is unsure" in line.reason and line.urgency is Urgency.SOON
    assert line.command == "python -m backend next --project 1"
    assert waiting_line(calm).urgency is Urgency.FINE, "the target is reached"


def test_waiting_tasks_without_an_order_are_listed(calm: ProjectReport) -> None:
    line = waiting_line(replace(calm, next_tasks=NextTasksReport((), 0, (), ())))
    assert (
        line.todo == "Label the tasks that wait" and line.command == "python -m backend reviews --project 1"
    )


def test_project_without_waiting_tasks_needs_images_until_the_target_is_reached(calm: ProjectReport) -> None:
    wanting = replace(calm, outlook=replace(calm.outlook, outlook=Outlook.UNCERTAIN))
    assert "Import more images" in [line.todo for line in lines_of(wanting, Topic.IMAGES)]
    assert "Import more images" not in [line.todo for line in lines_of(calm, Topic.IMAGES)]
