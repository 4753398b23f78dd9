"""Images per second over HTTP against the bare engine on decoded images, in turn within one run."""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import httpx
from rich.console import Console
from rich.table import Table

from backend.entities import Image
from backend.inference.checkpoint import read_checkpoint
from backend.inference.yolo import YoloEngine
from benchmarks.material import Material, find_material
from benchmarks.servers import backend_server, file_server

IMAGES = 128
ROUNDS = 5
BATCH = 8
THRESHOLD = 0.25


def main() -> None:
    """Print the table."""
    material = find_material(IMAGES)
    checkpoint = read_checkpoint(material.weights)
    engine = YoloEngine(checkpoint, device="auto")
    decoded = [cv2.imread(str(path)) for path in material.images]
    labels = "".join(f'<Label value="{name}"/>' for name in checkpoint.class_names)
    config = (
        '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
        f"{labels}</RectangleLabels></View>"
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        file_server(material.images[0].parent) as uploads,
        backend_server(Path(folder), material.weights, uploads, WEB_WORKERS="1") as address,
        httpx.Client(base_url=address, timeout=100, trust_env=False) as client,
    ):
        runs: dict[str, Callable[[], None]] = {
            "bare engine, decoded images in batches of 8": lambda: _run_engine(engine, decoded),
            "HTTP, 8 clients, 1 image a request": lambda: _run_http(
                client, config, material, size=1, clients=8
            ),
            "HTTP, 1 client, 16 images a request": lambda: _run_http(
                client, config, material, size=16, clients=1
            ),
            "HTTP, 2 clients, 64 images a request": lambda: _run_http(
                client, config, material, size=64, clients=2
            ),
        }
        _print(material, measure(runs, rounds=ROUNDS, images=len(decoded)))


def measure(runs: dict[str, Callable[[], None]], *, rounds: int, images: int) -> dict[str, list[float]]:
    """Run all in turn, round by round after one warm-up; return images per second of each round."""
    speeds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            if number:
                speeds[name].append(images / (time.perf_counter() - started))
    return speeds


def _run_engine(engine: YoloEngine, images: Sequence[Image]) -> None:
    # Sorted by input shape, so that the baseline gets full batches: the hardest one to come near.
    ordered = sorted(images, key=engine.batch_key)
    for start in range(0, len(ordered), BATCH):
        engine.detect(ordered[start : start + BATCH], threshold=THRESHOLD)


def _run_http(client: httpx.Client, config: str, material: Material, *, size: int, clients: int) -> None:
    tasks = [{"id": i, "data": {"image": f"/data/upload/{p.name}"}} for i, p in enumerate(material.images)]
    chunks = [tasks[start : start + size] for start in range(0, len(tasks), size)]

    def send(chunk: list[dict[str, object]]) -> None:
        response = client.post("/predict", json={"tasks": chunk, "project": "1", "label_config": config})
        response.raise_for_status()
        if any("failed" in result["model_version"] for result in response.json()["results"]):
            raise RuntimeError(response.text[:500])

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(send, chunks))


def _print(material: Material, speeds: dict[str, list[float]]) -> None:
    base = next(iter(speeds.values()))
    table = Table(title=f"Serving: {material.name}, {len(material.images)} images, {ROUNDS} rounds in turn")
    for heading in ("what", "images/s (median)", "of bare engine (median of rounds)"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for name, values in speeds.items():
        ratio = statistics.median(v / b for v, b in zip(values, base, strict=True))
        table.add_row(name, f"{statistics.median(values):.1f}", f"{ratio:.2f}")
    Console(width=110).print(table)
