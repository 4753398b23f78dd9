"""Versions with manifests that say what they learnt from, and nothing else."""

import json
from datetime import UTC, datetime

from backend.store.artifacts import ArtifactStore
from backend.store.database import Database
from backend.store.runs import claim_run, create_run, end_run
from backend.store.snapshots import add_snapshot
from backend.store.training_tables import SqlTrainedVersion
from backend.training.entities import RunState, Snapshot, TrainingTarget
from backend.training.names import manifest_artifact
from backend.training_settings import TrainingSettings

PROJECT = 7
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def manifest(**sides: list[int]) -> bytes:
    """Return what is looked at of a manifest, with an image for each task."""
    examples = [{"side": side, "tasks": [task]} for side, tasks in sides.items() for task in tasks]
    return json.dumps({"examples": examples}).encode()


def store_version(
    database: Database,
    artifacts: ArtifactStore,
    number: int,
    *,
    parent: str | None,
    written: bytes | None,
    project_id: int = PROJECT,
    name: str | None = None,
) -> str:
    """Store a version, "v1" and so on without a name, and its snapshot's manifest unless that is None."""
    version = name or f"v{number}"
    digest = f"{project_id:02}{number:062}"
    target = TrainingTarget("detect", ("label",), ("Car",), "$image")
    add_snapshot(database, Snapshot(digest, project_id, target, (), (), NOW), counts={})
    if written is not None:
        artifacts.put_bytes(written, manifest_artifact(digest))
    row = {
        "version": version,
        "project_id": project_id,
        "number": number,
        "parent": parent,
        "run_id": _ended_run(database, project_id),
        "snapshot": digest,
        "controls": [],
        "state": "candidate",
        "comparison": {"images": 1},
        "created_at": NOW,
    }
    with database.write() as session:
        session.add(SqlTrainedVersion(**row))
    return version


def _ended_run(database: Database, project_id: int) -> str:
    with database.write() as session:
        run_id = create_run(session, project_id, reason="asked", settings=TrainingSettings(), now=NOW)
    assert run_id is not None and claim_run(database, run_id, owner="maker", now=NOW) is not None
    with database.write() as session:
        end_run(session, run_id, RunState.DONE, owner="maker", now=NOW)
    return run_id
