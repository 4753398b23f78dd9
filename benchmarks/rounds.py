"""Measure several ways of doing the same work in turn, since the speed of a shared machine drifts."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
from rich.console import Console
from rich.table import Table

from backend.entities import Image
from backend.inference.yolo import YoloEngine

BATCH = 8
THRESHOLD = 0.25
BARE_ENGINE = f"bare engine, decoded images in batches of {BATCH}"

# Does the work once and returns the seconds that count.
Run = Callable[[], float]


def timed(work: Callable[[], object]) -> Run:
    """Return a run of which all the time counts."""

    def run() -> float:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started

    return run


def measure(runs: Mapping[str, Run], *, rounds: int) -> dict[str, list[float]]:
    """Run all in turn, round by round after one warm-up; return the seconds of each round."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            taken = run()
            if number:
                seconds[name].append(taken)
    return seconds


def ratio(seconds: Sequence[float], base: Sequence[float]) -> float:
    """Return how many times as long as the baseline it takes: the median of the rounds."""
    return statistics.median(taken / least for taken, least in zip(seconds, base, strict=True))


def decode_all(paths: Sequence[Path]) -> list[Image]:
    """Return the images decoded, as the bare engine gets them."""
    return [cv2.imread(str(path)) for path in paths]


def run_engine(engine: YoloEngine, images: Sequence[Image]) -> None:
    """Detect in batches that are full because images are sorted by input shape, which no stream can do."""
    ordered = sorted(images, key=engine.batch_key)
    for start in range(0, len(ordered), BATCH):
        engine.detect(ordered[start : start + BATCH], threshold=THRESHOLD)


def boxes_config(class_names: Sequence[str]) -> str:
    """Return a labeling config that takes boxes of all the model's classes."""
    labels = "".join(f'<Label value="{name}"/>' for name in class_names)
    return (
        '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
        f"{labels}</RectangleLabels></View>"
    )


def print_speeds(title: str, seconds: Mapping[str, Sequence[float]], *, images: int) -> None:
    """Print images per second and their ratio to the first entry's, the baseline."""
    base = next(iter(seconds.values()))
    rows = [
        (name, f"{images / statistics.median(values):.1f}", f"{1 / ratio(values, base):.2f}")
        for name, values in seconds.items()
    ]
    headings = ("what", "images/s (median)", "of bare engine (median of rounds)")
    print_table(f"{title}, {images} images, {len(base)} rounds in turn", headings, rows)


def print_table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table whose first column is text and whose others are figures."""
    table = Table(title=title)
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place else "left")
    for row in rows:
        table.add_row(*row)
    Console(width=110).print(table)
