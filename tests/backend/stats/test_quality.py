"""A version's figures from sums: rates, groups, and what is undefined."""

from datetime import date
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.review.entities import Tally
from backend.stats.quality import Anchoring, Cell, Figures, Sums, VersionSums, assess, figures_of

MONDAY, NEXT_MONDAY = date(2024, 11, 4), date(2024, 11, 11)
TALLIES = st.lists(st.builds(Tally, *[st.integers(0, 5)] * 6), min_size=1, max_size=8)


def sums_of(*tallies: Tally) -> Sums:
    """Add up annotations as the database does."""

    def total(first: str, second: str) -> float:
        return float(sum(getattr(each, first) * getattr(each, second) for each in tallies))

    return Sums(
        annotations=len(tallies),
        kept=sum(each.kept for each in tallies),
        adjusted=sum(each.adjusted for each in tallies),
        deleted=sum(each.deleted for each in tallies),
        added=sum(each.added for each in tallies),
        relabelled_from=sum(each.relabelled_from for each in tallies),
        relabelled_to=sum(each.relabelled_to for each in tallies),
        tp_tp=total("tp", "tp"),
        tp_fp=total("tp", "fp"),
        tp_fn=total("tp", "fn"),
        fp_fp=total("fp", "fp"),
        fp_fn=total("fp", "fn"),
        fn_fn=total("fn", "fn"),
        with_shown=sum(each.tp + each.fp > 0 for each in tallies),
        with_annotated=sum(each.tp + each.fn > 0 for each in tallies),
        with_either=sum(each.tp + each.fp + each.fn > 0 for each in tallies),
    )


def version_of(*cells: Cell, **changes: object) -> VersionSums:
    empty = {"labels": {}, "tasks": {}, "tasks_by_label": {}, "tasks_by_annotator": {}, "tasks_by_week": {}}
    return VersionSums(**{"version": "v1", "cells": cells, "relabelled": (), **empty, **changes})


def cell(*tallies: Tally, is_blind: bool = False, annotator: int | None = 5, week: date = MONDAY) -> Cell:
    return Cell(is_blind, annotator, week, sums_of(*tallies))


def rates(figures: Figures) -> tuple[float | None, ...]:
    estimates = (figures.precision, figures.recall, figures.f1)
    return tuple(None if each is None else each.value for each in estimates)


def test_rates_are_those_of_the_counts() -> None:
    figures = figures_of(sums_of(Tally(kept=5, adjusted=1, deleted=2, added=4)), tasks=1)
    assert rates(figures) == pytest.approx((6 / 8, 6 / 10, 12 / 18))


def test_relabelled_region_is_a_false_positive_and_a_false_negative() -> None:
    figures = figures_of(sums_of(Tally(kept=3, relabelled_from=1, relabelled_to=1)), tasks=1)
    assert rates(figures) == pytest.approx((0.75, 0.75, 0.75))


@pytest.mark.parametrize(
    ("tally", "expected"),
    [
        pytest.param(Tally(), (None, None, None), id="nothing shown, nothing annotated"),
        pytest.param(Tally(deleted=2), (0.0, None, 0.0), id="nothing annotated"),
        pytest.param(Tally(added=2), (None, 0.0, 0.0), id="nothing shown"),
    ],
)
def test_rate_of_nothing_is_undefined_and_not_zero(tally: Tally, expected: tuple[float | None, ...]) -> None:
    assert rates(figures_of(sums_of(tally), tasks=1)) == expected


@given(TALLIES)
def test_rate_lies_within_its_interval_and_the_interval_between_0_and_1(tallies: list[Tally]) -> None:
    figures = figures_of(sums_of(*tallies), tasks=1)
    for estimate in (figures.precision, figures.recall, figures.f1):
        assert estimate is None or 0 <= estimate.low <= estimate.value <= estimate.high <= 1


