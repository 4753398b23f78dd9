"""What each of Label Studio's events changes, and that a bad item spoils no other."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.entities import Task
from backend.labelstudio.changes import Changes, read_changes

TRAFFIC = Path(__file__).parents[2] / "data" / "traffic"
WEBHOOKS = {path.stem: json.loads(path.read_text())["body"] for path in sorted(TRAFFIC.glob("*webhook*"))}
PROJECT = {"id": 2, "title": "t"}
ANNOTATION = {"id": 7, "task": 4, "project": 2, "updated_at": "2026-11-22T11:06:02Z", "result": []}
LOOSE = {key: value for key, value in ANNOTATION.items() if key not in ("task", "project")}
TASK = {"id": 4, "data": {"image": "a.jpg"}, "project": 2}
ACTIONS = [
    "ANNOTATION_CREATED",
    "ANNOTATION_UPDATED",
    "ANNOTATIONS_CREATED",
    "ANNOTATIONS_DELETED",
    "TASKS_CREATED",
    "TASKS_DELETED",
    "PROJECT_DELETED",
    "PROJECT_UPDATED",
    "START_TRAINING",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2**64) | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["id", "data", "task", "result", "updated_at"]), inner, max_size=5)
    ),
    max_leaves=15,
)


def read(action: str, **payload: Any) -> Changes:
    return read_changes(action, {"action": action, "project": PROJECT, **payload})


def ids(changes: Changes) -> list[tuple[int, int]]:
    return [(annotation.id, annotation.task_id) for annotation in changes.annotations]


def test_recording_is_read_without_a_problem() -> None:
    found = {name: read_changes(body["action"], body) for name, body in WEBHOOKS.items()}
    assert [problem for changes in found.values() for problem in changes.problems] == []
    assert {name[:3]: ids(changes) for name, changes in found.items() if changes.annotations} == {
        "007": [(1, 4)],
        "008": [(1, 4)],
        "009": [(1, 4)],
        "010": [(2, 5)],
        "011": [(3, 6)],
        "013": [(4, 5), (5, 6)],
    }
    assert found["012-webhook-annotations-deleted"] == Changes(deleted_annotations=(3,))
    assert found["014-webhook-annotations-deleted"] == Changes(deleted_annotations=(5,))
    assert found["016-webhook-start-training"] == Changes(asks_for_training=True)
    assert found["020-webhook-project-updated"] == Changes()
    assert found["021-webhook-tasks-deleted"] == Changes(deleted_tasks=(6,))


def test_tasks_that_come_along_with_annotations_are_read() -> None:
    body = WEBHOOKS["013-webhook-annotations-created"]
    assert read_changes(body["action"], body).tasks == (
        Task(5, {"image": "/data/upload/2/cacaa427-img1.jpg"}),
        Task(6, {"image": "/data/upload/2/d8092dee-img2.jpg"}),
    )


@pytest.mark.parametrize("action", ["ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_CREATED"])
@pytest.mark.parametrize(
    "payload",
    [
        pytest.param({"annotation": ANNOTATION, "task": TASK}, id="one item"),
        pytest.param({"annotation": [ANNOTATION], "task": [TASK]}, id="lists"),
        pytest.param({"annotations": [ANNOTATION], "tasks": [TASK]}, id="plural"),
        pytest.param({"annotation": LOOSE, "task": TASK}, id="task told by the one beside it"),
    ],
)
def test_annotations_come_alone_or_in_lists(action: str, payload: dict[str, Any]) -> None:
    changes = read(action, **payload)
    assert (ids(changes), changes.tasks) == ([(7, 4)], (Task(4, {"image": "a.jpg"}),))
    assert [annotation.project_id for annotation in changes.annotations] == [2]
    assert changes.problems == ()


def test_annotations_that_name_no_task_have_the_one_at_their_place() -> None:
    changes = read("ANNOTATIONS_CREATED", annotation=[LOOSE, {**LOOSE, "id": 8}], task=[5, {"id": 6}])
    assert (ids(changes), changes.tasks) == ([(7, 5), (8, 6)], ())


def test_annotations_that_name_no_task_share_the_only_one() -> None:
    assert ids(read("ANNOTATIONS_CREATED", annotation=[LOOSE, {**LOOSE, "id": 8}], task=TASK)) == [
        (7, 4),
        (8, 4),
    ]


def test_annotation_whose_task_cannot_be_told_is_a_problem() -> None:
    changes = read("ANNOTATIONS_CREATED", annotation=[LOOSE], task=[5, 6])
    assert changes.annotations == ()
    assert "names no task" in changes.problems[0]


@pytest.mark.parametrize(
    ("action", "name", "kept"),
    [
        pytest.param("ANNOTATIONS_DELETED", "annotation", "deleted_annotations", id="annotations"),
        pytest.param("TASKS_DELETED", "task", "deleted_tasks", id="tasks"),
    ],
)
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param([{"id": 3}, {"id": 5}], (3, 5), id="objects"),
        pytest.param([3, 5], (3, 5), id="bare ids"),
        pytest.param({"id": 3}, (3,), id="one object"),
        pytest.param(3, (3,), id="one bare id"),
        pytest.param([3, {"id": 3}], (3,), id="twice the same"),
    ],
)
def test_deletions_name_ids_alone(action: str, name: str, kept: str, value: object, expected: object) -> None:
    for key in (name, f"{name}s"):
        changes = read(action, **{key: value})
        assert getattr(changes, kept) == expected
        assert changes.problems == ()


def test_created_tasks_are_read() -> None:
    assert read("TASKS_CREATED", tasks=[TASK, {**TASK, "id": 5}]) == Changes(
        tasks=(Task(4, TASK["data"]), Task(5, TASK["data"]))
    )


def test_data_of_a_task_holds_nothing_that_postgresql_refuses() -> None:
    assert read("TASKS_CREATED", tasks={"id": 4, "data": {"t": "\x00"}}).tasks == (Task(4, {"t": "?"}),)


def test_project_is_deleted() -> None:
    assert read("PROJECT_DELETED") == Changes(is_project_deleted=True)


@pytest.mark.parametrize(
    "action",
    ["PROJECT_CREATED", "PROJECT_UPDATED", "LABEL_LINK_CREATED", "LABEL_LINK_UPDATED", "LABEL_LINK_DELETED"],
)
def test_action_of_another_matter_changes_nothing_here(action: str) -> None:
    assert read(action, label_link={"id": 1}) == Changes()


def test_unknown_action_is_one_problem() -> None:
    changes = read("REVIEW_CREATED", annotation=ANNOTATION)
    assert changes.problems == ("unknown action 'REVIEW_CREATED'; nothing was read from it",)
    assert changes == Changes(problems=changes.problems)


@pytest.mark.parametrize(
    ("action", "payload", "left", "problem"),
    [
        pytest.param(
            "ANNOTATIONS_CREATED",
            {"annotation": [{"id": "x"}, ANNOTATION, 5]},
            "annotations",
            "id is 'x'",
            id="annotations",
        ),
        pytest.param(
            "ANNOTATIONS_DELETED",
            {"annotations": [{"id": 2**63}, 3, None]},
            "deleted_annotations",
            "id of a deleted annotation is 9223372036854775808",
            id="deleted annotations",
        ),
        pytest.param(
            "TASKS_DELETED",
            {"tasks": [{"key": 1}, 3, True]},
            "deleted_tasks",
            "deleted task has no id",
            id="deleted tasks",
        ),
        pytest.param(
            "TASKS_CREATED", {"tasks": [{"id": 4}, TASK, 5]}, "tasks", "no data: {'id': 4}", id="tasks"
        ),
    ],
)
def test_bad_item_spoils_no_other(action: str, payload: dict[str, Any], left: str, problem: str) -> None:
    changes = read(action, **payload)
    assert len(getattr(changes, left)) == 1
    assert len(changes.problems) == 2
    assert problem in changes.problems[0]


def test_bad_task_beside_an_annotation_does_not_spoil_it() -> None:
    changes = read("ANNOTATION_CREATED", annotation=ANNOTATION, task={"id": 4, "data": []})
    assert (ids(changes), changes.tasks, len(changes.problems)) == ([(7, 4)], (), 1)


@pytest.mark.parametrize(
    "action", ["ANNOTATION_CREATED", "ANNOTATIONS_DELETED", "TASKS_CREATED", "TASKS_DELETED"]
)
def test_event_without_its_payload_is_one_problem(action: str) -> None:
    changes = read_changes(action, {"action": action})
    assert changes == Changes(problems=changes.problems)
    assert len(changes.problems) == 1
    assert "send its payload" in changes.problems[0]


def test_wish_for_training_needs_no_payload() -> None:
    assert read_changes("START_TRAINING", {}) == Changes(asks_for_training=True)


@given(
    st.sampled_from(ACTIONS) | st.text(),
    st.dictionaries(
        st.sampled_from(["annotation", "annotations", "task", "tasks", "project"]),
        JSON | st.lists(st.just(ANNOTATION) | st.just(TASK) | JSON, max_size=3),
    ),
)
def test_nothing_that_comes_raises(action: str, payload: dict[str, Any]) -> None:
    changes = read_changes(action, payload)
    assert all(isinstance(problem, str) and problem for problem in changes.problems)
    assert all(task.id is not None for task in changes.tasks)
