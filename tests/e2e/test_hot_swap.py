"""Versions are promoted and rolled back while eight clients predict at two server processes.

No request fails, each answer is wholly of one version, and every process has the new one within seconds.
"""

import base64
import http.client
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import psutil
import pytest

from backend.inference.checkpoint import Checkpoint, read_checkpoint
from backend.registry.move import promote, rollback
from backend.settings import Settings
from backend.store.artifacts import ArtifactStore
from backend.store.database import Database, open_database
from tests.backend.pictures import encoded, picture
from tests.backend.registry.makers import store_version
from tests.backend.tiny_model import CLASSES, save_tiny_weights

from .processes import wait_for
from .projects import SMALL_THRESHOLD, label_config
from .servers import run_web

PROJECT, PROCESSES = 7, 2
CLIENTS, PREDICTIONS, MOVES = 8, 2000, 20
EVERYWHERE_SECONDS, TRAFFIC_SECONDS = 5.0, 300.0
CONFIG = label_config(CLASSES, attributes=f'model_score_threshold="{SMALL_THRESHOLD}"')
WIDTH, HEIGHT = 64, 48
PICTURES = [picture(WIDTH, HEIGHT, seed=seed) for seed in range(4)]
TASKS = [
    {"id": n, "data": {"image": f"data:image/png;base64,{base64.b64encode(encoded(each)).decode()}"}}
    for n, each in enumerate(PICTURES)
]

# Of one region: label, score, box in percent.
Found = tuple[str, float, float, float, float, float]


@dataclass
class Traffic:
    """What the clients have seen so far."""

    predictions: int = 0
    versions: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@pytest.fixture(scope="module")