@given(TALLIES)
def test_f1_is_the_harmonic_mean_of_precision_and_recall(tallies: list[Tally]) -> None:
    precision, recall, f1 = rates(figures_of(sums_of(*tallies), tasks=1))
    if precision and recall:
        assert f1 == pytest.approx(2 / (1 / precision + 1 / recall))


def test_errors_heaped_in_few_images_widen_the_interval() -> None:
    spread = figures_of(sums_of(*[Tally(kept=8, deleted=2)] * 20), tasks=20).precision
    heaped = figures_of(sums_of(*[Tally(kept=10)] * 16, *[Tally(deleted=10)] * 4), tasks=20).precision
    assert spread is not None and heaped is not None and spread.value == heaped.value
    assert heaped.high - heaped.low > 2 * (spread.high - spread.low)


def test_corrected_and_blind_tasks_stay_apart_and_their_difference_is_the_anchoring() -> None:
    quality = assess(
        version_of(
            cell(*[Tally(kept=9, deleted=1)] * 10), cell(*[Tally(kept=7, deleted=3)] * 10, is_blind=True)
        )
    )
    assert (rates(quality.corrected)[0], rates(quality.blind)[0]) == (0.9, 0.7)
    assert quality.anchoring is not None and quality.anchoring.precision is not None
    assert quality.anchoring.precision.value == pytest.approx(0.2)
    assert 0 < quality.anchoring.precision.low < 0.2 < quality.anchoring.precision.high


@pytest.mark.parametrize("is_blind", [pytest.param(True, id="blind"), pytest.param(False, id="corrected")])
def test_one_kind_of_tasks_alone_has_no_anchoring(is_blind: bool) -> None:
    assert assess(version_of(cell(Tally(kept=1), is_blind=is_blind))).anchoring is None


def test_anchoring_of_an_undefined_rate_is_undefined() -> None:
    quality = assess(version_of(cell(Tally(kept=1)), cell(Tally(deleted=1), is_blind=True)))
    assert isinstance(quality.anchoring, Anchoring)
    assert quality.anchoring.precision is not None and quality.anchoring.recall is None


def test_annotators_and_weeks_each_add_up_to_the_version() -> None:
    cells = [
        cell(Tally(kept=number, added=1), annotator=annotator, week=week, is_blind=is_blind)
        for number, (annotator, week, is_blind) in enumerate(
            product((5, 6, None), (NEXT_MONDAY, MONDAY), (False, True))
        )
    ]
    quality = assess(version_of(*cells))
    assert [part.key for part in quality.annotators] == [5, 6, None]
    assert [part.key for part in quality.weeks] == [MONDAY, NEXT_MONDAY]
    assert (quality.first_week, quality.last_week) == (MONDAY, NEXT_MONDAY)
    for parts in (quality.annotators, quality.weeks):
        for kind in ("corrected", "blind"):
            whole: Figures = getattr(quality, kind)
            assert sum(getattr(part, kind).tally.kept for part in parts) == whole.tally.kept
            assert sum(getattr(part, kind).annotations for part in parts) == whole.annotations == 6


def test_labels_come_by_name_with_the_kind_that_is_missing_empty() -> None:
    labels = {("dog", True): sums_of(Tally(kept=1)), ("cat", False): sums_of(Tally(added=1))}
    quality = assess(version_of(cell(Tally(kept=1, added=1)), labels=labels))
    assert [part.key for part in quality.labels] == ["cat", "dog"]
    assert quality.labels[1].corrected == figures_of(Sums(), tasks=0)
    assert rates(quality.labels[1].blind) == (1.0, 1.0, 1.0)


def test_tasks_are_the_annotations_unless_counted_apart() -> None:
    two = cell(Tally(kept=1), Tally(kept=2))
    assert assess(version_of(two)).corrected.tasks == 2
    quality = assess(version_of(two, tasks={(None, False): 1}, tasks_by_annotator={(5, False): 1}))
    assert (quality.corrected.tasks, quality.annotators[0].corrected.tasks) == (1, 1)
