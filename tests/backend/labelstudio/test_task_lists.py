"""Tabs that list certain tasks in a certain order, alone or dealt out to several annotators."""

import pytest

from backend.labelstudio.task_lists import MOST_ANNOTATORS, NEXT_TITLE, keep_list_tab, keep_next_tabs
from tests.backend.labelstudio.fake_task_tabs import PROJECT, FakeTaskTabs, person

CHOSEN = [12, 3, 4, 18, 5, 1]
LIST = "Suspected label errors"
ANN, BO, CY = person(3, "Ann"), person(4, "Bo"), person(5, "Cy")


@pytest.mark.parametrize(
    "chosen",
    [
        pytest.param(CHOSEN, id="some apart and some in a row"),
        pytest.param([7], id="one"),
        pytest.param([3, 2, 1], id="one row backwards"),
        pytest.param(list(range(1, 21)), id="all"),
        pytest.param([], id="none"),
    ],
)
def test_tab_lists_exactly_these_tasks_in_this_order(chosen: list[int]) -> None:
    fake = FakeTaskTabs()
    keep_list_tab(fake.client, PROJECT, LIST, chosen)
    assert fake.listed(LIST) == chosen


def test_ids_in_a_row_are_one_condition() -> None:
    fake = FakeTaskTabs()
    keep_list_tab(fake.client, PROJECT, LIST, CHOSEN)
    (data,) = [data for data in fake.views.values() if data["title"] == LIST]
    found = [item["value"] for item in data["filters"]["items"]]
    assert found == [1, {"min": 3, "max": 5}, 12, 18]


def test_tab_is_replaced_and_not_multiplied() -> None:
    fake = FakeTaskTabs()
    keep_list_tab(fake.client, PROJECT, LIST, CHOSEN)
    keep_list_tab(fake.client, PROJECT, LIST, [9, 8])
    assert fake.titles() == ["Default", LIST]
    assert fake.listed(LIST) == [9, 8]


def test_nothing_is_written_where_nothing_changed() -> None:
    fake = FakeTaskTabs([ANN, BO])
    keep_next_tabs(fake.client, PROJECT, CHOSEN)
    fake.writes.clear()
    keep_next_tabs(fake.client, PROJECT, CHOSEN)
    assert fake.writes == []


def test_only_tasks_that_are_not_in_their_place_are_written() -> None:
    fake = FakeTaskTabs()
    keep_list_tab(fake.client, PROJECT, LIST, [12, 3, 4])
    fake.writes.clear()
    keep_list_tab(fake.client, PROJECT, LIST, [12, 3, 18, 4])
    assert [write for write in fake.writes if "tasks" in write] == [
        "PATCH /api/tasks/18/",
        "PATCH /api/tasks/4/",
    ]


def test_annotated_task_goes_to_the_end() -> None:
    fake = FakeTaskTabs()
    keep_list_tab(fake.client, PROJECT, LIST, CHOSEN)
    fake.write(CHOSEN[0])
    assert fake.listed(LIST) == [*CHOSEN[1:], CHOSEN[0]]


def test_task_that_is_gone_is_left_out() -> None:
    fake = FakeTaskTabs()
    keep_list_tab(fake.client, PROJECT, LIST, [4, 99, 2])
    assert fake.listed(LIST) == [4, 2]


def test_what_people_changed_in_the_columns_stays() -> None:
    fake = FakeTaskTabs()
    keep_list_tab(fake.client, PROJECT, LIST, CHOSEN)
    (number,) = [number for number, data in fake.views.items() if data["title"] == LIST]
    assert fake.views[number]["hiddenColumns"]["explore"] == ["tasks:updated_at"]
    fake.views[number]["hiddenColumns"] = {"explore": ["tasks:id"], "labeling": []}
    keep_list_tab(fake.client, PROJECT, LIST, [1])
    assert fake.views[number]["hiddenColumns"] == {"explore": ["tasks:id"], "labeling": []}


@pytest.mark.parametrize("people", [[], [ANN]], ids=["nobody has annotated", "one annotator"])
def test_one_annotator_gets_one_tab_of_all(people: list[dict[str, object]]) -> None:
    fake = FakeTaskTabs(people)
    assert keep_next_tabs(fake.client, PROJECT, CHOSEN) == [NEXT_TITLE]
    assert fake.listed(NEXT_TITLE) == CHOSEN


def test_several_annotators_get_disjoint_tabs_that_hold_every_task() -> None:
    fake = FakeTaskTabs([ANN, BO])
    titles = keep_next_tabs(fake.client, PROJECT, CHOSEN)
    assert titles == [NEXT_TITLE, "Ann: next to label", "Bo: next to label"]
    assert fake.listed(NEXT_TITLE) == CHOSEN
    assert [fake.listed(title) for title in titles[1:]] == [[12, 4, 5], [3, 18, 1]]


def test_more_annotators_than_tasks_leave_some_tabs_empty() -> None:
    fake = FakeTaskTabs([ANN, BO, CY])
    titles = keep_next_tabs(fake.client, PROJECT, [6, 2])
    assert [fake.listed(title) for title in titles[1:]] == [[6], [2], []]


def test_annotators_of_one_name_are_told_apart() -> None:
    fake = FakeTaskTabs([ANN, person(9, "Ann", email="a@x.com")])
    assert keep_next_tabs(fake.client, PROJECT, CHOSEN)[1:] == [
        "Ann (3): next to label",
        "Ann (9): next to label",
    ]


def test_too_many_annotators_share_one_tab() -> None:
    fake = FakeTaskTabs([person(number, f"P{number}") for number in range(MOST_ANNOTATORS + 1)])
    assert keep_next_tabs(fake.client, PROJECT, CHOSEN) == [NEXT_TITLE]


def test_tab_of_an_annotator_who_left_goes_and_those_of_people_stay() -> None:
    fake = FakeTaskTabs([ANN, BO, CY])
    fake.views[1] = {"title": "Mine: next to label", "ordering": ["tasks:id"]}
    keep_next_tabs(fake.client, PROJECT, CHOSEN)
    fake.people.remove(BO)
    keep_next_tabs(fake.client, PROJECT, CHOSEN)
    assert fake.titles() == [
        "Mine: next to label",
        NEXT_TITLE,
        "Ann: next to label",
        "Cy: next to label",
    ]
    assert fake.listed("Ann: next to label") == [12, 4, 5]
