"""Only a model that cannot have learnt a label may judge it."""

from datetime import UTC, datetime, timedelta

from backend.stats.label_unseen import Served, choose_unseen

LABELLED = datetime(2026, 3, 2, 12, tzinfo=UTC)
LEARNT = {"base": frozenset[int](), "with": frozenset({1}), "without": frozenset({2}), "lost": None}


def served(number: int, version: str, minutes: float) -> Served:
    return Served(number, version, is_blind=False, served_at=LABELLED + timedelta(minutes=minutes))


def chosen(*predictions: Served) -> int | None:
    found = choose_unseen(predictions, task_id=1, labelled_at=LABELLED, learnt=LEARNT.get)
    return found.id if found else None


def test_prediction_from_before_the_labels_may_judge_them_whatever_the_model() -> None:
    assert chosen(served(1, "with", -1)) == 1
    assert chosen(served(1, "lost", -1)) == 1
    assert chosen(served(1, "base", 0)) == 1


def test_later_prediction_needs_a_model_that_did_not_learn_from_the_task() -> None:
    assert chosen(served(1, "without", 1)) == 1
    assert chosen(served(1, "with", 1)) is None


def test_model_of_which_nobody_knows_what_it_learnt_may_not_judge() -> None:
    assert chosen(served(1, "lost", 1)) is None


def test_newest_that_may_judge_is_taken() -> None:
    early, late = served(1, "base", -5), served(2, "without", 5)
    assert chosen(late, early) == 2
    assert chosen(early, late, served(3, "with", 9)) == 2
    assert chosen(early, served(3, "with", 9)) == 1


def test_task_without_predictions_cannot_be_judged() -> None:
    assert chosen() is None
