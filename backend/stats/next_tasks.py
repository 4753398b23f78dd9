"""Which tasks are worth labelling next, and why."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NextTask:
    """One task, worth labelling next. All figures are in [0, 1], 1 the most; None where it is not known.

    `uncertainty` is of the model in service, `disagreement` between the last two versions, `rarity` of the
    classes that it probably holds, `novelty` how unlike its image is to labelled ones and to those chosen
    before it. `reason` says in words what weighed most.
    """

    task_id: int
    value: float
    uncertainty: float
    disagreement: float | None
    rarity: float
    novelty: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class NextTasksReport:
    """The next tasks in the order to label them, chosen among so many `candidates`.

    `versions` are those whose predictions were compared, the one in service first; `notes` say what was not
    known.
    """

    versions: tuple[str, ...]
    candidates: int
    tasks: tuple[NextTask, ...]
    notes: tuple[str, ...]
