"""On photographs with known labels, the figures are those of ultralytics' own validation."""

import hashlib
from pathlib import Path

import pytest
from PIL import Image

from backend.entities import ImageSize
from backend.inference.checkpoint import read_checkpoint
from backend.store.artifacts import ArtifactStore
from backend.training.entities import Example, Side
from backend.training.names import image_artifact
from retrain.context import RunContext
from retrain.evaluation.compare import compare
from tests.e2e.coco128 import class_names, find_assets, image_paths
from tests.retrain.dataset.snapshots import snapshot, target

# Of yolov8n.pt on coco128 at 640 pixels, by ultralytics' `model.val()`.
MAP50, MAP50_95 = 0.6155, 0.4635
CLOSE = 0.02


def stored(path: Path, artifacts: ArtifactStore) -> Example:
    """Keep a photograph as a snapshot does, and return the example of it."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    artifacts.put_file(path, image_artifact(digest, path.suffix))
    with Image.open(path) as header:
        size = ImageSize(*header.size)
    labels = path.parents[2] / "labels" / path.parent.name / f"{path.stem}.txt"
    lines = labels.read_text().splitlines() if labels.exists() else []
    return Example(
        image=digest,
        suffix=path.suffix,
        width=size.width,
        height=size.height,
        side=Side.TEST,
        labels=tuple(lines),
        tasks=(int(path.stem),),
        marks={},
    )


@pytest.mark.slow
def test_mean_average_precision_is_that_of_ultralytics(context: RunContext, quiet_ultralytics: None) -> None:
    assets = find_assets("yolov8n.pt")
    examples = [stored(path, context.services.artifacts) for path in image_paths(assets)]
    found = compare(
        context,
        snapshot(examples, target(labels=tuple(class_names(assets)))),
        challenger=read_checkpoint(assets / "weights" / "yolov8n.pt"),
        champion=None,
        epochs=[],
        device="cpu",
    )
    print(f"{found.images} images, {found.objects} objects, {found.challenger}")
    assert found.challenger.map50 == pytest.approx(MAP50, abs=CLOSE)
    assert found.challenger.map50_95 == pytest.approx(MAP50_95, abs=CLOSE)
