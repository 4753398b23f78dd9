"""One prediction for each task and version, whatever breaks off where."""

from collections.abc import Callable

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.errors import LabelStudioError
from backend.labelstudio.push import PushReport, push_predictions
from tests.backend.labelstudio.fake_server import PROJECT, Answer, FakeLabelStudio, choice, tasks

V = "yolo-1"
IMPORT = f"/api/projects/{PROJECT}/import/predictions"
ONE = "/api/predictions/"


def push(server: FakeLabelStudio, ids: list[int], *, version: str = V, in_doubt: bool = False) -> PushReport:
    items = {i: choice() for i in ids}
    return push_predictions(server.client(), PROJECT, items, version=version, in_doubt=in_doubt)


def lost_before(answer: Answer) -> httpx.Response:
    raise httpx.ReadTimeout("nothing was stored")


def lost_after(answer: Answer) -> httpx.Response:
    answer()
    raise httpx.ReadTimeout("it was stored")


def says(status: int, *, after: bool = False) -> Callable[[Answer], httpx.Response]:
    def say(answer: Answer) -> httpx.Response:
        if after:
            answer()
        return httpx.Response(status, json={"detail": "no"})

    return say


def unreachable(answer: Answer) -> httpx.Response:
    raise httpx.ConnectError("refused")


def test_predictions_go_in_one_request_and_are_looked_for() -> None:
    server = FakeLabelStudio(tasks(3))
    assert push(server, [1, 2, 3]) == PushReport(frozenset({1, 2, 3}), frozenset(), frozenset())
    assert server.posts() == [(IMPORT, 3)]
    assert [server.versions(i) for i in (1, 2, 3)] == [[V]] * 3


def test_nothing_to_push_calls_nobody() -> None:
    server = FakeLabelStudio(tasks(1))
    assert push(server, []) == PushReport(frozenset(), frozenset(), frozenset())
    assert server.seen == []


def test_task_that_holds_the_version_is_left_out_and_one_that_holds_a_longer_name_is_not() -> None:
    server = FakeLabelStudio(tasks(2))
    server.hold(1, V)
    server.hold(2, f"{V}.failed")
    report = push(server, [1, 2])
    assert (report.present, report.pushed) == ({1}, {2})
    assert [server.versions(i) for i in (1, 2)] == [[V], [f"{V}.failed", V]]


def test_second_push_sends_nothing() -> None:
    server = FakeLabelStudio(tasks(2))
    push(server, [1, 2])
    report = push(server, [1, 2])
    assert report.present == {1, 2} and not report.pushed
    assert server.posts() == [(IMPORT, 2)]


def test_requests_hold_a_hundred_predictions_at_most() -> None:
    server = FakeLabelStudio(tasks(230))
    assert len(push(server, list(server.tasks)).pushed) == 230
    assert server.posts() == [(IMPORT, 100), (IMPORT, 100), (IMPORT, 30)]


def test_requests_hold_eight_megabytes_at_most_and_one_larger_prediction_goes_alone() -> None:
    server = FakeLabelStudio(tasks(4))
    sizes = {1: 3, 2: 3, 3: 9, 4: 1}
    items = {
        i: {**choice(), "result": [{**choice()["result"][0], "id": "x" * (n * 2**20)}]}
        for i, n in sizes.items()
    }
    push_predictions(server.client(), PROJECT, items, version=V, in_doubt=False)
    assert server.posts() == [(IMPORT, 2), (IMPORT, 1), (IMPORT, 1)]


def test_task_deleted_before_the_look_is_missing() -> None:
    server = FakeLabelStudio(tasks(1))
    report = push(server, [1, 2])
    assert (report.pushed, report.missing) == ({1}, {2})


def test_task_deleted_before_the_push_is_missing_and_the_others_are_pushed() -> None:
    server = FakeLabelStudio(tasks(3))

    def deletes(answer: Answer) -> httpx.Response:
        del server.tasks[2]
        return answer()

    server.interruptions = [deletes]
    report = push(server, [1, 2, 3])
    assert (report.pushed, report.missing, report.refused) == ({1, 3}, {2}, {})
    assert server.posts() == [(IMPORT, 3), (ONE, 1), (ONE, 1)]


