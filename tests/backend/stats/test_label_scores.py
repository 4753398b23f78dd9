"""A label is suspect as far as the model, where it contradicts, is hardly ever wrong."""

import math

import pytest

from backend.entities import Box
from backend.stats.label_errors import ErrorKind, JudgedTask, LabelError
from backend.stats.label_scores import SUSPECT, score_labels
from tests.backend.stats.judged_tasks import BOX, FAR, SIZE, agreeing, judged, mark

LOOSE = Box(100, 100, 200, 140)
CAR, PERSON = mark("car"), mark("person", FAR)
SURE_CAR, SURE_PERSON = mark("car", score=0.9), mark("person", FAR, 0.9)


def only(task: JudgedTask, *, among: int = 200) -> LabelError:
    """Return the one disagreement of a task among many in which all agree."""
    (error,) = score_labels([*agreeing(among), task])
    return error


@pytest.mark.parametrize(
    ("task", "kind", "label", "predicted"),
    [
        pytest.param(judged([CAR], [SURE_CAR, SURE_PERSON]), ErrorKind.MISSING, None, "person", id="missing"),
        pytest.param(judged([CAR, PERSON], [SURE_CAR]), ErrorKind.EXTRA, "person", None, id="extra"),
        pytest.param(
            judged([mark("person")], [SURE_CAR]), ErrorKind.WRONG_CLASS, "person", "car", id="wrong class"
        ),
        pytest.param(judged([mark(box=LOOSE)], [SURE_CAR]), ErrorKind.LOOSE, "car", "car", id="loose"),
    ],
)
def test_each_kind_is_found_with_both_sides(
    task: JudgedTask, kind: ErrorKind, label: str | None, predicted: str | None
) -> None:
    error = only(task)
    assert (error.kind, error.label, error.predicted_label) == (kind, label, predicted)
    assert 0 < error.score < SUSPECT
    assert (error.box is None, error.predicted_box is None) == (label is None, predicted is None)
    assert (error.task_id, error.annotation_id, error.annotator) == (1, 10, 3)
    assert (error.version, error.size, error.image) == ("v1", SIZE, "/data/1.jpg")
    assert error.reason.endswith(".")


def test_where_all_agree_nothing_is_wrong() -> None:
    assert score_labels(agreeing(20)) == []
    assert score_labels([]) == []


def test_surer_prediction_makes_a_missing_label_more_suspect() -> None:
    tasks = [judged([CAR], [SURE_CAR, mark("person", FAR, score)]) for score in (0.9, 0.5, 0.2)]
    scores = [only(task).score for task in tasks]
    assert scores == sorted(scores) and len(set(scores)) == 3


def test_model_that_misses_much_accuses_no_label_of_being_extra() -> None:
    missing_half = [judged([CAR, PERSON], [SURE_CAR], task_id=n) for n in range(100)] + agreeing(100)
    errors = score_labels(missing_half)
    assert {error.kind for error in errors} == {ErrorKind.EXTRA}
    assert min(error.score for error in errors) > SUSPECT


def test_model_that_sees_ghosts_accuses_no_one_of_missing_labels() -> None:
    ghosts = [judged([CAR], [SURE_CAR, SURE_PERSON], task_id=n) for n in range(100)] + agreeing(100)
    assert min(error.score for error in score_labels(ghosts)) > SUSPECT


def test_model_that_mixes_two_classes_up_accuses_no_one_of_wrong_ones() -> None:
    mixed = [judged([mark("person")], [SURE_CAR], task_id=n) for n in range(100)] + agreeing(100)
    assert min(error.score for error in score_labels(mixed)) > SUSPECT


def test_model_that_draws_badly_accuses_no_one_of_loose_boxes() -> None:
    loose = [judged([mark(box=LOOSE)], [SURE_CAR], task_id=n) for n in range(100)] + agreeing(100)
    assert min(error.score for error in score_labels(loose)) > SUSPECT


