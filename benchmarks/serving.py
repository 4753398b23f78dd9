"""Images per second over HTTP against the bare engine on decoded images, in turn within one run."""

import itertools
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from backend.inference.checkpoint import read_checkpoint
from backend.inference.yolo import YoloEngine
from benchmarks.material import IMAGES, Material, find_material
from benchmarks.rounds import (
    BARE_ENGINE,
    Run,
    boxes_config,
    decode_all,
    measure,
    print_speeds,
    run_engine,
    timed,
)
from benchmarks.servers import backend_server, file_server

ROUNDS = 5


def main() -> None:
    """Print the table."""
    material = find_material(IMAGES)
    checkpoint = read_checkpoint(material.weights)
    engine = YoloEngine(checkpoint, device="auto")
    decoded = decode_all(material.images)
    config = boxes_config(checkpoint.class_names)
    with (
        tempfile.TemporaryDirectory() as folder,
        file_server(material.images[0].parent) as uploads,
        backend_server(Path(folder), material.weights, uploads, WEB_WORKERS="1") as address,
        httpx.Client(base_url=address, timeout=100, trust_env=False) as client,
    ):
        rounds = itertools.count()

        def http(size: int, clients: int) -> Run:
            return timed(
                lambda: _run_http(client, _tasks(material, next(rounds)), config, size=size, clients=clients)
            )

        runs = {
            BARE_ENGINE: timed(lambda: run_engine(engine, decoded)),
            "HTTP, 8 clients, 1 image a request": http(size=1, clients=8),
            "HTTP, 1 client, 16 images a request": http(size=16, clients=1),
            "HTTP, 2 clients, 64 images a request": http(size=64, clients=2),
        }
        print_speeds(f"Serving: {material.name}", measure(runs, rounds=ROUNDS), images=len(decoded))


def _tasks(material: Material, number: int) -> list[dict[str, Any]]:
    # At addresses of its own each time: else the server would have the images in its cache.
    paths = [f"/data/upload/{path.name}?round={number}" for path in material.images]
    return [{"id": index, "data": {"image": path}} for index, path in enumerate(paths)]


def _run_http(
    client: httpx.Client, tasks: list[dict[str, Any]], config: str, *, size: int, clients: int
) -> None:
    chunks = [tasks[start : start + size] for start in range(0, len(tasks), size)]

    def send(chunk: list[dict[str, Any]]) -> None:
        response = client.post("/predict", json={"tasks": chunk, "project": "1", "label_config": config})
        response.raise_for_status()
        if any("failed" in result["model_version"] for result in response.json()["results"]):
            raise RuntimeError(response.text[:500])

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(send, chunks))