@pytest.mark.parametrize(
    "end",
    [pytest.param(lost_after, id="no answer"), pytest.param(says(504, after=True), id="proxy's time out")],
)
def test_what_was_stored_without_an_answer_is_not_sent_again(end: Callable[[Answer], httpx.Response]) -> None:
    server = FakeLabelStudio(tasks(2), interruptions=[end])
    assert push(server, [1, 2]).pushed == {1, 2}
    assert server.posts() == [(IMPORT, 2)] and server.slept == []


def test_what_appears_a_while_after_the_time_out_is_not_sent_again() -> None:
    server = FakeLabelStudio(tasks(1), interruptions=[lost_before])
    server.during_sleep = lambda: server.hold(1, V) if len(server.slept) == 3 else None
    assert push(server, [1]).pushed == {1}
    assert server.posts() == [(IMPORT, 1)] and len(server.slept) == 3


def test_what_does_not_appear_is_sent_again_after_a_minute() -> None:
    server = FakeLabelStudio(tasks(1), interruptions=[lost_before])
    assert push(server, [1]).pushed == {1}
    assert server.posts() == [(IMPORT, 1)] * 2 and sum(server.slept) == 60
    assert server.versions(1) == [V]


def test_what_appears_after_it_was_sent_again_is_deleted() -> None:
    server = FakeLabelStudio(tasks(2), interruptions=[lost_before])

    def both(answer: Answer) -> httpx.Response:
        server.hold(1, V)
        return answer()

    server.interruptions.append(both)
    assert push(server, [1, 2]).pushed == {1, 2}
    assert server.versions(1) == server.versions(2) == [V]


def test_own_error_of_label_studio_is_over_and_not_waited_for() -> None:
    server = FakeLabelStudio(tasks(1), interruptions=[says(500)])
    assert push(server, [1]).pushed == {1}
    assert server.slept == [] and server.versions(1) == [V]


def test_own_error_after_storing_sends_nothing_again() -> None:
    server = FakeLabelStudio(tasks(1), interruptions=[says(500, after=True)])
    assert push(server, [1]).pushed == {1}
    assert server.posts() == [(IMPORT, 1)]


def test_requests_after_one_without_an_answer_wait_for_the_next_round() -> None:
    server = FakeLabelStudio(tasks(150), interruptions=[lost_after])
    assert len(push(server, list(server.tasks)).pushed) == 150
    assert server.posts()[0] == (IMPORT, 100) and sum(n for _, n in server.posts()) == 150


def test_doubt_deletes_all_but_the_oldest_prediction_of_the_version() -> None:
    server = FakeLabelStudio(tasks(3))
    for task_id, version in ((1, V), (2, V), (1, "other"), (1, "other"), (1, V), (1, V)):
        server.hold(task_id, version)
    report = push(server, [1, 2, 3], in_doubt=True)
    assert (report.present, report.pushed) == ({1, 2}, {3})
    assert sorted(server.stored) == [1, 2, 3, 4, 7]


def test_without_doubt_no_prediction_is_read_in_full() -> None:
    server = FakeLabelStudio(tasks(2))
    push(server, [1, 2])
    assert not [request for request in server.seen if request.url.params.get("fields") == "all"]


def test_prediction_that_an_import_leaves_out_goes_alone() -> None:
    server = FakeLabelStudio(tasks(2))
    items = {1: choice(), 2: choice("cow")}
    report = push_predictions(server.client(), PROJECT, items, version=V, in_doubt=False)
    assert (report.pushed, report.refused) == ({1, 2}, {})
    assert server.posts() == [(IMPORT, 2), (ONE, 1)]