def test_recall_is_that_of_the_size() -> None:
    def labelled(side: float) -> Box:
        return Box(300, 20, 300 + side, 20 + side)

    small = [judged([CAR, mark("person", labelled(12))], [SURE_CAR], task_id=n) for n in range(50)]
    errors = score_labels(
        [*agreeing(200), *small, judged([CAR, mark("person", labelled(100))], [SURE_CAR], task_id=99)]
    )
    assert errors[0].task_id == 99 and errors[0].score < SUSPECT
    assert min(error.score for error in errors[1:]) > SUSPECT


def test_label_of_a_class_that_the_model_does_not_know_is_not_suspect() -> None:
    dogs = [judged([mark("dog")], [], task_id=n) for n in range(5)]
    assert min(error.score for error in score_labels([*agreeing(100), *dogs])) > SUSPECT


def test_what_is_labelled_as_one_thing_and_found_as_two_misses_no_label() -> None:
    twice = judged([CAR, PERSON], [SURE_CAR, mark(box=Box(100, 100, 200, 190), score=0.6), SURE_PERSON])
    assert only(twice).score > SUSPECT


def test_faint_finding_of_the_labels_class_clears_it() -> None:
    wrong, supported = (
        judged([mark("person")], [SURE_CAR, *more]) for more in ([], [mark("person", score=0.4)])
    )
    errors = {error.kind: error for error in score_labels([*agreeing(200), supported])}
    assert only(wrong).score < errors[ErrorKind.WRONG_CLASS].score


def test_small_differences_in_place_are_no_errors() -> None:
    assert score_labels([*agreeing(50), judged([mark(box=Box(100, 100, 200, 180))], [SURE_CAR])]) == []


def test_who_saw_the_prediction_is_doubted_less() -> None:
    def score(is_shown: bool) -> float:
        task = judged([CAR], [SURE_CAR, SURE_PERSON], is_shown=is_shown)
        return score_labels([*agreeing(100, is_shown=is_shown), task])[0].score

    assert score(is_shown=False) < score(is_shown=True)


def test_what_annotators_accept_does_not_count_for_what_they_never_saw() -> None:
    blind = [judged([CAR], [SURE_CAR, SURE_PERSON], task_id=n) for n in range(20)]
    alone = score_labels(blind)
    beside_accepted = score_labels([*blind, *agreeing(200, is_shown=True)])
    assert [error.score for error in alone] == [error.score for error in beside_accepted]


def test_choices_can_have_a_wrong_class_alone() -> None:
    sunny = [judged([mark("sun", None)], [mark("sun", None, 0.9)], task_id=n) for n in range(100)]
    (error,) = score_labels([*sunny, judged([mark("rain", None)], [mark("sun", None, 0.9)])])
    assert (error.kind, error.label, error.predicted_label) == (ErrorKind.WRONG_CLASS, "rain", "sun")
    assert error.box is None and error.score < SUSPECT


def test_scores_are_ranked_across_kinds_and_finite() -> None:
    tasks = [
        judged([CAR], [SURE_CAR, mark("person", FAR, 0.0)], task_id=1),
        judged([CAR, mark("person", Box(10, 10, 10, 10))], [SURE_CAR], task_id=2),
        judged([mark("person")], [mark("car", BOX, 1.0)], task_id=3),
        judged([mark(box=LOOSE)], [mark(score=0.0)], task_id=4),
    ]
    errors = score_labels([*agreeing(5), *tasks])
    assert len(errors) >= 4
    scores = [error.score for error in errors]
    assert scores == sorted(scores) and all(math.isfinite(s) and 0 <= s <= 1 for s in scores)


def test_one_finding_alone_accuses_nobody_though_a_surer_one_is_more_suspect() -> None:
    sure, unsure = (score_labels([judged([], [mark(score=score)])])[0].score for score in (0.99, 0.3))
    assert SUSPECT < sure < unsure
