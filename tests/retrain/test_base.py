"""Weights that a run starts from and is compared with: the right ones, whole, or an error that says why."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from backend.errors import ArtifactError, ModelError
from backend.registry.move import move_champion
from backend.services import Services
from backend.store.projects import store_project
from backend.training.entities import TrainingTarget
from retrain.base import choose_base, model_in_service
from tests.backend.registry.makers import store_version
from tests.e2e.projects import label_config

PROJECT = 7
LABELS = ("car", "person")
TARGET = TrainingTarget("detect", ("label",), LABELS, "$image")


@pytest.fixture(autouse=True)
def project(services: Services) -> None:
    """A project whose labels the weights of the settings know."""
    store(services, *LABELS)


def store(services: Services, *labels: str) -> None:
    config = label_config(labels, attributes='model_train="true"')
    now = datetime.now(UTC)
    store_project(services.database, PROJECT, label_config=config, model_version=None, now=now)


def weights_of_settings(services: Services) -> Path:
    return services.pipeline.planner.default_path


def test_weights_of_the_settings_are_in_service_where_they_know_the_labels(services: Services) -> None:
    found = model_in_service(services, PROJECT, TARGET)
    assert found is not None and found.checkpoint.path == weights_of_settings(services)


def test_sam_that_cannot_be_had_keeps_no_detector_from_being_trained(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> str:
        raise ModelError("mobile_sam.pt is not there")

    monkeypatch.setattr(services.pipeline.planner, "_sam_version", missing)
    config = label_config(LABELS, attributes='sam_from_boxes="true" model_train="true"').replace(
        "RectangleLabels", "BrushLabels"
    )
    store_project(services.database, PROJECT, label_config=config, model_version=None, now=datetime.now(UTC))
    found = model_in_service(services, PROJECT, TARGET)
    assert found is not None and found.checkpoint.path == weights_of_settings(services)


def test_weights_that_know_no_label_are_not_in_service_and_are_trained_from(services: Services) -> None:
    store(services, "red", "green")
    assert model_in_service(services, PROJECT, TARGET) is None
    assert choose_base(services, PROJECT, TARGET).checkpoint.path == weights_of_settings(services)


@pytest.mark.parametrize("fault", ["unreadable", "missing"])
def test_weights_that_cannot_be_had_are_not_taken_for_none(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    weights = tmp_path / "mine.pt"
    if fault == "unreadable":
        weights.write_bytes(b"not a checkpoint")
    monkeypatch.setattr(services.pipeline.planner, "_default_weights", str(weights))
    with pytest.raises(ModelError, match=r"mine\.pt"):
        model_in_service(services, PROJECT, TARGET)


def test_champion_that_is_damaged_is_no_base(services: Services, tiny_weights: Path) -> None:
    champion = store_version(services.database, services.artifacts, PROJECT, tiny_weights)
    with services.database.write() as session:
        move_champion(
            session, PROJECT, champion.version, reason="a test", prelabel=False, now=datetime.now(UTC)
        )
    found = choose_base(services, PROJECT, TARGET)
    assert (found.checkpoint.version, found.artifact) == (champion.version, champion.artifact)
    assert champion.artifact is not None
    services.artifacts.put_bytes(tiny_weights.read_bytes() + b" ", champion.artifact)
    with pytest.raises(ArtifactError, match="is damaged"):
        choose_base(services, PROJECT, TARGET)
