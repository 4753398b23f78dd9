from dataclasses import replace

import pytest

from backend.dashboard.charts.agreement import agreement_section
from backend.dashboard.charts.agreement_pairs import partners_chart
from backend.dashboard.entities import Chart, Links
from backend.stats.agreement import AgreementReport, ChoiceAgreement, PairKappa
from backend.stats.intervals import Estimate
from backend.stats.task_agreement import Rater, RaterKind
from tests.backend.dashboard.charted import all_charts, column, estimates, named
from tests.backend.report.makers import NAMES, make_report

REPORT = make_report().agreement
ADA, GRACE = Rater(RaterKind.ANNOTATOR, 5), Rater(RaterKind.ANNOTATOR, 6)


def charts_of(report: AgreementReport = REPORT, names: dict[int, str] = NAMES) -> dict[str, Chart]:
    return all_charts([agreement_section(report, names, Links(task=lambda task: f"/task/{task}"))])


def test_labels_stand_below_all_of_them_together() -> None:
    table = charts_of()["agreement-labels"].table
    known = [REPORT.overall, *(each.agreement for each in REPORT.labels)]
    assert column(table, "Label") == ["All labels", "car", "person"]
    assert column(table, "Tasks") == [each.tasks for each in known]
    assert estimates(table, "F1") == [each.f1 for each in known]
    assert estimates(table, "IoU") == [each.iou for each in known]
    assert estimates(table, "Alpha") == [each.alpha for each in known]
    assert estimates(table, "Alpha of matched") == [each.alpha_matched for each in known]


def test_dots_have_their_intervals() -> None:
    trace = named(charts_of()["agreement-labels"], "F1")
    overall = REPORT.overall.f1
    assert overall is not None
    assert trace["x"][0] == overall.value
    assert trace["error_x"]["array"][0] == overall.high - overall.value
    assert trace["error_x"]["arrayminus"][0] == overall.value - overall.low


def test_matrix_holds_each_pair_twice_and_nobody_with_themselves() -> None:
    chart = charts_of()["agreement-matrix"]
    trace = chart.traces[0]
    assert trace["x"] == trace["y"] == list(NAMES.values())
    known = {(each.one.id, each.other.id): each.agreement.f1 for each in REPORT.pairs}
    ada_grace = known[5, 6]
    assert ada_grace is not None
    assert trace["z"][0][1] == trace["z"][1][0] == ada_grace.value
    assert [trace["z"][place][place] for place in range(3)] == [None] * 3
    assert estimates(chart.table, "F1") == [each.agreement.f1 for each in REPORT.pairs]
    assert column(chart.table, "One") == ["Ada Byron", "Ada Byron", "grace@example.org"]


def test_matrix_of_many_keeps_those_with_the_most_tasks() -> None:
    first = REPORT.pairs[0]
    pairs = tuple(
        replace(
            first,
            other=Rater(RaterKind.ANNOTATOR, person),
            agreement=replace(first.agreement, tasks=person),
        )
        for person in range(100, 140)
    )
    chart = charts_of(replace(REPORT, pairs=pairs))["agreement-matrix"]
    assert len(chart.table.rows) == 40
    assert chart.traces[0]["x"] == ["Ada Byron", *(f"annotator {person}" for person in range(121, 140))]


def test_tasks_on_which_all_agree_are_left_out() -> None:
    chart = charts_of()["agreement-tasks"]
    shown = [each for each in REPORT.tasks if each.agreement < 1]
    assert 0 < len(shown) < len(REPORT.tasks)
    assert column(chart.table, "Task") == [each.task_id for each in shown]
    assert column(chart.table, "Agreement") == [100 * each.agreement for each in shown]
    assert chart.table.links == {place: f"/task/{each.task_id}" for place, each in enumerate(shown)}


def test_full_agreement_is_no_reason_to_let_more_people_label() -> None:
    whole = tuple(replace(each, agreement=1.0) for each in REPORT.tasks)
    chart = charts_of(replace(REPORT, tasks=whole))["agreement-tasks"]
    assert not chart.table.rows and chart.empty.endswith("Nothing to do.")


def test_who_is_unlike_the_others_is_named() -> None:
    chart = charts_of()["agreement-raters"]
    unlike = [NAMES[each.rater.id or 0] for each in REPORT.raters if each.is_unlike]
    assert unlike == ["Edsger Wybe"]
    assert "Unlike the others: Edsger Wybe;" in chart.note
    assert column(chart.table, "Unlike the others") == ["no", "no", "yes"]
    assert estimates(chart.table, "Difference") == [each.difference for each in REPORT.raters]
    assert estimates(chart.table, "F1 of others") == [each.f1_of_others for each in REPORT.raters]


def test_two_people_are_told_that_a_third_is_needed() -> None:
    two = tuple(replace(each, difference=None) for each in REPORT.raters[:2])
    chart = charts_of(replace(REPORT, raters=two))["agreement-raters"]
    assert chart.empty.endswith("python -m backend overlap --project 1 --share 0.1 --annotators 3")


def test_choices_are_shown_where_there_are_any() -> None:
    assert "agreement-choices" not in charts_of()
    kappa, alpha = Estimate(0.7, 0.5, 0.9), Estimate(0.6, 0.4, 0.8)
    choice = ChoiceAgreement("weather", 30, alpha, (PairKappa(ADA, GRACE, 28, 25, kappa),))
    chart = charts_of(replace(REPORT, choices=(choice,)))["agreement-choices"]
    assert column(chart.table, "Who") == ["weather: all", "weather: Ada Byron and grace@example.org"]
    assert estimates(chart.table, "Kappa") == [None, kappa]
    assert estimates(chart.table, "Alpha") == [alpha, None]
    assert named(chart, "Kappa")["x"] == [None, 0.7]


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        pytest.param({5: "Ada"}, ["annotator 6", "annotator 7"], id="others have numbers"),
        pytest.param(NAMES, ["grace@example.org", "Edsger Wybe"], id="others have names"),
    ],
)
def test_one_annotator_is_compared_with_each_other(names: dict[int, str], shown: list[str]) -> None:
    chart = partners_chart(REPORT, 5, names)
    assert column(chart.table, "With") == shown
    assert estimates(chart.table, "F1") == [each.agreement.f1 for each in REPORT.pairs[:2]]


def test_who_labelled_with_nobody_is_told_how_to_change_that() -> None:
    chart = partners_chart(REPORT, 99, NAMES)
    assert not chart.traces and "python -m backend overlap --project 1" in chart.empty
