"""What counts as new, as an example and as a correction."""

from datetime import timedelta

import pytest

from backend.store.database import Database
from backend.training.entities import RunState
from backend.training.facts import read_training_facts
from backend.training.policy import TrainingFacts
from tests.backend.review_rows import NO_COUNTS, NOON, PROJECT, open_task, store_rows, viewed_task
from tests.backend.training.projects import NOW, begin, end, plan_for, review

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def facts_of(database: Database, **at: timedelta) -> TrainingFacts:
    with database.read() as session:
        return read_training_facts(session, PROJECT, now=NOW + at.get("after", timedelta(0)))


def test_project_without_tasks_has_nothing(database: Database) -> None:
    assert facts_of(database) == TrainingFacts(0, 0, 0, 0, has_active_run=False)


def test_viewed_tasks_are_new_and_trained_ones_are_examples_too(database: Database) -> None:
    review(database, [1, 2])
    store_rows(database, viewed_task(3, state="taken_in_training"), open_task(4))
    facts = facts_of(database)
    assert (facts.examples, facts.new_reviewed, facts.new_corrections) == (3, 2, 8)


def test_deleted_tasks_and_those_of_other_projects_do_not_count(database: Database) -> None:
    store_rows(database, viewed_task(1, deleted_at=NOON), viewed_task(2, project_id=PROJECT + 1))
    assert facts_of(database) == TrainingFacts(0, 0, 0, 0, has_active_run=False)


def test_task_without_a_shown_prediction_is_unseen_and_holds_no_corrections(database: Database) -> None:
    review(database, [1])
    review(database, [2], **NO_COUNTS)
    review(database, [3], is_blind=True)
    facts = facts_of(database)
    assert (facts.new_reviewed, facts.new_corrections, facts.new_unseen) == (3, 4, 2)


def test_what_the_last_run_saw_is_not_new_though_it_could_not_learn_from_it(database: Database) -> None:
    review(database, [1, 2])
    run_id = begin(database)
    assert facts_of(database).has_active_run
    end(database, run_id)
    review(database, [3], reviewed_at=NOW + MINUTE)
    facts = facts_of(database)
    assert (facts.examples, facts.new_reviewed, facts.has_active_run) == (3, 1, False)


@pytest.mark.parametrize(
    ("state", "later", "new"),
    [
        pytest.param(RunState.FAILED, MINUTE, 0, id="failed just now"),
        pytest.param(RunState.FAILED, DAY, 2, id="failed a day ago"),
        pytest.param(RunState.CANCELLED, DAY, 0, id="cancelled"),
    ],
)
def test_what_a_run_left_counts_again_a_while_after_a_failure(
    database: Database, state: RunState, later: timedelta, new: int
) -> None:
    review(database, [1, 2])
    end(database, begin(database), state=state)
    assert facts_of(database, after=later).new_reviewed == new


def test_how_the_last_run_ended_is_known(database: Database) -> None:
    end(database, begin(database))
    end(database, begin(database, now=NOW + MINUTE), state=RunState.CANCELLED, now=NOW + 2 * MINUTE)
    assert facts_of(database, after=3 * MINUTE).last_run == RunState.CANCELLED


@pytest.mark.parametrize(
    ("planned", "known"),
    [
        pytest.param(True, True, id="for training"),
        pytest.param(False, False, id="smart tools alone"),
        pytest.param(None, True, id="nobody knows"),
    ],
)
def test_project_is_for_training_unless_its_plan_says_otherwise(
    database: Database, planned: bool | None, known: bool
) -> None:
    plan_for(database, is_for_training=planned)
    assert facts_of(database).is_for_training is known
