"""Log lines: one an event, with a traceback where there is one, and never a secret."""

from collections.abc import Callable

import structlog

from backend.logs import configure_logs
from tests.backend.makers import MakeClient


def fail(password: str) -> None:
    raise KeyError("what went wrong")


def test_traceback_is_logged_without_local_variables(read_log: Callable[[], str]) -> None:
    secret = "".join(["hunter", "2"])  # not in the source lines that a traceback shows
    try:
        fail(secret)
    except KeyError as error:
        structlog.get_logger("test").error("failed", exc_info=error)
    log = read_log()
    assert "Traceback" in log and "what went wrong" in log
    assert secret not in log


def test_line_names_its_process_level_and_facts(read_log: Callable[[], str]) -> None:
    structlog.get_logger("test").warning("task_failed", project=7, reason="timeout")
    [line] = read_log().splitlines()
    assert all(
        part in line for part in ("warning", "task_failed", "process=test", "project=7", "reason=timeout")
    )
    assert "\x1b" not in line


def test_less_severe_lines_than_asked_for_are_left_out(read_log: Callable[[], str]) -> None:
    structlog.get_logger("test").debug("seen")
    configure_logs("warning", process="test")
    structlog.get_logger("test").info("unseen")
    assert "seen" in read_log() and "unseen" not in read_log()


def test_token_that_setup_brings_is_not_logged(make_client: MakeClient, read_log: Callable[[], str]) -> None:
    client = make_client()
    bodies = [{"schema": "<View>", "access_token": "hunter2"}, {"schema": 1, "access_token": "hunter2"}]
    answers = [client.post("/setup", json=body) for body in bodies]
    assert [answer.status_code for answer in answers] == [422, 400]
    log = read_log()
    assert log.count("request_refused") == 2
    assert "hunter2" not in log + "".join(answer.text for answer in answers)
