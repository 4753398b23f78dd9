"""A project as its page shows it: the sample report, with versions, runs, tasks, alerts and acts."""

from datetime import timedelta
from pathlib import Path

from backend.inference.checkpoint import Checkpoint
from backend.registry.move import move_champion
from backend.report.entities import ProjectReport
from backend.services import Services
from backend.store.alerts import raise_alert
from backend.store.audit import add_audit
from backend.store.database import Database
from backend.store.projects import store_project
from backend.store.runs import claim_run, create_run, end_run, update_run
from backend.store.snapshots import add_snapshot
from backend.store.stored_reports import store_report
from backend.store.versions import add_version
from backend.training.entities import (
    Phase,
    RunState,
    Snapshot,
    TrainedVersion,
    TrainingTarget,
    Verdict,
    VersionState,
)
from backend.training_settings import TrainingSettings
from tests.backend.registry.makers import comparison
from tests.backend.report.makers import NOW, VERSIONS, make_report
from tests.backend.review_rows import open_task, store_rows, viewed_task

PROJECT = 1
WAITING, VIEWED, TAKEN = 30, 12, 60
ALERT = f"F1 of project {PROJECT} fell from 0.81 to 0.72. Look at it: python -m backend quality --project 1"


def store_dashboard_project(
    services: Services,
    project_id: int = PROJECT,
    *,
    title: str = "Street scenes",
    champion: str = VERSIONS[0],
) -> ProjectReport:
    """Store a project with something to say in each part of its page, and return its report."""
    database = services.database
    store_project(
        database, project_id, label_config="<View/>", model_version=champion, is_for_training=True, now=NOW
    )
    parent = None
    for number, version in enumerate(reversed(VERSIONS[:2]), start=2):
        store_version(database, project_id, number, version, parent=parent)
        parent = version
    with database.write() as session:
        move_champion(session, project_id, champion, reason="not worse", run_id=None, prelabel=False, now=NOW)
    _store_active_run(database, project_id)
    _store_tasks(database, project_id)
    with database.write() as session:
        raise_alert(session, project_id=project_id, kind="falling_quality", key="", message=ALERT, now=NOW)
    for action, detail, is_done in (
        ("train", "run asked for", True),
        ("promote", "there is no trained version 'v9'", False),
    ):
        add_audit(
            database,
            project_id,
            who="ada",
            address="192.0.2.7",
            action=action,
            detail=detail,
            is_done=is_done,
            now=NOW,
        )
    report = make_report(project_id, title=title)
    store_report(database, report, basis="sample", seconds=0.1)
    return report


def store_version(
    database: Database,
    project_id: int,
    number: int,
    version: str,
    *,
    parent: str | None,
    verdict: Verdict = Verdict.PROMOTE,
) -> None:
    """Store a version that has not served, with the ended run and the snapshot that it came from."""
    made_at = NOW - timedelta(days=60 - 20 * number)
    with database.write() as session:
        run_id = create_run(
            session, project_id, reason="120 reviewed tasks", settings=TrainingSettings(), now=made_at
        )
    assert run_id is not None
    assert claim_run(database, run_id, owner="maker", now=made_at) is not None
    update_run(
        database,
        run_id,
        owner="maker",
        now=made_at,
        phase=Phase.PROMOTE,
        epoch=30,
        epochs=30,
        seconds=700.0,
        version=version,
        verdict=verdict,
        verdict_reasons=["mAP50-95 is 0.10 (0.05 to 0.15) above the champion's"],
    )
    with database.write() as session:
        end_run(session, run_id, RunState.DONE, owner="maker", now=made_at + timedelta(minutes=12))
    digest = version.rpartition("-")[2] * 8
    target = TrainingTarget("detect", ("label",), ("car", "person"), "$image")
    counts = {"images": 60 * number, "train": 50 * number, "val": 4 * number, "test": 6 * number}
    add_snapshot(database, Snapshot(digest, project_id, target, (), (), made_at), counts=counts)
    trained = TrainedVersion(
        version=version,
        project_id=project_id,
        number=number,
        parent=parent,
        run_id=run_id,
        snapshot=digest,
        controls=("label",),
        artifact=f"versions/{project_id}/{run_id}/project-{project_id}-v{number}.pt",
        state=VersionState.REJECTED if verdict == Verdict.REJECT else VersionState.CANDIDATE,
        comparison=comparison(version, champion=parent),
        created_at=made_at,
    )
    weights = Checkpoint(Path(f"project-{project_id}-v{number}.pt"), digest, "detect", ("car", "person"))
    with database.write() as session:
        add_version(session, trained, weights, now=made_at)


def _store_active_run(database: Database, project_id: int) -> None:
    with database.write() as session:
        run_id = create_run(
            session, project_id, reason="asked for by hand", settings=TrainingSettings(), now=NOW
        )
    assert run_id is not None
    assert claim_run(database, run_id, owner="maker", now=NOW) is not None
    update_run(
        database, run_id, owner="maker", now=NOW, phase=Phase.TRAIN, epoch=12, epochs=30, seconds=200.0
    )


def _store_tasks(database: Database, project_id: int) -> None:
    first = project_id * 1000
    waiting = [open_task(first + n, project_id=project_id) for n in range(WAITING)]
    viewed = [viewed_task(first + 100 + n, project_id=project_id) for n in range(VIEWED)]
    taken = [
        viewed_task(first + 200 + n, project_id=project_id, state="taken_in_training") for n in range(TAKEN)
    ]
    store_rows(database, *waiting, *viewed, *taken)
