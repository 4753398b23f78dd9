"""Webhook bodies as Label Studio sends them, and the logged predictions that they correct."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from backend.entities import Box, ImageSize, Prediction, Region
from benchmarks.material import ROOT

PROJECT = 7
REGIONS = 10
SIZE = ImageSize(640, 480)
SHOWN_AT = datetime(2026, 11, 1, tzinfo=UTC)
ANNOTATED_AT = SHOWN_AT + timedelta(days=1)
# One request of Label Studio 1.23.2, recorded; its project is as large as they are.
_RECORDED = json.loads((ROOT / "tests/data/traffic/007-webhook-annotation-created.json").read_bytes())["body"]


def logged_predictions(tasks: int) -> Iterator[Prediction]:
    """Yield a prediction of each task from 1 on."""
    for task in range(1, tasks + 1):
        regions = tuple(
            Region(f"t{task}r{number}", "label", "Car", 0.9, Box(x, 96.0, x + 32, 144.0), SIZE)
            for number, x in ((number, 64.0 * number) for number in range(REGIONS))
        )
        yield Prediction(task, "bench-version", SIZE, regions, score=0.5, seconds=0.1)


def annotation_created(number: int, *, task: int) -> dict[str, Any]:
    """Return the event of annotation `number`: one region moved, one relabelled, one deleted, one added."""
    fields, annotated_task = _annotation(number, task)
    return {**_RECORDED, "annotation": fields, "task": annotated_task, "project": _project(number)}


def annotations_created(first: int, *, count: int, tasks: int) -> dict[str, Any]:
    """Return the event of `count` annotations made at once, over so many tasks."""
    pairs = [_annotation(first + n, 1 + n % tasks) for n in range(count)]
    return {
        "action": "ANNOTATIONS_CREATED",
        "annotation": [fields for fields, _ in pairs],
        "task": [task for _, task in pairs],
        "project": _project(first),
    }


def start_training(number: int) -> dict[str, Any]:
    """Return the request for training that follows annotation `number`."""
    return {"action": "START_TRAINING", "project": _project(number)}


def _annotation(number: int, task: int) -> tuple[dict[str, Any], dict[str, Any]]:
    at = (ANNOTATED_AT + timedelta(seconds=number)).isoformat().replace("+00:00", "Z")
    results = [
        _result(f"t{task}r{n}", 10.0 * n + (2.0 if n == 1 else 0.0), n == 2) for n in range(1, REGIONS)
    ]
    results.append(_result(f"a{number}", 0.0, False))
    fields = {
        **_RECORDED["annotation"],
        "id": number,
        "task": task,
        "project": PROJECT,
        "created_at": at,
        "updated_at": at,
        "unique_id": f"bench-{number}",
        "parent_prediction": None,
        "result": results,
    }
    return fields, {**_RECORDED["task"], "id": task, "project": PROJECT}


def _result(region: str, x: float, is_relabelled: bool) -> dict[str, Any]:
    value = {"x": x, "y": 20.0, "width": 5.0, "height": 10.0, "rotation": 0}
    label = "Person" if is_relabelled else "Car"
    return {
        **_RECORDED["annotation"]["result"][0],
        "id": region,
        "value": {**value, "rectanglelabels": [label]},
    }


def _project(counter: int) -> dict[str, Any]:
    return {**_RECORDED["project"], "id": PROJECT, "total_annotations_number": counter}
