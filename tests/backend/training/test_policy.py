"""When a run is due, as a table of cases, and what the reasons say."""

from dataclasses import replace

import pytest

from backend.training.entities import RunState
from backend.training.policy import TrainingFacts, decide
from backend.training_settings import TrainingSettings

SETTINGS = TrainingSettings(retrain_min_reviewed=50, retrain_min_corrections=200, retrain_min_examples=10)
ONLY_ASKED = SETTINGS.model_copy(update={"retrain_auto": False})
SOME = TrainingFacts(examples=80, new_reviewed=38, new_corrections=61, new_unseen=0, has_active_run=False)
ENOUGH = replace(SOME, new_reviewed=50, new_corrections=1)
NOTHING_NEW = replace(SOME, new_reviewed=0, new_corrections=0)
ACTIVE = replace(ENOUGH, has_active_run=True)
NOT_FOR_TRAINING = replace(ENOUGH, is_for_training=False)


@pytest.mark.parametrize(
    ("facts", "settings", "is_asked", "is_cron", "is_due"),
    [
        pytest.param(SOME, SETTINGS, False, False, False, id="too few reviewed and corrected"),
        pytest.param(ENOUGH, SETTINGS, False, False, True, id="enough reviewed, one region corrected"),
        pytest.param(
            replace(ENOUGH, new_reviewed=49), SETTINGS, False, False, False, id="one reviewed too few"
        ),
        pytest.param(
            replace(ENOUGH, new_corrections=0), SETTINGS, False, False, False, id="all predictions were right"
        ),
        pytest.param(
            replace(ENOUGH, new_corrections=0, new_unseen=1),
            SETTINGS,
            False,
            False,
            True,
            id="enough reviewed, one without a prediction",
        ),
        pytest.param(
            replace(SOME, new_reviewed=9, new_corrections=200), SETTINGS, False, False, True, id="corrections"
        ),
        pytest.param(
            replace(SOME, new_corrections=199), SETTINGS, False, False, False, id="one correction too few"
        ),
        pytest.param(NOTHING_NEW, SETTINGS, True, False, True, id="asked, with nothing new"),
        pytest.param(replace(ENOUGH, examples=9), SETTINGS, False, False, False, id="too few examples"),
        pytest.param(replace(SOME, examples=9), SETTINGS, True, False, False, id="asked, too few examples"),
        pytest.param(replace(SOME, examples=9), SETTINGS, False, True, False, id="cron, too few examples"),
        pytest.param(ACTIVE, SETTINGS, False, False, False, id="a run is active"),
        pytest.param(ACTIVE, SETTINGS, True, False, False, id="asked while a run is active"),
        pytest.param(ACTIVE, SETTINGS, False, True, False, id="cron while a run is active"),
        pytest.param(replace(SOME, new_reviewed=1), SETTINGS, False, True, True, id="cron, one task new"),
        pytest.param(NOTHING_NEW, SETTINGS, False, True, False, id="cron, with nothing new"),
        pytest.param(ENOUGH, ONLY_ASKED, False, False, False, id="by themselves runs never begin"),
        pytest.param(ENOUGH, ONLY_ASKED, False, True, False, id="by themselves, not by the clock either"),
        pytest.param(SOME, ONLY_ASKED, True, False, True, id="but when asked for"),
        pytest.param(NOT_FOR_TRAINING, SETTINGS, False, False, False, id="no tag is for training"),
        pytest.param(NOT_FOR_TRAINING, SETTINGS, True, False, False, id="asked, no tag is for training"),
        pytest.param(NOT_FOR_TRAINING, SETTINGS, False, True, False, id="cron, no tag is for training"),
    ],
)
def test_run_is_due(
    facts: TrainingFacts, settings: TrainingSettings, is_asked: bool, is_cron: bool, is_due: bool
) -> None:
    assert decide(facts, settings, is_asked=is_asked, is_cron=is_cron).is_due is is_due


@pytest.mark.parametrize(
    ("facts", "is_asked", "is_cron", "words"),
    [
        pytest.param(
            SOME,
            False,
            False,
            "38 of 50 reviewed tasks; 61 of 200 corrected regions.",
            id="not due",
        ),
        pytest.param(
            replace(ENOUGH, new_reviewed=52, new_corrections=0),
            False,
            False,
            "52 of 50 reviewed tasks, but nothing in them was corrected; 0 of 200 corrected regions.",
            id="nothing to learn",
        ),
        pytest.param(
            ENOUGH, False, False, "50 of 50 reviewed tasks, 1 region corrected in them.", id="reviewed"
        ),
        pytest.param(
            replace(ENOUGH, new_corrections=0, new_unseen=7),
            False,
            False,
            "50 of 50 reviewed tasks, 0 regions corrected in them, and 7 annotated without a prediction.",
            id="without predictions",
        ),
        pytest.param(
            replace(SOME, new_corrections=240),
            False,
            False,
            "240 of 200 corrected regions, in 38 reviewed tasks.",
            id="corrections",
        ),
        pytest.param(
            SOME, True, False, "Asked for: 38 reviewed tasks new, 61 regions corrected.", id="asked"
        ),
        pytest.param(
            SOME,
            False,
            True,
            "By the clock (0 2 * * *): 38 reviewed tasks new, 61 regions corrected.",
            id="cron",
        ),
        pytest.param(
            replace(SOME, examples=8),
            True,
            False,
            "8 of the 10 reviewed tasks that a run needs at least (RETRAIN_MIN_EXAMPLES).",
            id="too few examples",
        ),
        pytest.param(ACTIVE, False, False, "A run is active.", id="active"),
        pytest.param(
            ACTIVE, True, False, "A run is active; the one that was asked for follows it.", id="active, asked"
        ),
        pytest.param(
            replace(SOME, last_run=RunState.FAILED),
            False,
            False,
            "38 of 50 reviewed tasks; 61 of 200 corrected regions since the last run, which failed.",
            id="after a failure",
        ),
    ],
)
def test_reason_names_numbers(facts: TrainingFacts, is_asked: bool, is_cron: bool, words: str) -> None:
    settings = SETTINGS.model_copy(update={"retrain_cron": "0 2 * * *"})
    assert decide(facts, settings, is_asked=is_asked, is_cron=is_cron).reason == words


@pytest.mark.parametrize("is_active", [False, True], ids=["no run", "run active"])
@pytest.mark.parametrize("is_asked", [False, True], ids=["not asked", "asked"])
def test_reason_of_a_project_without_a_tag_to_train_for_says_what_changes_that(
    is_asked: bool, is_active: bool
) -> None:
    facts = replace(NOT_FOR_TRAINING, has_active_run=is_active)
    reason = decide(facts, SETTINGS, is_asked=is_asked, is_cron=False).reason
    assert reason.startswith("No tag of the project is for training") and 'model_train="true"' in reason
