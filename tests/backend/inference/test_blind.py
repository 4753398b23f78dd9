"""Blind tasks: a stable share, drawn by project and task alone."""

import pytest

from backend.inference.blind import is_blind


def test_share_of_blind_tasks_is_about_the_fraction() -> None:
    count = sum(is_blind(7, task_id, fraction=0.05) for task_id in range(20_000))
    assert 900 < count < 1100


def test_task_stays_blind_and_a_larger_fraction_keeps_it_so() -> None:
    blind = [task_id for task_id in range(1000) if is_blind(7, task_id, fraction=0.1)]
    assert blind and all(is_blind(7, task_id, fraction=0.3) for task_id in blind)
    assert blind == [task_id for task_id in range(1000) if is_blind(7, task_id, fraction=0.1)]


def test_projects_draw_their_own() -> None:
    drawn = [{i for i in range(1000) if is_blind(project, i, fraction=0.1)} for project in (7, 8)]
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize(("fraction", "expected"), [(0.0, False), (1.0, True)])
def test_none_and_all_are_possible(fraction: float, expected: bool) -> None:
    assert {is_blind(7, task_id, fraction=fraction) for task_id in range(1000)} == {expected}


def test_task_without_an_id_is_never_blind() -> None:
    assert not is_blind(7, None, fraction=1.0)
