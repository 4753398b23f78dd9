"""How soon a webhook is answered, idle and beside a training run, and how fast events are processed."""

import itertools
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import uuid4

import psycopg
from rq import Queue
from rq.command import send_stop_job_command
from sqlalchemy import func, select

from backend.labelstudio.events import parse_event
from backend.queue import EVENTS, PREDICT, TRAIN, JobQueue
from backend.store.database import Database, open_database
from backend.store.event_log import store_event
from backend.store.prediction_log import store_predictions
from backend.store.tables import SqlEvent
from benchmarks import event_bodies
from benchmarks.open_loop import percentile, send, send_by_schedule
from benchmarks.rounds import print_table
from benchmarks.stack import Stack, run_stack
from benchmarks.training import JOB as TRAINING_JOB
from tests.backend.servers import postgres_folder, run_postgres

RATE = 100.0
SECONDS = 5  # of each turn
TURNS = 4
TASKS = 300
BACKLOG = 2000
BULK = 5000
BULK_ROUNDS = 3
BULK_FROM = 10_000_000  # first id, beyond all others
STORM, STORM_RATE = 1000, 500.0
TRAINING_STARTS = 60.0  # seconds until it is well into its epochs
PROCESSED_WITHIN = 300.0

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where events go, and the numbers of those to come."""

    stack: Stack
    database: Database
    numbers: Iterator[int]

    def next_event(self) -> bytes:
        """Return the next annotation's event, as sent."""
        number = next(self.numbers)
        return json.dumps(event_bodies.annotation_created(number, task=1 + number % TASKS)).encode()


def main() -> None:
    """Print the tables, for each kind of database that is there."""
    with ExitStack() as started:
        addresses = {"SQLite": ""}
        if programs := postgres_folder():
            server = started.enter_context(run_postgres(programs, fsync=True))
            addresses["PostgreSQL"] = _new_database(server)
        else:
            print("PostgreSQL is left out: its programs are not installed (Debian's package postgresql).")
        for kind, address in addresses.items():
            with (
                tempfile.TemporaryDirectory() as folder,
                run_stack(Path(folder), database_url=address) as stack,
            ):
                _measure(kind, stack)


def _new_database(server: str) -> str:
    name = f"bench_{uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{server}/{name}"


def _measure(kind: str, stack: Stack) -> None:
    with closing(open_database(stack.settings.database_address, timeout=30)) as database:
        predictions = event_bodies.logged_predictions(TASKS)
        store_predictions(database, predictions, project_id=event_bodies.PROJECT, now=event_bodies.SHOWN_AT)
        place = Place(stack, database, itertools.count(1))
        with stack.worker(EVENTS):
            idle = _answers("idle", place)
            bulk = _bulk(place)
            _wait_until_processed(database)
            with _training(stack):
                busy = _answers("training", place)
        print_table(
            f"Answers with {kind}: {RATE:.0f} requests a second, two server processes",
            ("load", "request", "p50, ms", "p99, ms", "longest, ms", "p99, of /health's"),
            [*idle, *busy],
        )
        print_table(
            f"ANNOTATIONS_CREATED with {BULK} items of {event_bodies.REGIONS} regions, {kind}",
            ("what", "ms", "of decoding and encoding"),
            bulk,
        )
        print_table(
            f"Processing of {BACKLOG} annotations of {event_bodies.REGIONS} regions, {kind}",
            ("what", "events/s", "of bare inserts"),
            _throughput(place),
        )


def _answers(load: str, place: Place) -> list[Row]:
    """Measure each kind of request in turns."""
    url = place.stack.url
    health, webhook = "GET /health", "POST /webhook"
    seconds: dict[str, list[float]] = {health: [], webhook: []}
    count = int(RATE * SECONDS)
    for _ in range(TURNS):
        bodies = [place.next_event() for _ in range(count)]
        runs = {
            health: [partial(send, url, "/health")] * count,
            webhook: [partial(send, url, "/webhook", body) for body in bodies],
        }
        for name, requests in runs.items():
            seconds[name] += send_by_schedule(requests, rate=RATE)
    asks = [json.dumps(event_bodies.start_training(next(place.numbers))).encode() for _ in range(STORM)]
    storm = [partial(send, url, "/webhook", ask) for ask in asks]
    seconds[f"{STORM} START_TRAINING, {STORM_RATE:.0f} a second"] = send_by_schedule(storm, rate=STORM_RATE)
    base = percentile(seconds[health], 99)
    return [
        (
            load,
            name,
            *(f"{percentile(taken, share):.1f}" for share in (50, 99, 100)),
            f"{percentile(taken, 99) / base:.1f}",
        )
        for name, taken in seconds.items()
    ]


def _bulk(place: Place) -> list[Row]:
    """Measure one event of very many items against Python's own decoding and encoding of it."""
    bare, answered = [], []
    for _ in range(BULK_ROUNDS):
        first = BULK_FROM + next(place.numbers) * BULK
        body = json.dumps(event_bodies.annotations_created(first, count=BULK, tasks=TASKS)).encode()
        started = time.perf_counter()
        json.dumps(json.loads(body))
        bare.append(time.perf_counter() - started)
        answered += send_by_schedule([partial(send, place.stack.url, "/webhook", body)], rate=1)
    return [
        (f"json.loads and json.dumps, {len(body) / 2**20:.0f} MB", f"{percentile(bare, 50):.0f}", "1.0"),
        (
            f"POST /webhook, longest of {BULK_ROUNDS}",
            f"{percentile(answered, 100):.0f}",
            f"{percentile(answered, 100) / percentile(bare, 50):.1f}",
        ),
    ]


@contextmanager
def _training(stack: Stack) -> Iterator[None]:
    """Run the training in a worker of its own, as any long job runs."""
    with stack.worker(PREDICT, TRAIN), closing(JobQueue(stack.settings.redis_address)) as queue:
        queue.enqueue_once(TRAIN, TRAINING_JOB, timeout=None)
        time.sleep(TRAINING_STARTS)
        yield
        for job_id in Queue(TRAIN, connection=queue.redis).started_job_registry.get_job_ids():
            send_stop_job_command(queue.redis, job_id)


def _throughput(place: Place) -> list[Row]:
    """Store events one by one with no worker there, then start one."""
    bodies = [json.loads(place.next_event()) for _ in range(BACKLOG)]
    events = [parse_event(body, received_second=0) for body in bodies]
    started = time.perf_counter()
    for event in events:
        store_event(place.database, event, now=datetime.now(UTC))
    inserts = BACKLOG / (time.perf_counter() - started)
    with place.stack.worker(EVENTS):
        _wait_until_processed(place.database)
    with place.database.read() as session:
        keys = [event.key for event in events[-500:]]
        span = select(func.min(SqlEvent.processed_at), func.max(SqlEvent.processed_at))
        first, last = session.execute(span.where(SqlEvent.key.in_(keys))).one()
    processed = len(keys) / (last - first).total_seconds()
    return [
        ("bare: one insert and one commit for each", f"{inserts:.0f}", "1.0"),
        ("processed by one worker", f"{processed:.0f}", f"{processed / inserts:.2f}"),
    ]


def _wait_until_processed(database: Database) -> None:
    deadline = time.monotonic() + PROCESSED_WITHIN
    while _waiting(database):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{_waiting(database)} events are not processed")
        time.sleep(0.5)


def _waiting(database: Database) -> int:
    with database.read() as session:
        query = select(func.count()).where(SqlEvent.processed_at.is_(None))
        return session.scalar(query.where(SqlEvent.action != "START_TRAINING")) or 0
