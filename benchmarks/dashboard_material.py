"""A project after a long time: 100 000 annotations, reviewed tasks, 50 versions with their runs."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert, select

from backend.inference.checkpoint import Checkpoint
from backend.store.database import Database
from backend.store.ledger_tables import SqlAnnotation, SqlReview
from backend.store.runs import claim_run, create_run, end_run
from backend.store.snapshots import add_snapshot
from backend.store.tables import SqlPrediction
from backend.store.training_tables import SqlAlias, SqlTrainingEpoch
from backend.store.versions import CHAMPION, add_version
from backend.training.entities import (
    ClassScore,
    Comparison,
    Difference,
    ModelScore,
    RunState,
    Snapshot,
    TrainedVersion,
    TrainingTarget,
    VersionState,
)
from backend.training_settings import TrainingSettings
from benchmarks.quality import LABELS, PROJECT, fill_ledger

VERSIONS, EPOCHS = 50, 30
ANNOTATIONS = 100_000
_START = datetime(2024, 1, 1, tzinfo=UTC)
_CHUNK = 5000
_TASKS_WAITING = 2000
_LABELS = tuple(f"class {number}" for number in range(LABELS))


def version_names() -> tuple[str, ...]:
    """Return the names of the versions, the oldest first."""
    return tuple(_checkpoint(number).version for number in range(1, VERSIONS + 1))


def fill_project(database: Database) -> None:
    """Store all of it."""
    names = version_names()
    fill_ledger(database, ANNOTATIONS, versions=names)
    _fill_reviews(database)
    _fill_waiting(database, names[-1])
    for number, name in enumerate(names, start=1):
        _store_version(database, number, name, parent=names[number - 2] if number > 1 else None)
    with database.write() as session:
        session.add(SqlAlias(project_id=PROJECT, name=CHAMPION, version=names[-1], moves=VERSIONS))


def _fill_reviews(database: Database) -> None:
    """Store that each annotated task was reviewed and trained on."""
    columns = (SqlAnnotation.id, SqlAnnotation.task_id, SqlAnnotation.annotator, SqlAnnotation.created_at)
    with database.read() as session:
        rows = session.execute(select(*columns)).all()
    for start in range(0, len(rows), _CHUNK):
        values = [
            {
                "task_id": task,
                "project_id": PROJECT,
                "image": f"/data/upload/{task}.jpg",
                "state": "taken_in_training",
                "annotation_id": annotation,
                "annotator": annotator,
                "annotations": 1,
                "reviewed_at": at,
                "is_blind": False,
                "seen_at": at,
            }
            for annotation, task, annotator, at in rows[start : start + _CHUNK]
        ]
        with database.write() as session:
            session.execute(insert(SqlReview), values)


def _fill_waiting(database: Database, version: str) -> None:
    """Store tasks that wait, with a prediction each."""
    now = _START + timedelta(weeks=53)
    first = ANNOTATIONS + 1
    tasks = [
        {
            "task_id": first + number,
            "project_id": PROJECT,
            "state": "not_viewed",
            "annotations": 0,
            "is_blind": False,
            "seen_at": now,
        }
        for number in range(_TASKS_WAITING)
    ]
    predictions = [
        {
            "project_id": PROJECT,
            "task_id": task["task_id"],
            "version": version,
            "width": 640,
            "height": 480,
            "regions": [],
            "score": number / _TASKS_WAITING,
            "seconds": 0.1,
            "filtered": {},
            "blind": False,
            "served_at": now,
        }
        for number, task in enumerate(tasks)
    ]
    with database.write() as session:
        session.execute(insert(SqlReview), tasks)
        session.execute(insert(SqlPrediction), predictions)


def _store_version(database: Database, number: int, name: str, *, parent: str | None) -> None:
    now = _START + timedelta(weeks=number)
    with database.write() as session:
        run_id = create_run(session, PROJECT, reason="so many", settings=TrainingSettings(), now=now)
    assert run_id is not None and claim_run(database, run_id, owner="benchmark", now=now) is not None
    epochs = [
        {
            "run_id": run_id,
            "epoch": epoch,
            "seconds": 10.0,
            "metrics": {"train/box_loss": 2 / epoch, "metrics/mAP50-95(B)": 1 - 0.5 / epoch},
            "finished_at": now,
        }
        for epoch in range(1, EPOCHS + 1)
    ]
    checkpoint = _checkpoint(number)
    target = TrainingTarget("detect", ("label",), _LABELS, "$image")
    images = 2000 * number
    counts = {"images": images, "train": images - 200, "val": 100, "test": 100, "empty": 0}
    snapshot = Snapshot(checkpoint.digest, PROJECT, target, (), (), now)
    add_snapshot(database, snapshot, counts={**counts, "objects": dict.fromkeys(_LABELS, 3 * images)})
    version = TrainedVersion(
        version=name,
        project_id=PROJECT,
        number=number,
        parent=parent,
        run_id=run_id,
        snapshot=checkpoint.digest,
        controls=("label",),
        artifact=None,
        state=VersionState.ARCHIVED if number < VERSIONS else VersionState.CHAMPION,
        comparison=_comparison(name, parent, quality=0.9 - 0.5 / number**0.5),
        created_at=now,
    )
    with database.write() as session:
        session.execute(insert(SqlTrainingEpoch), epochs)
        add_version(session, version, checkpoint, now=now)
        end_run(session, run_id, RunState.DONE, owner="benchmark", now=now)


def _checkpoint(number: int) -> Checkpoint:
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    return Checkpoint(Path(f"project-{PROJECT}-v{number}.pt"), digest, "detect", _LABELS)


def _comparison(name: str, parent: str | None, *, quality: float) -> Comparison:
    gain = Difference(0.02, 0.0, 0.04)
    return Comparison(
        images=100,
        objects=500,
        challenger=_score(name, quality),
        champion=_score(parent, quality - 0.02) if parent else None,
        difference=gain if parent else None,
        class_differences=dict.fromkeys(_LABELS, gain) if parent else {},
    )


def _score(name: str, quality: float) -> ModelScore:
    classes: Sequence[ClassScore] = [
        ClassScore(label, 25, quality - 0.1, quality, quality, quality, quality) for label in _LABELS
    ]
    return ModelScore(name, quality - 0.1, quality, quality, quality, quality, 0.25, 12.0, tuple(classes))
