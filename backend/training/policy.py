"""Whether a training run is due, and why or why not, in words. Pure: no clock, no tables."""

from dataclasses import dataclass

from backend.training.entities import RunState
from backend.training_settings import TrainingSettings

_NOT_FOR_TRAINING = (
    'No tag of the project is for training: no model fills any, and none has model_train="true". Add that to '
    "the tag of the labeling config that a model is to be trained for."
)


@dataclass(frozen=True, slots=True)
class TrainingFacts:
    """What is known of a project, as far as it decides whether to train.

    `examples` counts reviewed tasks, trained on or not. `new_reviewed` are those that no model was trained on
    as they are now and that were reviewed since the last run began; `last_run` is how that one ended. Of
    the new ones `new_corrections` counts regions adjusted, relabelled, deleted and added, and `new_unseen`
    tasks whose annotator saw no prediction. `is_for_training` is False where no tag of the project asks for a
    model.
    """

    examples: int
    new_reviewed: int
    new_corrections: int
    new_unseen: int
    has_active_run: bool
    last_run: RunState | None = None
    is_for_training: bool = True


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a run is due; `reason` says why or why not, with numbers."""

    is_due: bool
    reason: str


def decide(facts: TrainingFacts, settings: TrainingSettings, *, is_asked: bool, is_cron: bool) -> Decision:
    """Decide whether a run of the project is due.

    Args:
        facts: Of the project.
        settings: Of the project.
        is_asked: Somebody asked for a run.
        is_cron: It is a time of RETRAIN_CRON.
    """
    hindrance = _hindrance(facts, settings, is_asked=is_asked)
    if hindrance is not None:
        return Decision(False, hindrance)
    cause = _cause(facts, settings, is_asked=is_asked, is_cron=is_cron)
    return Decision(True, cause) if cause is not None else Decision(False, _missing(facts, settings))


def _hindrance(facts: TrainingFacts, settings: TrainingSettings, *, is_asked: bool) -> str | None:
    # First, since no run would follow an active one either.
    if not facts.is_for_training:
        return _NOT_FOR_TRAINING
    if facts.has_active_run:
        return "A run is active" + ("; the one that was asked for follows it." if is_asked else ".")
    if facts.examples < settings.retrain_min_examples:
        return (
            f"{facts.examples} of the {settings.retrain_min_examples} reviewed tasks that a run needs at "
            "least (RETRAIN_MIN_EXAMPLES)."
        )
    if not (is_asked or settings.retrain_auto):
        return f"Runs begin only when asked for (RETRAIN_AUTO is false): {_news(facts)}."
    return None


def _cause(facts: TrainingFacts, settings: TrainingSettings, *, is_asked: bool, is_cron: bool) -> str | None:
    if is_asked:
        return f"Asked for: {_news(facts)}."
    # A model that is right everywhere learns little from being told so.
    is_something_to_learn = facts.new_corrections > 0 or facts.new_unseen > 0
    if facts.new_reviewed >= settings.retrain_min_reviewed and is_something_to_learn:
        found = f"{_regions(facts.new_corrections)} corrected in them"
        if facts.new_unseen:
            found += f", and {facts.new_unseen} annotated without a prediction"
        return f"{facts.new_reviewed} of {settings.retrain_min_reviewed} reviewed tasks, {found}."
    if facts.new_corrections >= settings.retrain_min_corrections:
        return (
            f"{facts.new_corrections} of {settings.retrain_min_corrections} corrected regions, in "
            f"{_tasks(facts.new_reviewed)}."
        )
    if is_cron and facts.new_reviewed:
        return f"By the clock ({settings.retrain_cron}): {_news(facts)}."
    return None


def _missing(facts: TrainingFacts, settings: TrainingSettings) -> str:
    reviewed = f"{facts.new_reviewed} of {settings.retrain_min_reviewed} reviewed tasks"
    if facts.new_reviewed >= settings.retrain_min_reviewed:
        reviewed += ", but nothing in them was corrected"
    corrected = f"{facts.new_corrections} of {settings.retrain_min_corrections} corrected regions"
    return f"{reviewed}; {corrected}{_since(facts)}."


def _news(facts: TrainingFacts) -> str:
    return f"{_tasks(facts.new_reviewed)} new, {_regions(facts.new_corrections)} corrected{_since(facts)}"


def _since(facts: TrainingFacts) -> str:
    if facts.last_run == RunState.FAILED:
        return " since the last run, which failed"
    if facts.last_run == RunState.CANCELLED:
        return " since the last run, which was cancelled"
    return ""


def _tasks(count: int) -> str:
    return f"{count} reviewed task{'' if count == 1 else 's'}"


def _regions(count: int) -> str:
    return f"{count} region{'' if count == 1 else 's'}"
