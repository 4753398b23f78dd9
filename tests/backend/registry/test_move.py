"""The champion moves in one step, once, and back again."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select

from backend.errors import ArtifactError, BadRequest, ModelError, NotFound
from backend.registry.entities import Promotion
from backend.registry.move import move_champion, promote, rollback
from backend.store.artifacts import ArtifactStore
from backend.store.database import Database
from backend.store.promotions import list_promotions
from backend.store.training_tables import SqlTrainedVersion
from backend.store.versions import alias_moves, champion_of, get_trained
from backend.training.entities import TrainedVersion, VersionState
from tests.backend.registry.makers import NOW, PROJECT

MakeVersions = Callable[..., list[TrainedVersion]]


def move(database: Database, version: str | None, *, project_id: int = PROJECT) -> bool:
    with database.write() as session:
        return move_champion(session, project_id, version, reason="better", prelabel=True, now=NOW)


def back(database: Database, artifacts: ArtifactStore) -> str | None:
    return rollback(database, artifacts, PROJECT, reason="worse", prelabel=False, now=NOW)


def promotions(database: Database) -> list[Promotion]:
    with database.read() as session:
        return list_promotions(session, PROJECT)


def states(database: Database, *versions: TrainedVersion) -> list[VersionState]:
    return [get_trained(database, each.version).state for each in versions]


def test_promotion_changes_alias_states_and_history(database: Database, make_versions: MakeVersions) -> None:
    first, second = make_versions(2)
    assert champion_of(database, PROJECT) is None and alias_moves(database) == {}
    assert move(database, first.version) and move(database, second.version)
    champion = champion_of(database, PROJECT)
    assert champion is not None and champion.version == second.version
    assert states(database, first, second) == [VersionState.ARCHIVED, VersionState.CHAMPION]
    assert alias_moves(database) == {PROJECT: (second.version, 2)}
    assert [(p.version, p.previous, p.reason, p.run_id, p.promoted_at) for p in promotions(database)] == [
        (first.version, None, "better", None, NOW),
        (second.version, first.version, "better", None, NOW),
    ]


def test_moving_to_where_it_is_writes_nothing(database: Database, make_versions: MakeVersions) -> None:
    [first] = make_versions(1)
    assert move(database, first.version) and not move(database, first.version)
    assert alias_moves(database) == {PROJECT: (first.version, 1)} and len(promotions(database)) == 1


def test_moving_to_no_version_is_back_to_the_settings(
    database: Database, make_versions: MakeVersions
) -> None:
    [first] = make_versions(1)
    assert not move(database, None) and alias_moves(database) == {}
    move(database, first.version)
    assert move(database, None)
    assert champion_of(database, PROJECT) is None
    assert states(database, first) == [VersionState.ARCHIVED]


def test_many_who_promote_the_same_at_once_move_it_once(
    database: Database, make_versions: MakeVersions
) -> None:
    [first] = make_versions(1)
    with ThreadPoolExecutor(4) as pool:
        moved = list(pool.map(lambda _: move(database, first.version), range(8)))
    assert sorted(moved) == [False] * 7 + [True]
    assert alias_moves(database) == {PROJECT: (first.version, 1)} and len(promotions(database)) == 1


def test_version_that_cannot_serve_is_refused(database: Database, make_versions: MakeVersions) -> None:
    [first] = make_versions(1)
    with pytest.raises(NotFound, match="'gone'"):
        move(database, "gone")
    with pytest.raises(BadRequest, match="of project 7, not of project 8"):
        move(database, first.version, project_id=8)
    with database.write() as session:
        row = session.scalars(select(SqlTrainedVersion)).one()
        row.artifact = None
    with pytest.raises(BadRequest, match="KEEP_VERSIONS"):
        move(database, first.version)
    assert champion_of(database, PROJECT) is None and promotions(database) == []


def test_refused_move_leaves_the_champion_as_it_was(database: Database, make_versions: MakeVersions) -> None:
    [first] = make_versions(1)
    move(database, first.version)
    with pytest.raises(NotFound):
        move(database, "gone")
    assert states(database, first) == [VersionState.CHAMPION]


def test_rollbacks_walk_back_to_the_settings_and_then_refuse(
    database: Database, artifacts: ArtifactStore, make_versions: MakeVersions
) -> None:
    first, second, third = make_versions(3)
    for each in (first, second, third):
        move(database, each.version)
    assert [back(database, artifacts) for _ in range(3)] == [second.version, first.version, None]
    with pytest.raises(NotFound, match="nothing to go back to"):
        back(database, artifacts)
    assert states(database, first, second, third) == [VersionState.ARCHIVED] * 3


def test_project_that_never_had_a_champion_cannot_be_rolled_back(
    database: Database, artifacts: ArtifactStore
) -> None:
    with pytest.raises(NotFound, match="versions --project 7"):
        back(database, artifacts)
    assert alias_moves(database) == {}


def test_two_who_roll_back_at_once_take_one_step(
    database: Database,
    artifacts: ArtifactStore,
    make_versions: MakeVersions,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = make_versions(2)
    move(database, first.version)
    move(database, second.version)
    seen = dict(alias_moves(database))
    assert back(database, artifacts) == first.version
    monkeypatch.setattr("backend.registry.move.alias_moves", lambda _: seen)
    with pytest.raises(BadRequest, match="Somebody changed"):
        back(database, artifacts)
    champion = champion_of(database, PROJECT)
    assert champion is not None and champion.version == first.version


def test_move_is_refused_once_the_champion_was_moved_since_it_was_decided(
    database: Database, artifacts: ArtifactStore, make_versions: MakeVersions
) -> None:
    first, second = make_versions(2)
    for each in (first, second, first, second):
        move(database, each.version)
    how: dict[str, Any] = {"reason": "", "prelabel": False, "now": NOW}
    for old in (0, 3, 5):
        with pytest.raises(BadRequest, match=f"nothing was done. In service now: {second.version}"):
            rollback(database, artifacts, PROJECT, expected=old, **how)
        with pytest.raises(BadRequest, match="nothing was done"):
            promote(database, artifacts, PROJECT, first.version, expected=old, **how)
        with pytest.raises(BadRequest, match="nothing was done"):
            promote(database, artifacts, PROJECT, None, expected=old, **how)
    assert alias_moves(database) == {PROJECT: (second.version, 4)}
    assert promote(database, artifacts, PROJECT, None, expected=4, **how)
    assert rollback(database, artifacts, PROJECT, expected=5, **how) == second.version


def test_what_serves_already_is_promoted_whatever_was_expected(
    database: Database, artifacts: ArtifactStore, make_versions: MakeVersions
) -> None:
    [first] = make_versions(1)
    how: dict[str, Any] = {"reason": "", "prelabel": False, "now": NOW}
    assert promote(database, artifacts, PROJECT, first.version, expected=0, **how)
    assert not promote(database, artifacts, PROJECT, first.version, expected=0, **how)


@pytest.mark.parametrize("harm", ["missing", "damaged"])
def test_weights_that_cannot_be_had_are_not_put_in_service(
    database: Database, artifacts: ArtifactStore, make_versions: MakeVersions, harm: str
) -> None:
    first, second = make_versions(2)
    move(database, first.version)
    move(database, second.version)
    assert first.artifact is not None
    if harm == "missing":
        artifacts.delete(first.artifact)
    else:
        artifacts.put_bytes(b"half a file", first.artifact)
    with pytest.raises((ArtifactError, ModelError), match="Nothing was changed"):
        back(database, artifacts)
    with pytest.raises((ArtifactError, ModelError)):
        promote(database, artifacts, PROJECT, first.version, reason="", prelabel=False, now=NOW)
    assert alias_moves(database) == {PROJECT: (second.version, 2)}


def test_promotion_by_hand_may_put_a_rejected_version_in_service(
    database: Database, artifacts: ArtifactStore, make_versions: MakeVersions
) -> None:
    [first] = make_versions(1)
    assert promote(database, artifacts, PROJECT, first.version, reason="", prelabel=False, now=NOW)
    assert not promote(database, artifacts, PROJECT, first.version, reason="", prelabel=False, now=NOW)
