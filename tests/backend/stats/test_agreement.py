"""The figures of a project's agreement."""

import numpy as np
import pytest

from backend.stats.agreement import AgreementReport, assess_agreement
from backend.stats.intervals import Estimate
from backend.stats.kappa_alpha import cohen_kappa, krippendorff_alpha
from backend.stats.task_agreement import (
    UNMATCHED,
    PairComparison,
    Rater,
    RaterKind,
    TaskComparison,
)

ANN, BOB, CAT = (Rater(RaterKind.ANNOTATOR, number) for number in (1, 2, 3))
MODEL = Rater(RaterKind.MODEL)
Cells = dict[tuple[str, str], int]


def pair(one: Rater, other: Rater, cells: Cells, *, is_of_members: bool = True, **choices: tuple[str, str]):
    ious = {both: 0.8 * count for both, count in cells.items() if UNMATCHED not in both}
    return PairComparison(one, other, is_of_members, cells, ious, choices)


def task(task_id: int, *pairs: PairComparison) -> TaskComparison:
    """Return a task; its things are those of the first pair."""
    things = {tuple(sorted(both)): 0 for both in pairs[0].cells}
    for both, count in pairs[0].cells.items():
        things[tuple(sorted(both))] += count
    return TaskComparison(task_id, pairs, things, dict(pairs[0].choices))


def assess(*tasks: TaskComparison) -> AgreementReport:
    return assess_agreement(7, tasks, iou=0.5, seed=1, draws=200)


def value(estimate: Estimate | None) -> float:
    assert estimate is not None and estimate.low <= estimate.value <= estimate.high
    return estimate.value


MIXED: Cells = {
    ("cat", "cat"): 6,
    ("dog", "dog"): 2,
    ("cat", "dog"): 1,
    ("cat", UNMATCHED): 2,
    (UNMATCHED, "dog"): 1,
}


def test_figures_of_two_annotators() -> None:
    report = assess(task(1, pair(ANN, BOB, MIXED)), task(2, pair(ANN, BOB, {("cat", "cat"): 1})))
    every = report.overall
    assert (every.tasks, every.regions, every.matched, every.equal) == (2, 23, 10, 9)
    assert value(every.f1) == pytest.approx(18 / 23)
    assert value(every.iou) == pytest.approx(0.8)
    units = [both for both, n in MIXED.items() for _ in range(n)] + [("cat", "cat")]
    assert value(every.alpha) == pytest.approx(krippendorff_alpha(units))
    matched = [both for both in units if UNMATCHED not in both]
    assert value(every.alpha_matched) == pytest.approx(krippendorff_alpha(matched))
    (only,) = report.pairs
    assert (only.one, only.other) == (ANN, BOB)
    assert only.agreement.f1 == every.f1 and only.agreement.alpha == every.alpha


def test_label_is_taken_against_all_others() -> None:
    report = assess(task(1, pair(ANN, BOB, MIXED)), task(2, pair(ANN, BOB, {("cat", "cat"): 1})))
    cat, dog = report.labels
    assert (cat.label, cat.agreement.regions, cat.agreement.equal) == ("cat", 17, 7)
    assert value(cat.agreement.f1) == pytest.approx(14 / 17)
    assert (dog.label, dog.agreement.regions, dog.agreement.tasks) == ("dog", 6, 1)
    assert value(dog.agreement.f1) == pytest.approx(4 / 6)
    # Of ten things that both marked one is called a dog by one of them.
    units = [("dog", "dog")] * 2 + [("cat", "dog")] + [("cat", "cat")] * 7
    assert value(dog.agreement.alpha_matched) == pytest.approx(krippendorff_alpha(units))


def test_images_where_nobody_marked_anything_say_nothing() -> None:
    report = assess(task(1, pair(ANN, BOB, {})))
    assert (report.overall.tasks, report.overall.f1, report.overall.alpha) == (0, None, None)
    assert report.labels == report.pairs == report.tasks == ()


def test_nothing_compared_gives_an_empty_report() -> None:
    report = assess()
    assert report.overall.f1 is None and report.raters == () and report.choices == ()


def test_choices_have_kappa_for_each_pair_and_alpha_for_all() -> None:
    said = [("sun", "sun")] * 4 + [("rain", "rain")] * 3 + [("sun", "rain")] * 2
    tasks = [task(n, pair(ANN, BOB, {}, weather=both)) for n, both in enumerate(said)]
    (weather,) = assess(*tasks).choices
    assert (weather.control, weather.tasks) == ("weather", 9)
    assert value(weather.alpha) == pytest.approx(krippendorff_alpha(said))
    (only,) = weather.pairs
    assert (only.tasks, only.equal) == (9, 7)
    assert value(only.kappa) == pytest.approx(cohen_kappa(said))


def test_tasks_are_listed_by_least_agreement() -> None:
    report = assess(
        task(1, pair(ANN, BOB, {("cat", "cat"): 2})),
        task(2, pair(ANN, BOB, {("cat", UNMATCHED): 1})),
        task(3, pair(ANN, BOB, {("cat", "cat"): 1, ("cat", "dog"): 1})),
        task(4, pair(ANN, BOB, {("cat", UNMATCHED): 2, (UNMATCHED, "dog"): 1})),
        task(5, pair(ANN, BOB, {}, weather=("sun", "rain"))),
    )
    assert [(each.task_id, each.agreement) for each in report.tasks] == [
        (4, 0),
        (2, 0),
        (5, 0),
        (3, 0.5),
        (1, 1),
    ]
    assert (report.tasks[0].things, report.tasks[0].disputed, report.tasks[0].raters) == (3, 3, (ANN, BOB))


def test_model_that_is_no_member_is_in_pairs_alone() -> None:
    with_model = pair(ANN, MODEL, {("cat", UNMATCHED): 3}, is_of_members=False)
    report = assess(task(1, pair(ANN, BOB, {("cat", "cat"): 3}), with_model))
    assert value(report.overall.f1) == 1
    assert [(each.one, each.other) for each in report.pairs] == [(ANN, BOB), (ANN, MODEL)]
    assert value(report.pairs[1].agreement.f1) == 0
    assert [each.rater for each in report.raters] == [ANN, BOB]


def test_careless_annotator_is_unlike_the_others() -> None:
    rng = np.random.default_rng(1)
    tasks = []
    for number in range(40):
        good, bad = int(rng.integers(8, 10)), int(rng.integers(4, 8))
        cells: list[Cells] = [{("cat", "cat"): n, ("cat", UNMATCHED): 10 - n} for n in (good, bad, bad)]
        tasks.append(
            task(number, pair(ANN, BOB, cells[0]), pair(ANN, CAT, cells[1]), pair(BOB, CAT, cells[2]))
        )
    raters = {each.rater: each for each in assess(*tasks).raters}
    assert [rater for rater, each in raters.items() if each.is_unlike] == [CAT]
    careless = raters[CAT]
    assert careless.tasks == 40 and value(careless.difference) == pytest.approx(
        value(careless.f1) - value(careless.f1_of_others)
    )


def test_of_two_annotators_nobody_can_tell_who_is_unlike() -> None:
    report = assess(*(task(n, pair(ANN, BOB, {("cat", UNMATCHED): 1})) for n in range(20)))
    assert [(each.difference, each.is_unlike) for each in report.raters] == [(None, False)] * 2
