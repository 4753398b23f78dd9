"""What a starting server process loads of SAM, by the projects that were served lately."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from structlog.testing import capture_logs

from backend.entities import Prediction
from backend.errors import ModelError
from backend.sam.digest_notes import DigestNotes
from backend.sam.entities import SamEngine
from backend.sam.holder import SamHolder
from backend.sam.warm_up import warm_up_sam
from backend.store.database import Database
from backend.store.prediction_log import store_predictions
from backend.store.projects import store_project
from tests.backend.label_configs import BOXES, SMART_ALONE

NOW = datetime(2026, 11, 1, tzinfo=UTC)
MASKS_OF_BOXES = BOXES.replace("RectangleLabels", "BrushLabels").replace(
    'name="label"', 'name="label" sam_from_boxes="true"'
)


def serve(database: Database, project_id: int, xml: str) -> None:
    """Leave what a project that was pre-labelled leaves."""
    store_project(database, project_id, label_config=xml, model_version="v", now=NOW)
    made = Prediction(task_id=1, version="v", size=None, regions=(), score=0.0, seconds=0.0)
    store_predictions(database, [made], project_id=project_id, now=NOW)


class Loader:
    """Counts what it loads; fails where it is told to."""

    def __init__(self) -> None:
        self.count = 0
        self.error: ModelError | None = None

    def __call__(self, path: Path, digest: str) -> SamEngine:
        self.count += 1
        if self.error:
            raise self.error
        return cast(SamEngine, SimpleNamespace(version="v", key="k", memory_bytes=0))


@pytest.fixture
def loader() -> Loader:
    return Loader()


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "sam.pt"
    path.write_bytes(b"weights")
    return path


@pytest.mark.parametrize(
    ("xml", "loads"),
    [
        pytest.param(SMART_ALONE, 1, id="smart tools"),
        pytest.param(MASKS_OF_BOXES, 1, id="masks of boxes"),
        pytest.param(BOXES, 0, id="neither"),
        pytest.param("<View", 0, id="no config"),
    ],
)
def test_sam_is_loaded_where_a_project_served_lately_needs_it(
    database: Database, loader: Loader, weights: Path, xml: str, loads: int
) -> None:
    serve(database, 1, BOXES)
    serve(database, 2, xml)
    warm_up_sam(SamHolder(weights, load=loader), database)
    assert loader.count == loads


def test_digest_is_read_even_where_nobody_needs_sam_yet(
    database: Database, loader: Loader, weights: Path, tmp_path: Path
) -> None:
    note = tmp_path / "note.json"
    warm_up_sam(SamHolder(weights, load=loader, digests=DigestNotes(note)), database)
    assert note.exists() and loader.count == 0


def test_weights_that_can_be_neither_found_nor_fetched_are_left_alone(
    database: Database, loader: Loader, tmp_path: Path
) -> None:
    serve(database, 1, SMART_ALONE)
    with capture_logs() as logs:
        warm_up_sam(SamHolder(tmp_path / "ours.pt", load=loader), database)
    assert (loader.count, logs) == (0, [])


def test_failure_is_a_line_in_the_log(database: Database, loader: Loader, weights: Path) -> None:
    serve(database, 1, SMART_ALONE)
    loader.error = ModelError("it holds no SAM")
    with capture_logs() as logs:
        warm_up_sam(SamHolder(weights, load=loader), database)
    assert [(entry["event"], entry["detail"]) for entry in logs] == [("sam_not_ready", "it holds no SAM")]
