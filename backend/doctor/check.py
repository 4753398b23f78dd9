"""What a check finds, and how a table of checks is run: in order, each within its time."""

from collections.abc import Callable, Iterable, Iterator, MutableMapping
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from threading import Thread
from typing import Generic, TypeVar

import structlog

from backend.errors import AppError

log = structlog.get_logger(__name__)

S = TypeVar("S")
T = TypeVar("T")


class CheckState(StrEnum):
    """`unknown`: not looked at, for a reason that the message gives."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one look found. `fix` is a command or setting to copy; empty unless something is wrong."""

    state: CheckState
    message: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One line for people and programs. `project` is None where the check is of no project."""

    name: str
    state: CheckState
    message: str
    fix: str = ""
    project: int | None = None

    @property
    def full_name(self) -> str:
        """A name that no other check of the run has."""
        return self.name if self.project is None else f"project {self.project}: {self.name}"


@dataclass(frozen=True, slots=True)
class Entry(Generic[S]):
    """One row of a table of checks.

    Args:
        name: What is looked at.
        look: Looks; may raise AppError, whose message is then what is wrong.
        needs: Names of checks before it that must be in order, or nothing can be known here.
        fix: What usually mends it, for where `look` names nothing better.
        seconds: Time that `look` may take.
        then: Further rows that become known when this one is in order.
    """

    name: str
    look: Callable[[S], Outcome]
    needs: tuple[str, ...] = ()
    fix: str = ""
    seconds: float = 10.0
    then: Callable[[S], "Iterable[Entry[S]]"] | None = None


def ok(message: str) -> Outcome:
    """Say that it is in order, with a short fact."""
    return Outcome(CheckState.OK, message)


def failed(message: str, fix: str = "") -> Outcome:
    """Say what is wrong, and what mends it where that is not what the table says."""
    return Outcome(CheckState.FAILED, message, fix)


def unknown(reason: str) -> Outcome:
    """Say why it cannot be told."""
    return Outcome(CheckState.UNKNOWN, f"not checked, because {reason}")


def counted(number: int, word: str) -> str:
    """Return "1 task", "2 tasks"."""
    return f"{number} {word}" + ("" if number == 1 else "s")


def run_checks(
    entries: Iterable[Entry[S]],
    subject: S,
    states: MutableMapping[str, CheckState],
    *,
    project: int | None = None,
) -> Iterator[Check]:
    """Run a table of checks; yield what each found as soon as it is known.

    Args:
        entries: The table.
        subject: What they look at.
        states: State of each check by name, of earlier tables too; is added to.
        project: The project that they are about.
    """
    for entry in entries:
        outcome = _run(entry, subject, states)
        states[entry.name] = outcome.state
        is_wrong = outcome.state == CheckState.FAILED
        fix = outcome.fix or (entry.fix if is_wrong else "")
        yield Check(entry.name, outcome.state, " ".join(outcome.message.split()), fix, project)
        if entry.then and outcome.state == CheckState.OK:
            yield from run_checks(entry.then(subject), subject, states, project=project)


def _run(entry: Entry[S], subject: S, states: MutableMapping[str, CheckState]) -> Outcome:
    for name in entry.needs:
        if states.get(name) != CheckState.OK:
            return unknown(f'"{name}" is not in order')
    try:
        return within(entry.seconds, lambda: entry.look(subject))
    except TimeoutError:
        return failed(f"No answer within {entry.seconds:g} s.")
    except AppError as error:
        return failed(error.message)
    # The last resort against an answer that nobody foresaw: the other checks go on.
    except Exception as error:
        log.error("check_broke_off", check=entry.name, exc_info=error)
        return failed(f"The check broke off ({type(error).__name__}: {error}); the log has its traceback.")


def within(seconds: float, call: Callable[[], T]) -> T:
    """Return what `call` returns.

    A call that takes longer is left behind in a thread of its own, which does not keep the process alive.

    Raises:
        TimeoutError: it took longer.
        Exception: what `call` raises.
    """
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(call())
        # The end of a thread: whatever it is, who waits for the answer must hear of it.
        except BaseException as error:
            future.set_exception(error)

    Thread(target=work, name="check", daemon=True).start()
    return future.result(timeout=seconds)