def test_prediction_that_is_accepted_and_not_held_does_not_go_again() -> None:
    server = FakeLabelStudio(tasks(2), interruptions=[says(413), lambda answer: answer(), says(201)])
    report = push(server, [1, 2])
    assert report.pushed == {1} and "does not hold it" in report.refused[2]
    assert server.posts() == [(IMPORT, 2), (ONE, 1), (ONE, 1)]


def test_where_many_tasks_are_predicted_each_prediction_goes_alone() -> None:
    server = FakeLabelStudio(tasks(200))
    for task_id in range(1, 101):
        server.hold(task_id, "old")
    assert push(server, [1, 2, 3, 4]).pushed == {1, 2, 3, 4}
    assert server.posts() == [(ONE, 1)] * 4


def test_prediction_refused_alone_has_label_studios_words() -> None:
    server = FakeLabelStudio(tasks(3), interruptions=[says(400)])
    items = {1: choice(), 2: {**choice(), "score": None}}
    report = push_predictions(server.client(), PROJECT, items, version=V, in_doubt=False)
    assert report.pushed == {1} and "A valid number" in report.refused[2]


def test_prediction_that_fails_while_others_go_through_is_refused() -> None:
    # The first meets both, the others the second task's prediction alone.
    server = FakeLabelStudio(tasks(2), interruptions=[says(413), lambda answer: answer(), *[says(500)] * 3])
    report = push(server, [1, 2])
    assert report.pushed == {1} and "3 attempts" in report.refused[2]


def test_label_studio_that_fails_with_all_is_an_error_that_may_pass() -> None:
    server = FakeLabelStudio(tasks(2), interruptions=[says(500)] * 9)
    with pytest.raises(LabelStudioError, match="3 attempts") as caught:
        push(server, [1, 2])
    assert caught.value.refused_with is None and server.stored == {}


@pytest.mark.parametrize("status", [401, 403, 404])
def test_refusal_of_token_or_project_is_an_error_that_says_so(status: int) -> None:
    server = FakeLabelStudio(tasks(2), interruptions=[says(status)])
    with pytest.raises(LabelStudioError) as caught:
        push(server, [1, 2])
    assert caught.value.refused_with == status and len(server.posts()) == 1


def test_label_studio_out_of_reach_is_an_error_that_may_pass() -> None:
    server = FakeLabelStudio(tasks(2), interruptions=[unreachable])
    with pytest.raises(LabelStudioError, match="does not answer") as caught:
        push(server, [1, 2])
    assert caught.value.refused_with is None and len(server.posts()) == 1


def test_version_whose_name_holds_a_comma_is_pushed_once() -> None:
    server = FakeLabelStudio(tasks(1))
    server.hold(1, "a")
    for _ in range(2):
        push(server, [1], version="b,c")
    assert server.versions(1) == ["a", "b,c"]


ENDS = {
    "good": lambda answer: answer(),
    "lost before": lost_before,
    "lost after": lost_after,
    "error before": says(500),
    "error after": says(500, after=True),
    "proxy before": says(502),
    "proxy after": says(502, after=True),
    "unreachable": unreachable,
}


@settings(max_examples=60, deadline=None)
@given(ends=st.lists(st.sampled_from(sorted(ENDS)), max_size=12), predicted=st.sampled_from([0, 500]))
def test_each_task_ends_with_one_prediction_however_the_pushes_end(ends: list[str], predicted: int) -> None:
    server = FakeLabelStudio(tasks(505), interruptions=[ENDS[end] for end in ends])
    for task_id in range(6, 6 + predicted):
        server.hold(task_id, "old")
    in_doubt = False
    while True:
        try:
            report = push(server, [1, 2, 3, 4, 5], in_doubt=in_doubt)
        except LabelStudioError:
            in_doubt = True
        else:
            break
    done = report.pushed | report.present
    assert done | report.refused.keys() == {1, 2, 3, 4, 5}
    assert all(server.versions(task_id) == [V] for task_id in done)
    assert all(server.versions(task_id) == [] for task_id in report.refused)
