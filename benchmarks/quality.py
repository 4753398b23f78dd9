"""Seconds of a project's quality page over 100 000 annotations, against one bare sum over the same rows."""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from flask.testing import FlaskClient
from sqlalchemy import func, insert, select

from backend.app import create_app
from backend.services import Services
from backend.settings import Settings
from backend.store.database import Database
from backend.store.ledger_tables import SqlAnnotation, SqlCorrection, SqlTally
from backend.store.projects import store_project
from benchmarks.rounds import Run, measure, print_table, ratio, timed

ANNOTATIONS = 100_000
LABELS, LABELS_EACH = 20, 3
VERSIONS, ANNOTATORS, WEEKS = 5, 10, 52
VERSION_NAMES = tuple(f"yolo11n-{number:08x}" for number in range(VERSIONS))
BLIND, GROUND_TRUTH = 0.05, 0.02
# Mean number of regions of one label in one image, by what was done to them.
MEANS = {"kept": 1.5, "adjusted": 0.5, "deleted": 0.2, "added": 0.2, "relabelled_from": 0.1}
ROUNDS = 5
SEED = 1
PROJECT = 1
ROUTE = f"GET /projects/{PROJECT}/quality"
BARE_SUM = "bare sum"
# By name, how many annotations each task has.
CASES = {"one annotation a task": 1, "two annotations a task": 2}
_START = datetime(2024, 1, 1, tzinfo=UTC)
_CHUNK = 5000


def main() -> None:
    """Print the table."""
    rows = [row for name, per_task in CASES.items() for row in _measure(name, per_task)]
    print_table(
        f"Quality of a project with {ANNOTATIONS:,} annotations, {LABELS_EACH} labels each, "
        f"{ROUNDS} rounds in turn (medians)",
        ("what", "ms", "processor ms", "of bare sum (median of rounds)"),
        rows,
    )


def _measure(name: str, per_task: int) -> list[Sequence[str]]:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(_env_file=None, data_dir=Path(folder), label_studio_url="http://127.0.0.1:1")
        with closing(Services.build(settings)) as services:
            fill_ledger(services.database, ANNOTATIONS, per_task=per_task)
            client = create_app(services).test_client()
            runs = {
                f"{BARE_SUM}, {name}": lambda: _sum(services.database),
                f"{ROUTE}, {name}": lambda: _get(client),
            }
            walls = measure({what: timed(run) for what, run in runs.items()}, rounds=ROUNDS)
            # On a shared machine other programs lengthen the wall's time, and hardly the processor's.
            used = measure({what: _processor_timed(run) for what, run in runs.items()}, rounds=ROUNDS)
    base = next(iter(walls.values()))
    return [
        (
            what,
            f"{1000 * statistics.median(seconds):.0f}",
            f"{1000 * statistics.median(used[what]):.0f}",
            f"{ratio(seconds, base):.1f}",
        )
        for what, seconds in walls.items()
    ]


def _sum(database: Database) -> None:
    counts = (SqlTally.kept, SqlTally.adjusted, SqlTally.deleted, SqlTally.added)
    query = select(func.count(), *map(func.sum, counts)).where(SqlTally.project_id == PROJECT)
    with database.read() as session:
        rows = session.execute(query).one()[0]
    assert rows == ANNOTATIONS * (LABELS_EACH + 1)


def _get(client: FlaskClient) -> None:
    answer = client.get(f"/projects/{PROJECT}/quality")
    assert answer.status_code == 200 and len(answer.json["versions"]) == VERSIONS, answer.text


def _processor_timed(work: Callable[[], object]) -> Run:
    def run() -> float:
        started = time.process_time()
        work()
        return time.process_time() - started

    return run


