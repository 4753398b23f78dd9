"""Manifests: equal content has an equal name, what is kept comes back whole, damage is found."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from backend.errors import ArtifactError
from backend.store.artifacts import ArtifactStore
from backend.training.entities import Side, Snapshot
from backend.training.names import manifest_artifact
from retrain.snapshot.manifest import (
    load_snapshot,
    manifest_bytes,
    parse_manifest,
    sealed,
    store_manifest,
)
from tests.retrain.snapshot.entities_of_snapshots import NOON, TARGET, example, snapshot

ONE, TWO = example(1, "0 0.5 0.5 0.1 0.1"), example(2, side=Side.TEST, group="kamera ä", tasks=(2, 30))


@pytest.fixture
def artifacts(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(str(tmp_path / "artifacts"), cache=tmp_path / "cache")


def test_snapshot_is_read_as_it_was_written() -> None:
    one = sealed(snapshot(ONE, TWO))
    assert parse_manifest(manifest_bytes(one), one.digest) == one


def test_order_of_examples_and_time_are_no_part_of_the_digest() -> None:
    one = sealed(snapshot(ONE, TWO))
    other = sealed(snapshot(TWO, ONE, created_at=NOON + timedelta(days=1)))
    assert other.digest == one.digest and other.examples == one.examples


def test_order_of_marks_is_no_part_of_the_digest() -> None:
    one, other = {9: "a", 10: "b"}, {10: "b", 9: "a"}
    digests = {sealed(snapshot(replace(ONE, marks=marks))).digest for marks in (one, other)}
    assert len(digests) == 1


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(snapshot(ONE), id="an example less"),
        pytest.param(snapshot(ONE, replace(TWO, labels=("0 1 1 1 1",))), id="other labels"),
        pytest.param(snapshot(ONE, replace(TWO, side=Side.VAL)), id="another side"),
        pytest.param(snapshot(ONE, replace(TWO, marks={2: "2:other"})), id="another mark"),
        pytest.param(snapshot(ONE, TWO, project_id=8), id="another project"),
        pytest.param(snapshot(ONE, TWO, target=replace(TARGET, labels=("car",))), id="another target"),
    ],
)
def test_other_content_has_another_digest(other: Snapshot) -> None:
    assert sealed(other).digest != sealed(snapshot(ONE, TWO)).digest


def test_snapshot_that_is_kept_stays_as_it_was_taken_first(artifacts: ArtifactStore) -> None:
    first = sealed(snapshot(ONE, TWO))
    later = sealed(snapshot(ONE, TWO, created_at=NOON + timedelta(days=1)))
    assert store_manifest(artifacts, first) == first
    assert store_manifest(artifacts, later) == first == load_snapshot(artifacts, first.digest)


def test_missing_manifest_is_named(artifacts: ArtifactStore) -> None:
    with pytest.raises(ArtifactError, match="snapshots/abc.json"):
        load_snapshot(artifacts, "abc")


@pytest.mark.parametrize("damage", ["cut", "label", "empty", "list"])
def test_damaged_manifest_is_not_trained_on(artifacts: ArtifactStore, damage: str) -> None:
    kept = store_manifest(artifacts, sealed(snapshot(ONE, TWO)))
    data = artifacts.read(manifest_artifact(kept.digest))
    damaged = {
        "cut": data[:-9],
        "label": data.replace(b"0 0.5 0.5", b"1 0.5 0.5"),
        "empty": b"",
        "list": b"[]",
    }
    artifacts.put_bytes(damaged[damage], manifest_artifact(kept.digest))
    with pytest.raises(ArtifactError, match="damaged"):
        load_snapshot(artifacts, kept.digest)
    assert store_manifest(artifacts, kept) == kept == load_snapshot(artifacts, kept.digest)


def test_manifest_of_another_version_of_the_program_is_told_from_a_damaged_one() -> None:
    one = sealed(snapshot(ONE))
    fields = json.loads(manifest_bytes(one)) | {"format": 2}
    with pytest.raises(ArtifactError, match="another version"):
        parse_manifest(json.dumps(fields).encode(), one.digest)
