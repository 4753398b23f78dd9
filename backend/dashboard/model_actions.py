"""What people do to a project's model: train, cancel that, promote, roll back, pre-label."""

import re
from datetime import UTC, datetime

from backend.dashboard.actions import Action, Answer, Question, Target, home_of
from backend.dashboard.verdicts import verdict_badge
from backend.entities import JobOptions
from backend.errors import BadRequest, NotFound, QueueUnavailable
from backend.prelabel.start import start_prelabel
from backend.queue import EVENTS, PREDICT, TRAIN
from backend.registry.change import Change, promote_version, roll_back, version_of_settings
from backend.registry.entities import SETTINGS_WEIGHTS
from backend.registry.move import served_before
from backend.review.entities import ReviewState
from backend.services import Services
from backend.store.jobs import active_job
from backend.store.project_settings import project_settings
from backend.store.reviews import count_states
from backend.store.runs import active_run, ask_to_cancel_run, get_run
from backend.store.versions import alias_moves, list_judged
from backend.training.facts import read_training_facts
from backend.training.policy import decide
from backend.training.progress import state_words
from backend.training.request import ask_for_training
from backend.training_settings import TrainingSettings

_COUNT = re.compile("[0-9]{1,9}")


def _ask_train(services: Services, target: Target) -> Question:
    states = count_states(services.database, target.project_id)
    own = project_settings(services.database, target.project_id, services.settings)
    active = active_run(services.database, target.project_id)
    if active is None:
        _refuse_vain_request(services, target.project_id, own)
    outcome = "goes into service by itself" if own.promote_auto else "waits for somebody to promote it"
    return Question(
        "Train now",
        (
            f"A new model is trained on all reviewed tasks: {states[ReviewState.VIEWED]} that no model was "
            f"trained on yet, and {states[ReviewState.TAKEN_IN_TRAINING]} from before.",
            f"Run {active.id} is active ({state_words(active)}); the new one begins when it has ended."
            if active
            else "It begins as soon as a worker is free.",
            "The model in service stays until the new one is better on the test images, which then "
            f"{outcome}.",
        ),
        "Train now",
        f"{home_of(target)}#runs",
    )


def _refuse_vain_request(services: Services, project_id: int, settings: TrainingSettings) -> None:
    with services.database.read() as session:
        facts = read_training_facts(session, project_id, now=datetime.now(UTC))
    decision = decide(facts, settings, is_asked=True, is_cron=False)
    if not decision.is_due:
        raise BadRequest(
            f"No run would begin: {decision.reason} What is reviewed in Label Studio counts within seconds."
        )


def _train(services: Services, target: Target, _: Answer) -> str:
    ask_for_training(services.database, services.queue, target.project_id, now=datetime.now(UTC))
    return f"A training run was asked for. {_who_works(services, EVENTS, TRAIN)}".strip()


def _ask_cancel(services: Services, target: Target) -> Question:
    run = get_run(services.database, target.name)
    if run.finished_at is not None:
        raise BadRequest(f"Run {run.id} has ended ({run.state}), so there is nothing left to cancel.")
    return Question(
        f"Cancel run {run.id}",
        (
            f"It is {state_words(run)}, with {run.epoch} of {run.epochs} epochs done. A cancelled run "
            "does not go on, and what it has learnt so far is lost.",
            "The model in service stays, and so do all labels.",
        ),
        "Cancel the run",
        f"/dashboard/runs/{run.id}",
        is_grave=True,
    )


def _cancel(services: Services, target: Target, _: Answer) -> str:
    _ask_cancel(services, target)  # refuses a run that has ended meanwhile
    ask_to_cancel_run(services.database, target.name, now=datetime.now(UTC))
    run = get_run(services.database, target.name)
    if run.finished_at is not None:
        return f"Run {run.id} is {run.state}."
    return f"Run {run.id} is being cancelled; its worker sees that at its next step."


def _ask_promote(services: Services, target: Target) -> Question:
    version, project_id = _version_of(target), target.project_id
    champion, moves = _champion(services, project_id)
    facts = [_in_service(champion)]
    if version is None:
        named = version_of_settings(services, project_id) or "none"
        facts.append(f"The weights of the settings are {named}.")
    else:
        judged = {each.trained.version: each for each in list_judged(services.database, project_id)}
        if version not in judged:
            raise NotFound(f"Project {project_id} has no trained version {version[:120]!r}.")
        found = judged[version]
        said = "; ".join([verdict_badge(found.verdict)[0], *found.verdict_reasons])
        facts.append(f"The comparison said: {said}.")
    return Question(
        f"Promote {version or 'the weights of the settings'}",
        (*facts, "From now on it makes this project's predictions.", *_prelabel_facts(services, project_id)),
        "Put it in service",
        f"{home_of(target)}#versions",
        has_reason=True,
        state=str(moves),
    )