def weights(quiet_ultralytics: None, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The weights of the settings, and those of three versions to come."""
    folder = tmp_path_factory.mktemp("swapped")
    return [save_tiny_weights(folder / f"seed-{seed}.pt", seed=seed) for seed in (7, 2, 3, 4)]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, data_dir=tmp_path / "data")


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    with closing(open_database(settings.database_address, timeout=30)) as opened:
        yield opened


@pytest.fixture
def artifacts(settings: Settings) -> ArtifactStore:
    return ArtifactStore(settings.artifact_address, cache=settings.data_dir / "artifact-cache")


def ask(port: int) -> tuple[int, str]:
    """Ask which version serves the project; return the process that answered, and its answer."""
    body = json.dumps({"schema": CONFIG, "project": f"{PROJECT}.1"})
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("POST", "/setup", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status == 200, text
        return _process_of(connection), str(json.loads(text)["model_version"])


def _process_of(connection: http.client.HTTPConnection) -> int:
    """Return the id of the process at the other end."""
    here, there = connection.sock.getsockname()[1], connection.port
    found = psutil.net_connections("tcp4")
    return next(c.pid for c in found if c.raddr and (c.laddr.port, c.raddr.port) == (there, here))


def expected(checkpoint: Checkpoint) -> list[list[Found]]:
    """Return what the model itself finds in each picture."""
    from backend.inference.yolo import YoloEngine

    engine = YoloEngine(checkpoint, device="cpu")
    found = []
    for each in PICTURES:
        image = np.ascontiguousarray(np.asarray(each)[:, :, ::-1])
        [detections] = engine.detect([image], threshold=SMALL_THRESHOLD)
        regions = []
        for detection in detections:
            assert detection.box is not None
            corners = np.clip(
                [detection.box.x1, detection.box.y1, detection.box.x2, detection.box.y2],
                0,
                [WIDTH, HEIGHT, WIDTH, HEIGHT],
            )
            x1, y1, x2, y2 = corners / [WIDTH, HEIGHT, WIDTH, HEIGHT] * 100
            regions.append((detection.class_name, detection.score, x1, y1, x2 - x1, y2 - y1))
        found.append(sorted(regions))
    return found


def read_result(result: Mapping[str, Any]) -> list[Found]:
    regions = []
    for region in result["result"]:
        value = region["value"]
        box = (value["x"], value["y"], value["width"], value["height"])
        regions.append((value["rectanglelabels"][0], region["score"], *box))
    return sorted(regions)


def is_same(found: Sequence[Found], wanted: Sequence[Found]) -> bool:
    """Compare but for rounding: images share batches with others, which changes a last digit."""
    return [each[0] for each in found] == [each[0] for each in wanted] and np.allclose(
        [each[1:] for each in found], [each[1:] for each in wanted], atol=0.01
    )


def predict_until(
    is_over: threading.Event, url: str, traffic: Traffic, versions: Mapping[str, list[list[Found]]]
) -> None:
    """Be one client: ask for two pictures at a time, and look closely at each answer."""
    body = {"project": f"{PROJECT}.1", "label_config": CONFIG, "params": {"context": None}}
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        turn = 0
        while not is_over.is_set():
            chosen = [turn % len(TASKS), (turn + 1) % len(TASKS)]
            turn += 1
            problem, names = "", set[str]()
            try:
                answer = client.post("/predict", json={**body, "tasks": [TASKS[n] for n in chosen]})
                results = answer.json()["results"]
                names = {result["model_version"] for result in results}
                if len(names) != 1:
                    problem = f"an answer of {names}"
                elif not all(
                    is_same(read_result(result), versions[result["model_version"]][n])
                    for n, result in zip(chosen, results, strict=True)
                ):
                    problem = f"boxes that are not those of {names}"
            except Exception as error:
                problem = f"{type(error).__name__}: {error}"
            with traffic.lock:
                traffic.predictions += 1
                traffic.versions.update(names)
                traffic.failures += [problem] if problem else []


def seconds_until_everywhere(version: str, port: int) -> float:
    """Ask until every process has answered with the version; return how long that took."""
    began = monotonic()
    answers: dict[int, str] = {}
    while list(answers.values()) != [version] * PROCESSES:
        assert monotonic() - began < EVERYWHERE_SECONDS, f"{version} is not everywhere: {answers}"
        process, name = ask(port)
        assert answers.get(process) != version or name == version, f"{process} went back to {name}"
        answers[process] = name
    return monotonic() - began


def test_versions_are_swapped_without_a_failure_or_a_mixed_answer(
    tmp_path: Path,
    database: Database,
    artifacts: ArtifactStore,
    weights: list[Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = [store_version(database, artifacts, PROJECT, path) for path in weights[1:]]
    first, second, third = (each.version for each in made)
    checkpoints = [read_checkpoint(artifacts.fetch(each.artifact)) for each in made if each.artifact]
    versions = {checkpoint.version: expected(checkpoint) for checkpoint in checkpoints}
    assert all(len(found) > 0 for pictures in versions.values() for found in pictures)

    def move(to: str | None) -> str | None:
        """Promote a version, or roll back; return what serves then."""
        how: dict[str, Any] = {"prelabel": False, "now": datetime.now(UTC)}
        if to is None:
            return rollback(database, artifacts, PROJECT, reason="worse", **how)
        assert promote(database, artifacts, PROJECT, to, reason="better", **how)
        return to

    move(first)
    server = {"YOLO_WEIGHTS": str(weights[0]), "WEB_WORKERS": str(PROCESSES)}
    traffic, is_over, seconds = Traffic(), threading.Event(), []
    with run_web(tmp_path, settings=server) as url:
        began, port = monotonic(), urlsplit(url).port or 80
        with ThreadPoolExecutor(CLIENTS) as pool:
            for _ in range(CLIENTS):
                pool.submit(predict_until, is_over, url, traffic, versions)
            try:
                for number in range(MOVES):
                    wait_for_predictions(traffic, PREDICTIONS * number // MOVES)
                    serves, wanted = [
                        (second, second),
                        (third, third),
                        (None, second),
                        (None, first),
                    ][number % 4]
                    assert move(serves) == wanted
                    seconds.append(seconds_until_everywhere(wanted, port))
                wait_for_predictions(traffic, PREDICTIONS)
            finally:
                is_over.set()
    with capsys.disabled():
        print(
            f"\nhot swap: {traffic.predictions} requests in {monotonic() - began:.0f} s, {MOVES} moves, "
            f"everywhere after {np.median(seconds):.1f} s (median), {max(seconds):.1f} s (longest)"
        )
    assert traffic.failures == []
    assert traffic.predictions >= PREDICTIONS and set(traffic.versions) == {first, second, third}


def wait_for_predictions(traffic: Traffic, count: int) -> None:
    wait_for(lambda: traffic.predictions >= count, seconds=TRAFFIC_SECONDS, what=f"{count} predictions")
