"""Running a table of checks: one that fails, hangs or breaks off harms no other."""

import threading

import pytest

from backend.doctor.check import Check, CheckState, Entry, Outcome, failed, ok, run_checks, unknown
from backend.errors import QueueUnavailable


def run(*entries: Entry[str]) -> list[Check]:
    return list(run_checks(entries, "subject", {}))


def refuse(subject: str) -> Outcome:
    raise QueueUnavailable("Redis is away.")


def test_check_that_needs_one_that_failed_is_not_made() -> None:
    made: list[str] = []

    def note(subject: str) -> Outcome:
        made.append(subject)
        return ok("fine")

    bad, after, last = run(
        Entry("redis", refuse, fix="make run"),
        Entry("worker", note, needs=("redis",), fix="make run"),
        Entry("jobs", note, needs=("worker",)),
    )
    assert bad == Check("redis", CheckState.FAILED, "Redis is away.", "make run")
    assert after == Check("worker", CheckState.UNKNOWN, 'not checked, because "redis" is not in order')
    assert last.state == CheckState.UNKNOWN and made == []


def test_check_that_needs_one_that_was_never_made_is_not_made() -> None:
    (check,) = run(Entry("worker", lambda _: ok("fine"), needs=("redis",)))
    assert check.state == CheckState.UNKNOWN


def test_check_that_hangs_is_left_behind_after_its_time() -> None:
    release = threading.Event()

    def hang(subject: str) -> Outcome:
        release.wait(10)
        return ok("at last")

    slow, fine = run(Entry("slow", hang, seconds=0.05, fix="wait"), Entry("next", lambda _: ok("fine")))
    release.set()
    assert slow == Check("slow", CheckState.FAILED, "No answer within 0.05 s.", "wait")
    assert fine.state == CheckState.OK


def test_check_that_breaks_off_is_a_failed_one_and_logged(read_log: object) -> None:
    broken, fine = run(Entry("odd", lambda _: ok({}["release"])), Entry("next", lambda _: ok("fine")))
    assert broken.state == CheckState.FAILED and "KeyError: 'release'" in broken.message
    assert fine.state == CheckState.OK
    assert callable(read_log) and "check_broke_off" in read_log()


@pytest.mark.parametrize(
    ("outcome", "fix"),
    [
        pytest.param(failed("bad"), "of the table", id="none of its own"),
        pytest.param(failed("bad", "its own"), "its own", id="one of its own"),
        pytest.param(ok("good"), "", id="nothing wrong"),
        pytest.param(unknown("it is dark"), "", id="not known"),
    ],
)
def test_fix_is_the_checks_own_or_that_of_the_table(outcome: Outcome, fix: str) -> None:
    (check,) = run(Entry("x", lambda _: outcome, fix="of the table"))
    assert check.fix == fix


def test_message_is_one_line() -> None:
    (check,) = run(Entry("x", lambda _: failed("first\n   second")))
    assert check.message == "first second"


def test_further_checks_follow_one_that_is_in_order_alone() -> None:
    def more(subject: str) -> list[Entry[str]]:
        return [Entry("more", lambda _: ok("fine"))]

    assert [check.name for check in run(Entry("x", lambda _: ok("fine"), then=more))] == ["x", "more"]
    assert [check.name for check in run(Entry("x", refuse, then=more))] == ["x"]


def test_name_in_full_holds_the_project() -> None:
    assert Check("labels", CheckState.OK, "", project=3).full_name == "project 3: labels"
    assert Check("redis", CheckState.OK, "").full_name == "redis"
