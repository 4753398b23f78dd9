"""Server and worker killed again and again while events come: none acknowledged is lost, none is doubled."""

import random
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from sqlalchemy import func, select

from backend.entities import Box, ImageSize, Prediction, Region
from backend.store.database import Database, open_database
from backend.store.prediction_log import store_predictions
from backend.store.tables import SqlEvent
from demo.__main__ import WEIGHTS
from tests.backend.review import events as made
from tests.backend.servers import postgres_folder, run_postgres

from .processes import Program, free_port, wait_for
from .servers import run_programs

EVENTS, TASKS, KILLS, SENDERS = 2000, 300, 20, 8
START_SECONDS, REST_SECONDS = 60.0, 600.0
SEED = 4


@dataclass
class Log:
    """What the senders know: the events to send, and which of them were acknowledged."""

    bodies: Sequence[dict[str, Any]]
    acknowledged: set[int] = field(default_factory=set)
    asked: set[int] = field(default_factory=set)


@pytest.fixture(params=["sqlite", "postgresql"])
def addresses(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Two empty databases of one kind; PostgreSQL writes through to the disk."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'killed.sqlite3'}", f"sqlite:///{tmp_path / 'calm.sqlite3'}"
        return
    programs = postgres_folder()
    if programs is None:
        pytest.skip("PostgreSQL's programs are not installed (Debian's package postgresql)")
    with run_postgres(programs, fsync=True) as server:
        names = [f"kills_{uuid4().hex}" for _ in range(2)]
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            for name in names:
                connection.execute(f"CREATE DATABASE {name}")
        yield f"{server}/{names[0]}", f"{server}/{names[1]}"


@pytest.mark.slow
def test_no_acknowledged_event_is_lost_or_counted_twice_over_twenty_kills(
    addresses: tuple[str, str], tmp_path: Path
) -> None:
    log = Log(make_events(random.Random(SEED)))
    killed, calm = (open_database(address, timeout=30) for address in addresses)
    with closing(killed), closing(calm):
        for database in (killed, calm):
            show_predictions(database)
        with stack(tmp_path, addresses[0]) as (url, programs):
            send_and_kill(log, url, programs, killed)
            wait_for(lambda: waiting(killed) == 0, seconds=REST_SECONDS, what="the rest to be processed")
        assert_each_is_there_once(log, killed)
        made.process(calm, *log.bodies)
        assert made.read_ledger(killed) == made.read_ledger(calm)
        assert len(made.corrections(killed)) > EVENTS


def make_events(chance: random.Random) -> list[dict[str, Any]]:
    """Return annotations made, changed and deleted, over some tasks; every event has a key of its own."""
    bodies: list[dict[str, Any]] = []
    numbers, alive = count(1), dict[int, int]()
    while len(bodies) < EVENTS:
        minute = 10 + len(bodies)
        draw = chance.random()
        if draw < 0.5 or not alive:
            number, task = next(numbers), chance.randint(1, TASKS)
            alive[number] = task
            body = made.created(made.annotation(number, drawn(chance, task), task=task, minute=minute))
        elif draw < 0.85:
            number = chance.choice(list(alive))
            changed = made.annotation(
                number, drawn(chance, alive[number]), task=alive[number], minute=10, updated=minute
            )
            body = made.updated(changed)
        else:
            number = chance.choice(list(alive))
            del alive[number]
            body = made.deleted(number)
        bodies.append(body)
    return bodies


def shown(task: int) -> list[Region]:
    return [made.region(f"t{task}r{n}", x=100.0 * n) for n in range(5)]


def drawn(chance: random.Random, task: int) -> list[Region]:
    """Return what an annotator makes of the task's shown regions."""
    kept = []
    for region in shown(task):
        box = region.geometry
        assert isinstance(box, Box)
        match chance.randrange(4):
            case 0:
                kept.append(region)
            case 1:
                kept.append(made.region(region.id, x=box.x1 + 20))
            case 2:
                kept.append(made.region(region.id, "person", x=box.x1))
    return [*kept, made.region(f"new{chance.randrange(10**9)}", x=700)]


def show_predictions(database: Database) -> None:
    """Log the same predictions, row by row, so that their ids agree."""
    size = ImageSize(1000, 500)
    predictions = [
        Prediction(task, made.VERSION, size, tuple(shown(task)), 0.5, 0.1) for task in range(1, TASKS + 1)
    ]
    store_predictions(database, predictions, project_id=made.PROJECT, now=made.START)


@contextmanager
def stack(folder: Path, database_url: str) -> Iterator[tuple[str, list[Program]]]:
    """Run Redis, which stays, and a server and a worker, which the test kills."""
    port = free_port()
    settings = {
        "DATA_DIR": str(folder / "data"),
        "DATABASE_URL": database_url,
        "PORT": str(port),
        "WEB_WORKERS": "2",
        "YOLO_WEIGHTS": str(WEIGHTS),
        "LABEL_STUDIO_URL": f"http://127.0.0.1:{free_port()}",
    }
    modules = {
        "redis": ["backend.embedded_redis"],
        "web": ["gunicorn", "-c", "python:backend.gunicorn_conf", "_wsgi:app"],
        "worker": ["retrain.worker", "events"],
    }
    with run_programs(folder, modules, settings) as programs:
        yield f"http://127.0.0.1:{port}", [programs["web"], programs["worker"]]


def send_and_kill(log: Log, url: str, programs: Sequence[Program], database: Database) -> None:
    """Send all events in order of time from some clients, killing everything at moments drawn at random."""
    chance = random.Random(SEED + 1)
    kill_at = iter(sorted(chance.sample(range(EVENTS // 50, EVENTS - EVENTS // 50), KILLS)))
    queue, lock = iter(range(EVENTS)), threading.Lock()

    def run_sender() -> None:
        with httpx.Client(base_url=url, timeout=10, trust_env=False) as client:
            while True:
                with lock:
                    number = next(queue, None)
                if number is None:
                    return
                deliver(client, log, number)

    with ThreadPoolExecutor(SENDERS) as pool:
        senders = [pool.submit(run_sender) for _ in range(SENDERS)]
        for number in kill_at:
            wait_for(
                lambda number=number: len(log.acknowledged) >= number,
                seconds=REST_SECONDS,
                what=f"{number} sent",
            )
            # At some moment of what server and worker have in hand.
            threading.Event().wait(chance.random() * 0.5)
            for program in chance.sample(list(programs), len(programs)):
                program.kill()
                program.start()
        for sender in senders:
            sender.result()


def deliver(client: httpx.Client, log: Log, number: int) -> None:
    """Send one event until it is acknowledged."""
    while True:
        log.asked.add(number)
        try:
            answer = client.post("/webhook", json=log.bodies[number])
        except httpx.TransportError:
            threading.Event().wait(0.05)
            continue
        assert answer.status_code in (200, 201, 503), answer.text
        if answer.is_success:
            log.acknowledged.add(number)
            return


def waiting(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).where(SqlEvent.processed_at.is_(None))) or 0


def assert_each_is_there_once(log: Log, database: Database) -> None:
    assert log.acknowledged == set(range(EVENTS))
    with database.read() as session:
        stored = list(session.scalars(select(SqlEvent.payload)))
        errors = list(session.scalars(select(SqlEvent.error).where(SqlEvent.error.is_not(None))))
    assert errors == []
    assert len(stored) == EVENTS
    assert all(body in stored for body in log.bodies)
