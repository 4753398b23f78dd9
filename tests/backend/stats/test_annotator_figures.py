"""How each annotator works: medians, what stays untouched, and when that is worth a warning."""

from datetime import date
from typing import Any

import numpy as np
import pytest

from backend.stats.annotator_figures import (
    FEWEST_BLIND,
    AnnotatorFigures,
    AnnotatorWork,
    WorkedWeek,
    assess_annotators,
    share_of_annotations,
)
from backend.stats.quality import Figures, Sums, figures_of

MONDAY, NEXT_MONDAY = date(2024, 11, 4), date(2024, 11, 11)
REPEATS = 1000


def model_found(images: int, *, of_ten: int) -> Figures:
    """Return figures of images that hold ten things each, of which the model has found so many."""
    found, missed = of_ten, 10 - of_ten
    return figures_of(
        Sums(
            annotations=images,
            kept=found * images,
            added=missed * images,
            tp_tp=float(found * found * images),
            tp_fn=float(found * missed * images),
            fn_fn=float(missed * missed * images),
            with_shown=images,
            with_annotated=images,
            with_either=images,
        ),
        tasks=images,
    )


NOBODY = model_found(0, of_ten=0)


def work(
    annotator: int | None = 5,
    *,
    shown: int = 0,
    untouched: int = 0,
    seconds: tuple[float, ...] = (),
    **changes: Any,
) -> AnnotatorWork:
    week = WorkedWeek(MONDAY, max(shown, len(seconds)), seconds, shown, untouched)
    given: dict[str, Any] = {
        "tasks": week.annotations,
        "skipped": 0,
        "corrected": model_found(max(shown, 1), of_ten=10),
        "blind": NOBODY,
        "weeks": [week],
    }
    return AnnotatorWork(annotator, **{**given, **changes})


def assess(*works: AnnotatorWork) -> list[AnnotatorFigures]:
    return list(assess_annotators(works, idle_seconds=600))


def warning_of(*works: AnnotatorWork) -> str | None:
    return assess(*works)[0].warning


def test_annotators_come_by_id_and_an_unnamed_one_last() -> None:
    assert [each.annotator for each in assess(work(None), work(9), work(2))] == [2, 9, None]


def test_median_time_leaves_out_what_is_idle() -> None:
    (found,) = assess(work(seconds=(20.0, 30.0, 40.0, 50.0, 3600.0, 86_400.0, 86_400.0)))
    assert found.seconds is not None and found.seconds.value == 50
    assert found.seconds.high <= 600, "a day with the page open is ten minutes at most"


def test_time_that_nobody_knows_is_none() -> None:
    (found,) = assess(work(shown=3))
    assert found.seconds is None and found.weeks[0].seconds is None


def test_weeks_are_in_order_with_their_own_median_and_share() -> None:
    weeks = [
        WorkedWeek(NEXT_MONDAY, 2, (50.0, 900.0), 2, 2),
        WorkedWeek(MONDAY, 4, (10.0, 30.0, 20.0), 3, 1),
        WorkedWeek(date(2024, 11, 18), 1, (), 0, 0),
    ]
    (found,) = assess(work(weeks=weeks))
    assert [(each.week.day, each.annotations, each.seconds) for each in found.weeks] == [
        (4, 4, 20.0),
        (11, 2, 325.0),
        (18, 1, None),
    ]
    assert [each.untouched for each in found.weeks] == [1 / 3, 1.0, None]
    assert found.annotations == 7 and found.shown == 5
    assert found.untouched is not None and found.untouched.value == 0.6


def test_share_of_untouched_has_wilsons_interval() -> None:
    found = share_of_annotations(80, 100)
    assert found is not None and found.value == 0.8
    # Wilson with 1.96 has 0.7112 to 0.8666; Student's quantile of 99 degrees is 1.984.
    assert (found.low, found.high) == pytest.approx((0.710, 0.868), abs=0.001)


def test_nobody_who_saw_nothing_has_a_share() -> None:
    assert share_of_annotations(0, 0) is None


@pytest.mark.parametrize(
    ("share", "annotations"), [(0.5, 20), (0.3, 50), (0.5, 200), (0.8, 100), (0.9, 200), (0.97, 400)]
)
def test_interval_holds_the_true_share_95_times_in_100(share: float, annotations: int) -> None:
    drawn = np.random.default_rng(7).binomial(annotations, share, REPEATS).tolist()
    intervals = [share_of_annotations(untouched, annotations) for untouched in drawn]
    held = sum(each is not None and each.low <= share <= each.high for each in intervals)
    assert 0.93 <= held / REPEATS <= 0.97


ACCEPTING = {"shown": 200, "untouched": 196, "blind": model_found(20, of_ten=6)}
CAREFUL = {"shown": 200, "untouched": 80, "blind": model_found(20, of_ten=6)}


def test_who_accepts_all_but_marks_more_on_blind_tasks_is_named_with_both_numbers() -> None:
    warning = warning_of(work(5, **ACCEPTING), work(6, **CAREFUL))
    assert warning is not None and "probably accepts what is shown" in warning
    assert "Submits 98 % (95 % interval 95 to 99)" in warning and "the others do so with 40 %" in warning
    assert "on blind tasks, which show none, it has found 60 % (95 %" in warning


