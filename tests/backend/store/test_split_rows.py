"""Sides of images: the first word stands, whoever says otherwise later or at the same time."""

from collections.abc import Mapping

from sqlalchemy import select

from backend.store.database import Database
from backend.store.splits import settle_sides
from backend.store.training_tables import SqlSplit
from backend.training.entities import Side


def settle(database: Database, sides: Mapping[str, Side], *, project_id: int = 7) -> dict[str, Side]:
    """Choose these sides for these keys."""
    return settle_sides(database, project_id, sides.keys(), choose=lambda known: sides)


def test_new_keys_get_the_sides_that_are_chosen(database: Database) -> None:
    chosen = {"a": Side.TRAIN, "b": Side.VAL, "c": Side.TEST}
    assert settle(database, chosen) == chosen


def test_known_key_keeps_its_side(database: Database) -> None:
    settle(database, {"a": Side.TEST})
    assert settle(database, {"a": Side.TRAIN, "b": Side.TRAIN}) == {"a": Side.TEST, "b": Side.TRAIN}


def test_known_sides_are_told_before_the_choice(database: Database) -> None:
    settle(database, {"a": Side.TEST, "z": Side.VAL})
    told: list[Mapping[str, Side]] = []

    def choose(known: Mapping[str, Side]) -> Mapping[str, Side]:
        told.append(known)
        return {**known, "b": Side.TRAIN}

    settle_sides(database, 7, ["a", "b"], choose=choose)
    assert told == [{"a": Side.TEST}]


def test_projects_have_sides_of_their_own(database: Database) -> None:
    settle(database, {"a": Side.TEST}, project_id=8)
    assert settle(database, {"a": Side.TRAIN}) == {"a": Side.TRAIN}


def test_what_another_process_stored_meanwhile_stands(database: Database) -> None:
    settle(database, {"a": Side.TEST})
    # As if the known sides had been read before the other process stored its own.
    found = settle_sides(database, 7, ["a"], choose=lambda known: {**known, "a": Side.TRAIN})
    assert found == {"a": Side.TEST}


def test_thousands_of_keys_are_stored_whole(database: Database) -> None:
    chosen = {f"{n:064x}": Side.TRAIN for n in range(1700)}
    assert settle(database, chosen) == chosen
    with database.read() as session:
        assert len(session.scalars(select(SqlSplit)).all()) == len(chosen)
