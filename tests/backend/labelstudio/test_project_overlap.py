"""The share of tasks for several people: set once, and checked."""

from typing import Any

import pytest

from backend.errors import LabelStudioError
from backend.labelstudio.overlap import NO_OVERLAP, Overlap, set_overlap
from tests.backend.labelstudio.fake_project import FakeProject

PROJECT = 7
TENTH = Overlap(annotators=2, percent=10, is_first=True)


def fake(**changes: Any) -> FakeProject:
    return FakeProject(PROJECT, **changes)


def test_share_is_set_and_what_was_before_is_told() -> None:
    project = fake()
    change = set_overlap(project.client, PROJECT, TENTH)
    assert (change.before, change.now) == (NO_OVERLAP, TENTH)
    assert project.patches == [
        {"maximum_annotations": 2, "overlap_cohort_percentage": 10, "show_overlap_first": True}
    ]


def test_tasks_are_counted_as_label_studio_rounds_them() -> None:
    assert set_overlap(fake().client, PROJECT, TENTH).shared_tasks == 31
    assert set_overlap(fake().client, PROJECT, NO_OVERLAP).shared_tasks == 0
    assert set_overlap(fake(task_number=None).client, PROJECT, TENTH).shared_tasks == 0


def test_setting_it_again_changes_nothing() -> None:
    project = fake()
    set_overlap(project.client, PROJECT, TENTH)
    change = set_overlap(project.client, PROJECT, TENTH)
    assert change.before == change.now == TENTH
    assert len(project.patches) == 1


def test_all_is_as_before_once_it_is_off() -> None:
    project = fake()
    set_overlap(project.client, PROJECT, TENTH)
    set_overlap(project.client, PROJECT, NO_OVERLAP)
    assert project.fields == fake().fields


def test_what_label_studio_does_not_keep_is_an_error() -> None:
    with pytest.raises(LabelStudioError, match=r"was told 10 % .* and has 100 % of tasks for 1 people"):
        set_overlap(fake(keeps=False).client, PROJECT, TENTH)


def test_project_without_the_fields_is_an_error() -> None:
    project = fake()
    del project.fields["overlap_cohort_percentage"]
    with pytest.raises(LabelStudioError, match="names no maximum_annotations"):
        set_overlap(project.client, PROJECT, TENTH)


def test_unknown_project_is_an_error() -> None:
    with pytest.raises(LabelStudioError, match="no such project"):
        set_overlap(fake().client, PROJECT + 1, TENTH)
