"""Advice on people and their labels."""

from dataclasses import replace

import pytest

from backend.report.advice import Topic, Urgency
from backend.report.entities import ProjectReport
from backend.stats.agreement import ChoiceAgreement, LabelAgreement
from backend.stats.agreement_figures import Agreement
from backend.stats.intervals import Estimate
from backend.stats.label_errors import ErrorKind
from tests.backend.report.calm_report import NO_AGREEMENT, WAITING, lines_of, the_line
from tests.backend.report.makers import NAMES, make_report


def test_who_probably_accepts_everything_is_talked_to_by_name(calm: ProjectReport) -> None:
    *others, last = calm.annotators
    warned = replace(last, warning="This person probably accepts.", has_evidence=True)
    line = the_line(replace(calm, annotators=(*others, warned)), Topic.ANNOTATORS)
    assert line.urgency is Urgency.NOW and f"Talk to {NAMES[7]}" in line.todo
    assert line.figure == "98 % (93 to 100) submitted as shown"
    assert line.reason == "This person probably accepts."


@pytest.mark.parametrize("blind", [0, 9])
def test_nobody_is_accused_without_evidence(calm: ProjectReport, blind: int) -> None:
    *others, last = calm.annotators
    unsure = replace(last, warning="It cannot be told.", blind=replace(last.blind, annotations=blind))
    line = the_line(replace(calm, annotators=(*others, unsure)), Topic.ANNOTATORS)
    assert line.urgency is Urgency.SOON and line.todo == f"Find out how {NAMES[7]} works"


def test_annotator_unlike_the_others_is_named_with_both_figures() -> None:
    report = make_report()
    (unlike,) = (each for each in report.agreement.raters if each.is_unlike)
    lines = lines_of(report, Topic.ANNOTATORS, WAITING)
    assert unlike.rater.id == 7 and unlike.f1 is not None
    assert any(NAMES[7] in line.todo and f"F1 {unlike.f1.value:.2f}" in line.figure for line in lines)


def test_unknown_agreement_says_how_to_measure_it(calm: ProjectReport) -> None:
    line = the_line(replace(calm, agreement=NO_AGREEMENT), Topic.AGREEMENT)
    assert line.command == "python -m backend overlap --project 1 --share 0.1 --annotators 2"


def with_alphas(report: ProjectReport, tasks: int = 12, **alphas: float) -> ProjectReport:
    def agreement(alpha: float) -> Agreement:
        estimate = Estimate(alpha, alpha - 0.1, min(1.0, alpha + 0.05))
        return Agreement(tasks, 48, 24, 20, estimate, estimate, Estimate(0, 0, 0), estimate)

    labels = tuple(LabelAgreement(label, agreement(alpha)) for label, alpha in alphas.items())
    return replace(report, agreement=replace(report.agreement, labels=labels))


@pytest.mark.parametrize(
    ("alpha", "urgency", "words"),
    [
        pytest.param(0.6, Urgency.NOW, "surely below 0.667", id="surely below the least"),
        pytest.param(0.65, Urgency.SOON, "that may be so here", id="below the least"),
        pytest.param(0.7, Urgency.SOON, "tentative", id="between"),
    ],
)
def test_label_with_least_agreement_is_judged_by_krippendorffs_limits(
    calm: ProjectReport, alpha: float, urgency: Urgency, words: str
) -> None:
    line = the_line(with_alphas(calm, car=0.75, van=alpha), Topic.AGREEMENT)
    assert line.urgency is urgency and words in line.reason and '"van"' in line.todo
    assert line.figure.startswith(f"alpha {alpha:.2f} (") and "1 other" in line.reason


def test_label_that_is_surely_unclear_comes_before_one_that_may_be_so(calm: ProjectReport) -> None:
    report = with_alphas(calm, car=0.6, van=0.55)
    car, van = report.agreement.labels
    unsure = replace(van, agreement=replace(van.agreement, alpha_matched=Estimate(0.55, 0.2, 0.9)))
    line = the_line(
        replace(report, agreement=replace(report.agreement, labels=(car, unsure))), Topic.AGREEMENT
    )
    assert line.urgency is Urgency.NOW and '"car"' in line.todo


@pytest.mark.parametrize(("alpha", "tasks"), [(0.8, 12), (0.3, 4)])
def test_agreement_that_is_firm_or_of_few_tasks_is_no_matter(
    calm: ProjectReport, alpha: float, tasks: int
) -> None:
    assert not lines_of(with_alphas(calm, tasks, car=alpha), Topic.AGREEMENT)


def test_choice_of_the_whole_image_counts_like_a_label(calm: ProjectReport) -> None:
    choice = ChoiceAgreement("weather", 20, Estimate(0.5, 0.3, 0.7), ())
    report = replace(calm, agreement=replace(calm.agreement, choices=(choice,)))
    assert '"weather"' in the_line(report, Topic.AGREEMENT).todo


def test_people_who_agree_less_than_the_model_should_are_told_so(calm: ProjectReport) -> None:
    overall = replace(calm.agreement.overall, f1=Estimate(0.7, 0.6, 0.8))
    line = the_line(replace(calm, agreement=replace(calm.agreement, overall=overall)), Topic.AGREEMENT)
    assert line.figure == "F1 0.70 (0.60 to 0.80) between people, target of the model 0.85"


@pytest.mark.parametrize(
    ("errors", "urgency"), [(1, Urgency.SOON), (69, Urgency.SOON), (70, Urgency.NOW)], ids=str
)
def test_suspected_labels_are_urgent_from_a_tenth_on(
    calm: ProjectReport, errors: int, urgency: Urgency
) -> None:
    found = replace(calm.label_errors, objects=700, counts={ErrorKind.MISSING: errors, ErrorKind.LOOSE: 0})
    line = the_line(replace(calm, label_errors=found), Topic.LABEL_ERRORS)
    assert line.urgency is urgency and line.figure == f"{errors} suspected, 700 objects looked at"
    assert f"missing label ({errors})" in line.reason and "loose" not in line.reason
    assert line.command == "python -m backend errors --project 1"


def test_annotator_whom_label_studio_does_not_name_goes_by_id(calm: ProjectReport) -> None:
    *others, last = calm.annotators
    warned = replace(last, warning="It cannot be told.")
    report = replace(calm, annotators=(*others, warned), names={})
    assert "annotator 7" in the_line(report, Topic.ANNOTATORS).todo
    nameless = replace(report, annotators=(replace(warned, annotator=None),))
    assert "the annotator without a name" in the_line(nameless, Topic.ANNOTATORS).todo
