"""Any order and any repetition of a set of events give one ledger, on any database."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import StaticPool, create_engine

from backend.store.database import Database, open_database
from tests.backend.review.events import (
    annotation,
    created,
    deleted,
    event,
    processor,
    read_ledger,
    region,
    show,
    store_again,
    task_of,
    updated,
)

TASKS, ANNOTATIONS = (1, 2, 3), range(1, 6)
IDS = ("a", "b", "n")
LABELS = ("car", "person")


@st.composite
def contents(draw: st.DrawFn) -> dict[str, Any]:
    """One annotation as it was at some time; few ids and times, so that they clash."""
    number = draw(st.sampled_from(ANNOTATIONS))
    # An annotation belongs to one task for good.
    task = TASKS[number % len(TASKS)]
    chosen = draw(st.lists(st.sampled_from(IDS), unique=True))
    regions = [
        region(f"{identity}{task}", draw(st.sampled_from(LABELS)), x=draw(st.sampled_from((0, 20, 300))))
        for identity in chosen
    ]
    return annotation(
        number,
        regions,
        task=task,
        updated=draw(st.integers(10, 14)),
        was_cancelled=draw(st.booleans()) and draw(st.booleans()),
        ground_truth=draw(st.booleans()) and draw(st.booleans()),
    )


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["one", "one", "one", "update", "update", "list", "delete", "task", "tasks"]))
    if kind in ("one", "update"):
        return (created if kind == "one" else updated)(draw(contents()))
    if kind == "list":
        items = draw(st.lists(contents(), min_size=1, max_size=3))
        return event("ANNOTATIONS_CREATED", annotation=items, task=[task_of(item["task"]) for item in items])
    if kind == "delete":
        return deleted(*draw(st.lists(st.sampled_from(ANNOTATIONS), min_size=1, max_size=2)))
    if kind == "tasks":
        return event("TASKS_CREATED", tasks=[task_of(task) for task in TASKS])
    return event("TASKS_DELETED", tasks=[{"id": draw(st.sampled_from(TASKS))}])


@cache
def template() -> sqlite3.Connection:
    """A database in memory in which each task was shown two regions; made once: its tables take longest."""
    memory = sqlite3.connect(":memory:", check_same_thread=False)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "template.sqlite3"
        with closing(open_database(f"sqlite:///{path}", timeout=5)) as database:
            for task in TASKS:
                show(database, [region(f"a{task}"), region(f"b{task}", "person", x=300)], task=task)
        with closing(sqlite3.connect(path)) as stored:
            stored.backup(memory)
    return memory


@contextmanager
def empty_ledger() -> Iterator[Database]:
    with closing(sqlite3.connect(":memory:", check_same_thread=False)) as memory:
        template().backup(memory)
        engine = create_engine("sqlite://", creator=lambda: memory, poolclass=StaticPool)
        yield Database(engine)


def ledger_of(bodies: list[dict[str, Any]]) -> Any:
    with empty_ledger() as database:
        for number, body in enumerate(bodies):
            store_again(database, body, key=str(number), minute=60 + number)
        assert processor(database).process(7) == len(bodies)
        return read_ledger(database)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), bodies=st.lists(events(), min_size=1, max_size=8))
def test_order_and_repetition_of_events_do_not_matter(
    data: st.DataObject, bodies: list[dict[str, Any]]
) -> None:
    repeated = bodies + data.draw(st.lists(st.sampled_from(bodies), max_size=4))
    shuffled = data.draw(st.permutations(repeated))
    assert ledger_of(shuffled) == ledger_of(bodies)


@settings(max_examples=25, deadline=None)
@given(bodies=st.lists(events(), min_size=1, max_size=8), cut=st.integers(0, 8))
def test_pauses_between_events_do_not_matter(bodies: list[dict[str, Any]], cut: int) -> None:
    with empty_ledger() as database:
        for number, body in enumerate(bodies):
            store_again(database, body, key=str(number), minute=60 + number)
            if number == cut:
                processor(database).process(7)
        processor(database).process(7)
        assert read_ledger(database) == ledger_of(bodies)
