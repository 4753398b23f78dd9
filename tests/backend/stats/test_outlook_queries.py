"""The outlook from stored versions and snapshots: the same on both databases."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.errors import NotFound
from backend.inference.checkpoint import Checkpoint
from backend.stats.learning_curve import Outlook
from backend.stats.outlook import ClassBalance
from backend.stats.outlook_queries import read_outlook
from backend.stats.power_law import PowerLaw
from backend.store.database import Database
from backend.store.runs import claim_run, create_run, end_run
from backend.store.snapshots import add_snapshot
from backend.store.training_tables import SqlAlias
from backend.store.versions import CHAMPION, add_version
from backend.training.entities import RunState, Snapshot, TrainingTarget
from backend.training_settings import TrainingSettings
from tests.backend.stats.measured_versions import CONTROLS, NOON, PROJECT, trained
from tests.backend.tallies import know_project


@pytest.fixture(autouse=True)
def project(database: Database) -> None:
    know_project(database)


def store(database: Database, number: int, f1: float, held: dict[str, Any]) -> None:
    """Store a version with its run and its snapshot."""
    version = trained(number, f1, objects=100_000)
    target = TrainingTarget("detect", CONTROLS, ("cat", "dog"), "$image")
    snapshot = Snapshot(version.snapshot, PROJECT, target, (), (), version.created_at)
    add_snapshot(database, snapshot, counts=held)
    with database.write() as session:
        run_id = create_run(session, PROJECT, reason="a test", settings=TrainingSettings(), now=NOON)
    assert run_id is not None and claim_run(database, run_id, owner="me", now=NOON) is not None
    checkpoint = Checkpoint(Path(f"{version.version}.pt"), f"{number:064}", "detect", ("cat", "dog"))
    with database.write() as session:
        end_run(session, run_id, RunState.DONE, owner="me", now=NOON)
        add_version(session, replace(version, run_id=run_id), checkpoint, now=NOON)


def holds(train: int, **objects: int) -> dict[str, Any]:
    return {"images": train + 20, "train": train, "val": 10, "test": 10, "objects": objects}


def test_project_without_versions_has_an_answer(database: Database) -> None:
    found = read_outlook(database, PROJECT, target=0.85)
    assert (found.outlook, found.classes) == (Outlook.TOO_FEW, ())


def test_unknown_project_is_refused(database: Database) -> None:
    with pytest.raises(NotFound):
        read_outlook(database, 404, target=0.85)


def test_curve_goes_by_the_images_that_were_trained_on(database: Database) -> None:
    law = PowerLaw(0.92, 2.5, 0.5)
    for number, images in enumerate((100, 200, 400, 800), start=1):
        store(database, number, law.quality(images), holds(images, cat=images))
    found = read_outlook(database, PROJECT, target=0.85)
    assert [(point.version, point.images) for point in found.points] == [
        ("v1", 100),
        ("v2", 200),
        ("v3", 400),
        ("v4", 800),
    ]
    # 0.92 - 2.5 n^-0.5 = 0.85 where n = 1276, and of 820 images 800 are trained on.
    assert found.more is not None and found.more.value == pytest.approx(476 / (800 / 820), rel=0.02)
    assert (found.val_images, found.test_images) == (10, 10)


def test_classes_are_those_of_the_newest_snapshot_and_of_the_version_in_service(database: Database) -> None:
    store(database, 1, 0.6, holds(100, cat=40, dog=60))
    store(database, 2, 0.7, holds(200, cat=90, dog=30) | {"images_with": {"cat": 80, "dog": 20}})
    assert read_outlook(database, PROJECT, target=0.85).classes == (
        ClassBalance("cat", 90, 80, 0.75, None, None),
        ClassBalance("dog", 30, 20, 0.25, None, None),
    )
    with database.write() as session:
        session.add(SqlAlias(project_id=PROJECT, name=CHAMPION, version="v1", moves=1))
    in_service = read_outlook(database, PROJECT, target=0.85).classes
    assert [(each.label, each.test_objects, each.f1) for each in in_service] == [
        ("cat", 40, 0.6),
        ("dog", 0, None),
    ]


def test_snapshot_that_does_not_say_what_was_trained_on_is_no_point(database: Database) -> None:
    store(database, 1, 0.6, {"images": 100})
    found = read_outlook(database, PROJECT, target=0.85)
    assert (found.points, found.classes) == ((), ())