def test_careful_one_is_not_warned_of_though_blind_tasks_are_harder() -> None:
    careful = {**CAREFUL, "corrected": model_found(200, of_ten=9)}
    assert warning_of(work(4, **careful), work(5, **ACCEPTING)) is None


def test_who_leaves_much_because_the_model_is_right_is_not_warned_of() -> None:
    right = {**ACCEPTING, "blind": model_found(20, of_ten=10)}
    assert warning_of(work(5, **right), work(6, **CAREFUL)) is None


def test_who_leaves_as_much_as_the_others_is_not_warned_of() -> None:
    others = {**CAREFUL, "untouched": 195}
    assert warning_of(work(5, **ACCEPTING), work(6, **others)) is None


def test_one_annotator_alone_is_compared_with_their_own_blind_tasks() -> None:
    warning = warning_of(work(5, **ACCEPTING))
    assert warning is not None and "probably accepts" in warning and "the others" not in warning


def test_few_annotations_speak_for_nothing() -> None:
    few = {**ACCEPTING, "shown": 8, "untouched": 8}
    assert warning_of(work(5, **few), work(6, **CAREFUL)) is None


def test_without_any_blind_task_it_cannot_be_told_and_says_what_helps() -> None:
    unknown = {**ACCEPTING, "blind": NOBODY}
    warning = warning_of(work(5, **unknown), work(6, **{**CAREFUL, "blind": NOBODY}))
    assert warning is not None and "cannot be told" in warning and "probably" not in warning
    assert "nobody has had one. Set BLIND_FRACTION, or raise it" in warning


@pytest.mark.parametrize("blind", [0, FEWEST_BLIND - 1])
def test_where_blind_tasks_come_but_are_few_it_says_how_many_there_are(blind: int) -> None:
    few = {**ACCEPTING, "blind": model_found(blind, of_ten=0)}
    warning = warning_of(work(5, **few), work(6, **CAREFUL))
    assert warning is not None and "cannot be told" in warning and "BLIND_FRACTION" not in warning
    assert f"so far this person has had {blind} of the {FEWEST_BLIND} blind tasks" in warning


def test_who_marks_nothing_on_blind_tasks_is_not_said_to_accept_what_is_shown() -> None:
    empty = figures_of(Sums(annotations=9), tasks=9)
    found, _ = assess(work(5, **{**ACCEPTING, "blind": empty}), work(6, **CAREFUL))
    assert found.warning is not None and "cannot be told" in found.warning and not found.has_evidence
    assert "has marked nothing on the 9 blind tasks" in found.warning


def test_blind_tasks_that_bear_a_warning_out_are_evidence() -> None:
    evidence = [
        each.has_evidence for each in assess(work(5, **ACCEPTING), work(6, **CAREFUL), work(7, **CAREFUL))
    ]
    assert evidence == [True, False, False]


def test_without_warning_the_field_is_none() -> None:
    assert warning_of(work(5, **CAREFUL)) is None


def draw_figures(rng: np.random.Generator, images: int, recall: float) -> Figures:
    """Return figures of images with five things each, of which the model finds this share."""
    tp = rng.binomial(5, recall, images).astype(float)
    fn = 5 - tp
    return figures_of(
        Sums(
            annotations=images,
            kept=int(tp.sum()),
            added=int(fn.sum()),
            tp_tp=float(tp @ tp),
            tp_fn=float(tp @ fn),
            fn_fn=float(fn @ fn),
            with_shown=int((tp > 0).sum()),
            with_annotated=images,
            with_either=images,
        ),
        tasks=images,
    )


def draw_team(rng: np.random.Generator, recall: float, *, accepts: float) -> list[AnnotatorFigures]:
    """Return three annotators of 400 tasks and 20 blind ones; the first accepts this share of them unseen.

    Who looks adds all that the model has missed, so that a task is untouched where it has found all five.
    """
    works = []
    for person in range(3):
        blindly = accepts if person == 0 else 0.0
        is_left = (rng.random(400) < blindly) | (rng.binomial(5, recall, 400) == 5)
        corrected = draw_figures(rng, 400, blindly + (1 - blindly) * recall)
        blind = draw_figures(rng, 20, recall)
        works.append(work(person, shown=400, untouched=int(is_left.sum()), corrected=corrected, blind=blind))
    return assess(*works)


def test_careful_people_are_hardly_ever_warned_of_however_good_the_model() -> None:
    rng = np.random.default_rng(5)
    teams = [draw_team(rng, recall, accepts=0.0) for recall in (0.7, 0.97, 0.99) for _ in range(200)]
    assert sum(each.warning is not None for team in teams for each in team) <= 0.02 * 3 * len(teams)


def test_who_accepts_everything_is_found_and_nobody_else() -> None:
    rng = np.random.default_rng(6)
    teams = [draw_team(rng, 0.75, accepts=0.95) for _ in range(200)]
    assert sum(first.warning is not None for first, *_ in teams) >= 0.95 * len(teams)
    assert not [each for _, *others in teams for each in others if each.warning is not None]
