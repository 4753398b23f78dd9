"""A project that can be trained on without a Label Studio: reviewed tasks whose pictures show squares.

Each picture holds one red ("car") or green ("person") square on grey noise, and every annotation its box.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from PIL import Image

from backend.entities import Box, ImageSize, Region
from backend.labelstudio.events import parse_event
from backend.labelstudio.label_config import parse_label_config
from backend.labelstudio.results import region_to_json
from backend.store.database import Database
from backend.store.event_log import store_event
from backend.store.projects import store_project
from backend.store.runs import create_run
from backend.training_settings import TrainingSettings
from tests.backend.image_server import ImageServer
from tests.backend.pictures import encoded
from tests.backend.review import events
from tests.e2e.projects import label_config

SIDE = 64
SIZE = ImageSize(SIDE, SIDE)
LABELS = ("car", "person")
COLOURS = {"car": (220, 30, 30), "person": (30, 200, 30)}
# Small enough to be through in seconds, and gated so that whatever comes out is compared.
QUICK = TrainingSettings(
    train_epochs=3,
    train_batch=8,
    train_imgsz=SIDE,
    gate_min_images=1,
    train_options="mosaic=0,warmup_epochs=0",
    retrain_device="cpu",
)


def square(number: int) -> tuple[str, Box]:
    """Return label and box of the square in a task's picture."""
    rng = np.random.default_rng(number)
    x, y = rng.integers(4, 30, 2)
    side = int(rng.integers(16, 30))
    return LABELS[number % len(LABELS)], Box(float(x), float(y), float(x + side), float(y + side))


def picture_of(number: int) -> bytes:
    """Return a task's picture, PNG."""
    label, box = square(number)
    pixels = np.random.default_rng(number).integers(90, 120, (SIDE, SIDE, 3), dtype=np.uint8)
    pixels[int(box.y1) : int(box.y2), int(box.x1) : int(box.x2)] = COLOURS[label]
    return encoded(Image.fromarray(pixels))


def annotate_squares(
    database: Database,
    server: ImageServer,
    *,
    tasks: range,
    project: int = events.PROJECT,
    names: Sequence[str] = LABELS,
    is_spoiled: bool = False,
) -> None:
    """Let somebody annotate these tasks, whose pictures the server serves.

    `names` are what that somebody calls the two kinds of squares; spoiled labels are put on at random.
    """
    config = label_config(names, attributes='model_train="true"')
    store_project(database, project, label_config=config, model_version=None, now=datetime.now(UTC))
    (control,) = parse_label_config(config)
    bodies = []
    for number in tasks:
        server.serve(f"/data/{number}.png", picture_of(number))
        label, box = square(number)
        kind = number // len(LABELS) % len(LABELS) if is_spoiled else LABELS.index(label)
        region = Region(f"r{number}", "label", names[kind], 1.0, box, SIZE)
        result = region_to_json(region, control)
        made = events.annotation(100_000 + number, task=number, result=[result], project=project)
        task = {"id": number, "data": {"image": f"{server.url}/data/{number}.png"}, "project": project}
        body = {"action": "ANNOTATION_CREATED", "project": {"id": project}}
        bodies.append({**body, "annotation": made, "task": task})
    for number, body in enumerate(bodies):
        store_event(database, parse_event(body, received_second=number), now=events.at(60))
    events.processor(database).process(project)


def begin_run(
    database: Database, settings: TrainingSettings = QUICK, *, project: int = events.PROJECT
) -> str:
    """Make a run, and return its id."""
    with database.write() as session:
        run_id = create_run(session, project, reason="a test asked", settings=settings, now=datetime.now(UTC))
    assert run_id is not None
    return run_id
