"""Alpha and kappa against published worked examples, and against their definitions by pairs."""

from collections import Counter
from itertools import permutations

import numpy as np
import pytest

from backend.stats.kappa_alpha import (
    alpha_of,
    alpha_row,
    cohen_kappa,
    kappa_of,
    kappa_row,
    krippendorff_alpha,
)


def units(*raters: str) -> list[tuple[str, ...]]:
    """Return the values of each thing, given those of each rater, "." where one is missing."""
    return [tuple(value for value in column if value != ".") for column in zip(*raters, strict=True)]


# Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", A to C, with the figures given there.
KRIPPENDORFF = [
    pytest.param(("0100000010", "1110010000"), 0.095, id="two-observers-binary"),
    pytest.param(("aabbdcccedda", "babbbccceddd"), 0.692, id="two-observers-nominal"),
    pytest.param(
        ("123321412...", "1233224125.3", ".3332342251.", "12332441251."),
        0.743,
        id="four-observers-with-missing",
    ),
]


@pytest.mark.parametrize(("raters", "alpha"), KRIPPENDORFF)
def test_alpha_is_that_of_the_published_example(raters: tuple[str, ...], alpha: float) -> None:
    found = krippendorff_alpha(units(*raters))
    assert found == pytest.approx(alpha, abs=0.0005)


# (counts of one by other), kappa: Fleiss 1981, Statistical Methods for Rates and Proportions, table 13.1
# (two diagnoses of 100 people, kappa 0.68), and the tables by which Cohen's kappa is usually explained.
KAPPA = [
    pytest.param([[75, 1, 4], [5, 4, 1], [0, 0, 10]], 0.6765, id="fleiss-diagnoses"),
    pytest.param([[20, 5], [10, 15]], 0.4, id="grant-proposals"),
    pytest.param([[45, 15], [25, 15]], 0.1304, id="same-agreement-even-margins"),
    pytest.param([[25, 35], [5, 35]], 0.2593, id="same-agreement-uneven-margins"),
]


@pytest.mark.parametrize(("table", "kappa"), KAPPA)
def test_kappa_is_that_of_the_published_example(table: list[list[int]], kappa: float) -> None:
    pairs = [
        (str(row), str(column))
        for row, counts in enumerate(table)
        for column, count in enumerate(counts)
        for _ in range(count)
    ]
    assert cohen_kappa(pairs) == pytest.approx(kappa, abs=0.0001)


def test_alpha_equals_its_definition_by_pairs_of_values() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        things = [tuple(rng.choice(list("abc"), size=rng.integers(0, 5))) for _ in range(15)]
        things = [thing for thing in things if len(thing) > 1]
        differing = sum(sum(a != b for a, b in permutations(t, 2)) / (len(t) - 1) for t in things)
        values = [value for thing in things for value in thing]
        by_chance = sum(a != b for a, b in permutations(values, 2)) / (len(values) - 1)
        assert krippendorff_alpha(things) == pytest.approx(1 - differing / by_chance)


def test_sum_of_rows_is_all_things_together() -> None:
    first, second = [("a", "a"), ("a", "b")], [("b", "b"), ("b", "b"), ("b", "a")]
    rows = np.array([alpha_row(Counter(some), ["a", "b"]) for some in (first, second)])
    assert alpha_of(rows.sum(axis=0)) == pytest.approx(krippendorff_alpha([*first, *second]))
    rows = np.array([kappa_row(Counter(some), ["a", "b"]) for some in (first, second)])
    assert kappa_of(rows.sum(axis=0)) == pytest.approx(cohen_kappa([*first, *second]))


@pytest.mark.parametrize(
    "things",
    [
        pytest.param([], id="nothing"),
        pytest.param([("a",), ("b",)], id="one-rater-each"),
        pytest.param([("a", "a"), ("a", "a")], id="one-value"),
    ],
)
def test_without_variation_there_is_no_alpha(things: list[tuple[str, ...]]) -> None:
    assert krippendorff_alpha(things) is None


def test_without_variation_there_is_no_kappa() -> None:
    assert cohen_kappa([]) is None
    assert cohen_kappa([("a", "a")]) is None


def test_full_agreement_is_one_and_full_disagreement_below_zero() -> None:
    assert krippendorff_alpha([("a", "a"), ("b", "b")]) == 1
    assert cohen_kappa([("a", "a"), ("b", "b")]) == 1
    assert cohen_kappa([("a", "b"), ("b", "a")]) == -1