def fill_ledger(
    database: Database, annotations: int, *, per_task: int = 1, versions: Sequence[str] = VERSION_NAMES
) -> None:
    """Store so many annotations with their corrections and tallies, `per_task` of each task.

    The versions take turns, the first one first.
    """
    store_project(database, PROJECT, label_config="<View/>", model_version=None, now=_START)
    random = np.random.default_rng(SEED)
    for first in range(0, annotations, _CHUNK):
        stored: dict[Any, list[dict[str, Any]]] = {SqlAnnotation: [], SqlCorrection: [], SqlTally: []}
        for number in range(first, min(first + _CHUNK, annotations)):
            share = number / annotations
            tally = {
                "annotation_id": number + 1,
                "project_id": PROJECT,
                "task_id": number // per_task + 1,
                "version": versions[int(share * len(versions))],
                "is_blind": bool(random.random() < BLIND),
                "is_ground_truth": bool(random.random() < GROUND_TRUTH),
                "annotator": int(random.integers(ANNOTATORS)),
                "week": (_START + timedelta(weeks=int(share * WEEKS))).date(),
            }
            rows = list(_tallies(random))
            stored[SqlAnnotation].append(_annotation(tally))
            stored[SqlTally] += [{**tally, **row} for row in rows]
            stored[SqlCorrection] += _relabelled(tally, rows, random)
        with database.write() as session:
            for table, rows in stored.items():
                session.execute(insert(table), rows)


def _tallies(random: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Yield the counts of one annotation: of some labels, and in the end of all."""
    labels = random.choice(LABELS, LABELS_EACH, replace=False)
    counts = random.poisson(list(MEANS.values()), (LABELS_EACH, len(MEANS)))
    # Regions get the next label, so that as many come as go.
    gained = np.roll(counts[:, -1], 1)
    for label, row, to in zip(labels, counts, gained, strict=True):
        yield {
            "label": f"class {label}",
            **dict(zip(MEANS, row.tolist(), strict=True)),
            "relabelled_to": int(to),
        }
    total = dict(zip(MEANS, counts.sum(axis=0).tolist(), strict=True))
    yield {"label": "", **total, "relabelled_to": int(gained.sum())}


def _annotation(tally: dict[str, Any]) -> dict[str, Any]:
    at = datetime.combine(tally["week"], datetime.min.time(), UTC)
    return {
        "id": tally["annotation_id"],
        "project_id": PROJECT,
        "task_id": tally["task_id"],
        "annotator": tally["annotator"],
        "created_at": at,
        "updated_at": at,
        "is_cancelled": False,
        "is_ground_truth": tally["is_ground_truth"],
        "result": [],
        "digest": "",
        "problems": [],
        "found_by": "webhook",
        "seen_at": at,
    }


def _relabelled(
    tally: dict[str, Any], rows: list[dict[str, Any]], random: np.random.Generator
) -> Iterator[dict[str, Any]]:
    """Yield a row for each region, as the ledger has it."""
    number = 0
    for place, row in enumerate(rows[:-1]):
        after = rows[(place + 1) % LABELS_EACH]["label"]
        for kind in ("kept", "adjusted", "deleted", "added", "relabelled"):
            for _ in range(row["relabelled_from" if kind == "relabelled" else kind]):
                yield {
                    "annotation_id": tally["annotation_id"],
                    "number": number,
                    "project_id": PROJECT,
                    "task_id": tally["task_id"],
                    "annotator": tally["annotator"],
                    "version": tally["version"],
                    "kind": kind,
                    "label": after if kind == "relabelled" else row["label"],
                    "shown_region": None if kind == "added" else f"{number:010x}",
                    "shown_label": None if kind == "added" else row["label"],
                    "annotated_region": None if kind == "deleted" else f"{number:010x}",
                    "annotated_label": after if kind == "relabelled" else row["label"],
                    "iou": None if kind in ("added", "deleted") else 0.95,
                    "matched_by": None if kind in ("added", "deleted") else "region id",
                    "compared_as": None if kind in ("added", "deleted") else "box",
                }
                number += 1