def _promote(services: Services, target: Target, answer: Answer) -> str:
    change = promote_version(
        services, target.project_id, _version_of(target), reason=answer.reason, expected=_moves_of(answer)
    )
    return _said(services, change)


def _ask_rollback(services: Services, target: Target) -> Question:
    # Read first: where another is promoted between the two, the answer is refused.
    champion, moves = _champion(services, target.project_id)
    with services.database.read() as session:
        before = served_before(session, target.project_id)
    if not before:
        raise NotFound(
            f"{_in_service(champion)} No other model served project {target.project_id} before it, so there "
            "is nothing to go back to."
        )
    return Question(
        "Roll back",
        (
            _in_service(champion),
            f"{_named(before[0])} served before it, and makes this project's predictions again from now on.",
            *_prelabel_facts(services, target.project_id),
        ),
        "Roll back",
        f"{home_of(target)}#versions",
        has_reason=True,
        is_grave=True,
        state=str(moves),
    )


def _roll_back(services: Services, target: Target, answer: Answer) -> str:
    change = roll_back(services, target.project_id, reason=answer.reason, expected=_moves_of(answer))
    return _said(services, change)


def _ask_prelabel(services: Services, target: Target) -> Question:
    states = count_states(services.database, target.project_id)
    active = active_job(services.database, target.project_id)
    return Question(
        "Pre-label",
        (
            f"The model in service predicts the project's tasks, {sum(states.values())} in all, of which "
            f"{states[ReviewState.NOT_VIEWED]} wait for somebody to look at them. Tasks that hold a "
            "prediction of it already are left out, and annotations stay as they are.",
            f"Job {active.id} is doing so right now." if active else "It begins as soon as a worker is free.",
        ),
        "Pre-label",
        home_of(target),
        choice="Only tasks that nobody has labelled",
    )


def _prelabel(services: Services, target: Target, answer: Answer) -> str:
    options = JobOptions(answer.is_ticked, ())
    job, is_new = start_prelabel(services.database, services.queue, target.project_id, options)
    if not is_new:
        return f"Job {job.id} does so already."
    return f"Job {job.id} pre-labels the project. {_who_works(services, PREDICT)}".strip()


def _version_of(target: Target) -> str | None:
    return None if target.name == SETTINGS_WEIGHTS else target.name


def _named(version: str | None) -> str:
    return version or "The model of the settings"


def _champion(services: Services, project_id: int) -> tuple[str | None, int]:
    """Return the version in service, None for the weights of the settings, and how often it was changed."""
    return alias_moves(services.database).get(project_id, (None, 0))


def _moves_of(answer: Answer) -> int:
    """Return how often the champion had been moved when it was asked; what no question holds fits never."""
    return int(answer.state) if _COUNT.fullmatch(answer.state) else -1


def _in_service(champion: str | None) -> str:
    if champion is None:
        return "In service now: the model of the settings, which no run has trained."
    return f"In service now: {champion}."


def _prelabel_facts(services: Services, project_id: int) -> tuple[str, ...]:
    if not project_settings(services.database, project_id, services.settings).promote_prelabel:
        return ()
    return ("Tasks that nobody has annotated are pre-labelled again with it.",)


def _said(services: Services, change: Change) -> str:
    if not change.is_new:
        return f"{_named(change.version)} is in service already."
    words = f"{_named(change.version)} is in service now; servers follow within seconds."
    if change.prelabel_job:
        words += f" Job {change.prelabel_job} pre-labels the tasks that nobody has annotated."
    elif change.is_prelabel_waiting:
        words += " Its pre-labelling begins by itself, once a job that runs now has ended."
    else:
        return words
    return f"{words} {_who_works(services, PREDICT)}".strip()


def _who_works(services: Services, *queues: str) -> str:
    try:
        if all(services.queue.worker_count(queue) for queue in queues):
            return ""
    except QueueUnavailable:
        return "Redis does not answer, so it waits until Redis does."
    return "No worker is running, so it waits for one: make run"


TRAIN_NOW = Action("train", _ask_train, _train)
CANCEL_RUN = Action("cancel-run", _ask_cancel, _cancel)
PROMOTE = Action("promote", _ask_promote, _promote)
ROLL_BACK = Action("rollback", _ask_rollback, _roll_back)
PRELABEL = Action("prelabel", _ask_prelabel, _prelabel)
