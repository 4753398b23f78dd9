"""From click to mask: over HTTP against the bare decoder and the mask's code; how often images are ready.

`python -m benchmarks.sam --seconds 2 --tasks 10` makes the sessions shorter.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import httpx

from benchmarks.open_loop import percentile
from benchmarks.rounds import print_table, ratio
from benchmarks.sam_bare import BareSam, encoding_seconds
from benchmarks.sam_material import SIZE, Model, Picture, click_body, draw_pictures, find_models, points_of
from benchmarks.sam_session import click, run_session, server_megabytes
from benchmarks.servers import LabelStudioServer, stand_in_server
from benchmarks.stack import run_stack
from demo.project import MASKS_CONFIG

TASKS = 50
# Images that are clicked on in turn, tasks with each of them, things on each, and images clicked on once.
KEPT, ROUNDS, THINGS, COLD = 4, 3, 4, 5
# So that both server processes have these images in their memory, but for one chance in a thousand.
WARM_UPS = 12
# Ids above those of the project, so that no image is encoded ahead of its click.
_BEYOND, _FAR_BEYOND = 1_000_000, 2_000_000
MOST_MS, MOST_RATIO, LEAST_READY = 150, 1.5, 0.95
_EMBEDDING, _CODE = "bare encoder", "code of the mask"
_DECODER, _SECOND_DECODER = "bare decoder, one click", "bare decoder, second click"
_ALL_PROCESSORS = "bare decoder, one click, on all processors"
_CLICK = f"click, image ready (target {MOST_MS} ms, {MOST_RATIO})"
_SECOND, _COLD = "second click on it", "click, image new"
# Of those clicks too.
_SECOND_CODE, _COLD_PARTS = "code of the second mask", "encoder, decoder and code"

Seconds = dict[str, list[float]]


def main(arguments: Sequence[str] = ()) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sam")
    parser.add_argument("--tasks", type=int, default=TASKS, help=f"tasks of a session (default {TASKS})")
    parser.add_argument("--seconds", type=float, help="for each task (default: by the model)")
    options = parser.parse_args(arguments)
    sessions = []
    with ExitStack() as started:
        folder = Path(started.enter_context(tempfile.TemporaryDirectory()))
        images = folder / "images"
        images.mkdir()
        pictures = draw_pictures(images, KEPT + COLD + options.tasks)
        label_studio = started.enter_context(stand_in_server(images))
        project = {"label_config": MASKS_CONFIG, "images": [p.address for p in pictures[KEPT + COLD :]]}
        httpx.put(f"{label_studio.url}/project", json=project, trust_env=False).raise_for_status()
        for number, model in enumerate(find_models(folder)):
            data = folder / f"data{number}"
            data.mkdir()
            sessions.append(_measure(model, pictures, label_studio, data, options.seconds or model.seconds))
    print_table(
        f"{options.tasks} tasks one after the other, three clicks each; MB of both server processes",
        (
            "model",
            "s a task",
            f"clicks ready (target {LEAST_READY})",
            "first ones",
            "MB at start",
            "in use",
            "after",
        ),
        sessions,
    )


def _measure(
    model: Model, pictures: Sequence[Picture], label_studio: LabelStudioServer, folder: Path, seconds: float
) -> Sequence[str]:
    """Print the table of clicks; return the session's row."""
    kept, cold, tasks = pictures[:KEPT], pictures[KEPT : KEPT + COLD], pictures[KEPT + COLD :]
    settings = {
        "LABEL_STUDIO_URL": label_studio.url,
        "LABEL_STUDIO_API_KEY": label_studio.token,
        "SAM_MODEL": str(model.weights),
    }
    with run_stack(folder, database_url="", **settings) as stack:
        load = os.getloadavg()[0]
        megabytes = [server_megabytes()]
        taken = _clicks(stack.url, BareSam(model.weights), kept, cold)
        place = f"{os.cpu_count()} processors, load {load:.1f}"
        print_table(
            f"{model.name}: {SIZE.width} x {SIZE.height} pixels, {place}",
            ("what", "p50, ms", "p95, ms", "of the bare parts (median of turns)"),
            _rows(taken),
        )
        megabytes.append(server_megabytes())
        ready = run_session(stack.url, tasks, seconds=seconds)
        megabytes.append(server_megabytes())
    return (
        model.name,
        f"{seconds:g}",
        f"{ready.all_clicks:.2f}",
        f"{ready.first_clicks:.2f}",
        *(f"{figure:.0f}" for figure in megabytes),
    )


def _clicks(url: str, bare: BareSam, kept: Sequence[Picture], cold: Sequence[Picture]) -> Seconds:
    """Return the seconds of all kinds of clicks, each in turn with its bare parts."""
    taken: Seconds = defaultdict(list)
    features = [bare.embed(picture)[1] for picture in kept]
    for number in range(WARM_UPS * KEPT):
        click(url, click_body(_FAR_BEYOND + number, kept[number % KEPT], thing=0))
    turns = [(r * KEPT + k, k, thing) for r in range(ROUNDS) for k in range(KEPT) for thing in range(THINGS)]
    for task, place, thing in turns:
        picture = kept[place]
        answer = _timed(taken[_CLICK], url, click_body(_BEYOND + task, picture, thing=thing))
        one = points_of(picture, thing, 1)
        seconds, logits = bare.decode(features[place], one)
        taken[_DECODER].append(seconds)
        # Seldom, since threads that wait for each other are slow where other programs run.
        if thing == 0:
            threads = os.cpu_count() or 1
            taken[_ALL_PROCESSORS].append(bare.decode(features[place], one, threads=threads)[0])
        taken[_CODE].append(encoding_seconds(answer))
        answer = _timed(taken[_SECOND], url, click_body(_BEYOND + task, picture, thing=thing, clicks=2))
        taken[_SECOND_DECODER].append(bare.decode(features[place], points_of(picture, thing, 2), logits)[0])
        taken[_SECOND_CODE].append(encoding_seconds(answer))
    for number, picture in enumerate(cold):
        answer = _timed(taken[_COLD], url, click_body(_BEYOND + len(turns) + number, picture, thing=0))
        seconds, found = bare.embed(picture)
        taken[_EMBEDDING].append(seconds)
        parts = bare.decode(found, points_of(picture, 0, 1))[0] + encoding_seconds(answer)
        taken[_COLD_PARTS].append(seconds + parts)
    return taken


def _timed(taken: list[float], url: str, body: bytes) -> bytes:
    started = time.perf_counter()
    answer = click(url, body)
    taken.append(time.perf_counter() - started)
    return answer


def _rows(taken: Seconds) -> list[Sequence[str]]:
    parts = {
        _CLICK: _added(taken[_DECODER], taken[_CODE]),
        _SECOND: _added(taken[_SECOND_DECODER], taken[_SECOND_CODE]),
        _COLD: taken[_COLD_PARTS],
    }
    rows = [
        (name, taken[name], "") for name in (_EMBEDDING, _DECODER, _ALL_PROCESSORS, _SECOND_DECODER, _CODE)
    ]
    rows += [(name, taken[name], f"{ratio(taken[name], base):.2f}") for name, base in parts.items()]
    return [(name, f"{percentile(s, 50):.1f}", f"{percentile(s, 95):.1f}", of) for name, s, of in rows]


def _added(one: Sequence[float], other: Sequence[float]) -> list[float]:
    return [first + second for first, second in zip(one, other, strict=True)]


if __name__ == "__main__":
    main(sys.argv[1:])
