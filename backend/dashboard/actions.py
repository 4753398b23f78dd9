"""What people do through the page: a question first, then the deed, then a sentence on what came of it."""

from collections.abc import Callable
from dataclasses import dataclass

from backend.services import Services


@dataclass(frozen=True, slots=True)
class Target:
    """What something is done to: a project, or by `name` a version, run, alert or list of it."""

    project_id: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """What a page asks before it does something.

    `facts` are sentences that help to decide, `button` says what happens, and `back` is the address of the
    page that shows it. `choice` is something to tick, "" where there is nothing. `is_grave` where it takes
    something away. `state` names how things stood when it was asked, for an action that holds for no other.
    """

    title: str
    facts: tuple[str, ...]
    button: str
    back: str
    choice: str = ""
    has_reason: bool = False
    is_grave: bool = False
    state: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody answered; `who` is the name that they have proved, `state` that of the question."""

    who: str
    reason: str = ""
    is_ticked: bool = False
    state: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be done. `name` is its name in the audit log, of at most 32 characters.

    `ask` returns the question and changes nothing, `act` does it and returns what came of it in a sentence.
    Both raise an `AppError` where it cannot be done.
    """

    name: str
    ask: Callable[[Services, Target], Question]
    act: Callable[[Services, Target, Answer], str]


def home_of(target: Target) -> str:
    """Return the address of the project's page."""
    return f"/dashboard/projects/{target.project_id}"
