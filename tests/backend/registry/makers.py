"""Versions as runs leave them, made without training."""

import hashlib
import secrets
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import update

from backend.inference.checkpoint import read_checkpoint
from backend.store.artifacts import ArtifactStore
from backend.store.database import Database
from backend.store.runs import claim_run, create_run, end_run
from backend.store.snapshots import add_snapshot
from backend.store.training_tables import SqlTrainingRun
from backend.store.versions import add_version, next_number
from backend.training.entities import (
    ClassScore,
    Comparison,
    Difference,
    ModelScore,
    RunState,
    Snapshot,
    TrainedVersion,
    TrainingTarget,
    Verdict,
    VersionState,
)
from backend.training.names import version_artifact
from backend.training_settings import TrainingSettings

PROJECT = 7
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
# The tag of tests/backend/label_configs.py.
CONTROLS = ("label",)


def score(version: str, *, map50_95: float = 0.5) -> ModelScore:
    """Return what a model reached on the test split."""
    return ModelScore(
        version=version,
        map50_95=map50_95,
        map50=0.8,
        precision=0.9,
        recall=0.7,
        f1=0.7875,
        threshold=0.25,
        latency_ms=12.5,
        classes=(ClassScore("Car", 4, map50_95, 0.8, 0.9, 0.7, None),),
    )


def comparison(version: str, *, champion: str | None = None) -> Comparison:
    """Return a comparison that the challenger wins."""
    return Comparison(
        images=12,
        objects=30,
        challenger=score(version),
        champion=score(champion, map50_95=0.4) if champion else None,
        difference=Difference(0.1, 0.05, 0.15) if champion else None,
        class_differences={"Car": Difference(0.1, 0.0, 0.2)} if champion else {},
    )


def store_version(
    database: Database,
    artifacts: ArtifactStore,
    project_id: int,
    weights: Path,
    *,
    parent: str | None = None,
    controls: tuple[str, ...] = CONTROLS,
    verdict: Verdict = Verdict.HOLD,
    verdict_reasons: tuple[str, ...] = ("too few test images",),
    images: int = 100,
    now: datetime = NOW,
) -> TrainedVersion:
    """Store the weights as the project's next version, with the ended run and the snapshot it came from.

    The version is a candidate, or rejected where the verdict says so; `move_champion` puts it in service.
    """
    run_id = _ended_run(database, project_id, verdict, verdict_reasons, now=now)
    digest = hashlib.sha256(secrets.token_bytes(8)).hexdigest()
    target = TrainingTarget("detect", controls, ("Car", "Person"), "$image")
    snapshot = Snapshot(digest, project_id, target, (), (), now)
    add_snapshot(database, snapshot, counts={"images": images})
    with database.write() as session:
        number = next_number(session, project_id)
        name = version_artifact(project_id, number, run_id)
        artifacts.put_file(weights, name)
        checkpoint = read_checkpoint(artifacts.fetch(name))
        version = TrainedVersion(
            version=checkpoint.version,
            project_id=project_id,
            number=number,
            parent=parent,
            run_id=run_id,
            snapshot=digest,
            controls=controls,
            artifact=name,
            state=VersionState.REJECTED if verdict == Verdict.REJECT else VersionState.CANDIDATE,
            comparison=comparison(checkpoint.version, champion=parent),
            created_at=now,
        )
        add_version(session, version, checkpoint, now=now)
    return version


def without_weights(version: TrainedVersion) -> TrainedVersion:
    """Return the version as it is once its weights were pruned."""
    return replace(version, artifact=None)


def _ended_run(
    database: Database, project_id: int, verdict: Verdict, reasons: tuple[str, ...], *, now: datetime
) -> str:
    with database.write() as session:
        run_id = create_run(session, project_id, reason="a test asked", settings=TrainingSettings(), now=now)
    assert run_id is not None and claim_run(database, run_id, owner="maker", now=now) is not None
    with database.write() as session:
        end_run(session, run_id, RunState.DONE, owner="maker", now=now)
        values = {"verdict": verdict, "verdict_reasons": list(reasons)}
        session.execute(update(SqlTrainingRun).where(SqlTrainingRun.id == run_id).values(**values))
    return run_id
