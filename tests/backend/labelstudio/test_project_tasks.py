"""A project's tasks are read once each, whatever is added or deleted meanwhile, and as lightly as can be."""

import json

import httpx
import pytest

from backend.entities import Task
from backend.errors import LabelStudioError
from backend.labelstudio.client import LabelStudioClient
from backend.labelstudio.project_tasks import ListedTask, ProjectTasks, StoredPrediction
from backend.labelstudio.task_filter import parse_filter
from tests.backend.labelstudio.fake_server import PROJECT, FakeLabelStudio, tasks


def reader(server: FakeLabelStudio) -> ProjectTasks:
    return ProjectTasks(server.client(), PROJECT)


def ids_after(
    server: FakeLabelStudio, last_id: int, limit: int, *filters: str, only_unlabelled: bool = False
) -> list[int | None]:
    found = reader(server).read_after(
        last_id,
        filters=[parse_filter(text) for text in filters],
        only_unlabelled=only_unlabelled,
        limit=limit,
    )
    return [listed.task.id for listed in found]


def test_task_comes_with_its_data_as_stored_and_the_versions_that_it_holds() -> None:
    server = FakeLabelStudio(tasks(1))
    server.hold(1, "a")
    server.hold(1, "b")
    (listed,) = reader(server).read_after(0, filters=[], only_unlabelled=False, limit=10)
    assert listed == ListedTask(Task(1, {"image": "s3://bucket/1.jpg"}), frozenset({"a", "b"}))


def test_next_page_begins_after_the_last_id_though_earlier_tasks_are_deleted() -> None:
    server = FakeLabelStudio(tasks(6))
    assert ids_after(server, 0, 2) == [1, 2]
    del server.tasks[1], server.tasks[3]
    server.tasks[9] = {}
    assert ids_after(server, 2, 3) == [4, 5, 6]
    assert ids_after(server, 6, 3) == [9]
    assert ids_after(server, 9, 3) == []


def test_page_is_whole_though_label_studio_gives_smaller_ones() -> None:
    server = FakeLabelStudio(tasks(7), page_size=2)
    assert ids_after(server, 0, 5) == [1, 2, 3, 4, 5]
    assert ids_after(server, 5, 5) == [6, 7]


def test_filters_and_missing_annotations_narrow_the_page_and_the_count() -> None:
    server = FakeLabelStudio({i: {"camera": "fog" if i % 2 else "sun"} for i in range(1, 8)}, annotated={3})
    assert ids_after(server, 1, 9, "data.camera=fog", only_unlabelled=True) == [5, 7]
    fog = [parse_filter("data.camera=fog")]
    assert reader(server).count(fog, only_unlabelled=False) == 4
    assert reader(server).count(fog, only_unlabelled=True) == 3


def test_tasks_read_by_id_come_ascending_without_those_that_are_gone() -> None:
    server = FakeLabelStudio(tasks(3))
    assert [listed.task.id for listed in reader(server).read([3, 99, 1])] == [1, 3]
    assert reader(server).read([]) == []


def test_no_address_names_more_than_two_hundred_ids() -> None:
    server = FakeLabelStudio(tasks(450))
    assert len(reader(server).versions_of(range(1, 451))) == 450
    asked = [json.loads(request.url.params["query"])["selectedItems"]["included"] for request in server.seen]
    assert [len(ids) for ids in asked] == [200, 200, 50]


def test_versions_are_asked_for_without_the_other_computed_columns_and_without_results() -> None:
    server = FakeLabelStudio(tasks(1))
    server.hold(1, "a")
    assert reader(server).versions_of([1, 2]) == {1: {"a"}}
    (request,) = server.seen
    hidden = json.loads(request.url.params["query"])["hiddenColumns"]["explore"]
    assert "tasks:predictions_results" in hidden and "tasks:predictions_model_versions" not in hidden
    assert "fields" not in request.url.params


def test_versions_beyond_the_length_that_label_studio_lists_are_found() -> None:
    server = FakeLabelStudio(tasks(2))
    versions = {f"yolo11n-{number:08x}" for number in range(60)}
    for version in versions:
        server.hold(1, version)
    assert reader(server).versions_of([1, 2]) == {1: versions, 2: frozenset()}


@pytest.mark.parametrize("version", ["a", "a,b", 'say "a"', "a/b"])
def test_holders_are_known_for_any_name_of_a_version(version: str) -> None:
    server = FakeLabelStudio(tasks(2))
    for name in ("a.failed", "z", version):
        server.hold(1, name)
    server.hold(2, "a.failed")
    assert reader(server).holders_of(version, [1, 2, 3]) == {1: True, 2: False}


def test_predictions_are_read_for_ten_tasks_at_a_time_the_oldest_first() -> None:
    server = FakeLabelStudio(tasks(25))
    server.hold(4, "a")
    server.hold(4, "b")
    stored = reader(server).predictions_of(range(1, 26))
    assert stored[4] == [StoredPrediction(1, "a"), StoredPrediction(2, "b")] and stored[5] == []
    assert len(server.seen) == 3


def test_predicted_tasks_are_never_more_than_there_are() -> None:
    server = FakeLabelStudio(tasks(2))
    assert reader(server).count_predicted() == 0
    for version in "abc":
        server.hold(1, version)
    assert reader(server).count_predicted() == 2


@pytest.mark.parametrize(
    ("count", "shares", "starts"),
    [(6, 2, [13]), (7, 3, [12, 14]), (2, 3, [10, 11]), (0, 3, [])],
)
def test_shares_of_the_tasks_are_equal_to_within_one(count: int, shares: int, starts: list[int]) -> None:
    assert reader(FakeLabelStudio(tasks(count, first=10))).ids_at_shares(shares) == starts


def broken(text: str) -> LabelStudioError:
    transport = httpx.MockTransport(lambda request: httpx.Response(500, json={"detail": "invalid input"}))
    client = LabelStudioClient("http://h", "token", transport=transport, sleep=lambda seconds: None)
    with pytest.raises(LabelStudioError) as caught:
        ProjectTasks(client, PROJECT).count([parse_filter(text)], only_unlabelled=False)
    return caught.value


def test_number_that_no_field_can_be_compared_with_is_a_refusal_that_says_so() -> None:
    error = broken("data.camera>5")
    assert error.refused_with == 500 and "data.camera" in error.message and "quotes" in error.message


def test_label_studio_that_breaks_down_over_another_filter_may_work_later() -> None:
    assert broken("data.camera=fog").refused_with is None
