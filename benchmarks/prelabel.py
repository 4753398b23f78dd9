"""Images per second of a pre-labelling job, end to end, against the bare engine, in turn within one run."""

import base64
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2
import httpx
import numpy as np
from label_studio_sdk.client import LabelStudio

from backend.entities import JobOptions, JobState, Task, TaskState
from backend.inference.checkpoint import read_checkpoint
from backend.inference.yolo import YoloEngine
from backend.prelabel.project import LabelStudioProject
from backend.prelabel.work import work_on_job
from backend.services import Services
from backend.settings import Settings
from backend.store.job_tasks import count_tasks
from backend.store.jobs import create_job
from benchmarks.material import IMAGES, find_material
from benchmarks.rounds import BARE_ENGINE, boxes_config, decode_all, measure, print_speeds, run_engine, timed
from benchmarks.servers import LabelStudioServer, label_studio_server, stand_in_server
from demo.label_studio import EXECUTABLE

ROUNDS = 5
# One white pixel.
BLANK_IMAGE = (
    "data:image/png;base64,"
    + base64.b64encode(cv2.imencode(".png", np.full((1, 1, 3), 255, np.uint8))[1].tobytes()).decode()
)


@dataclass(frozen=True, slots=True)
class Target:
    """A project to be pre-labelled, and how to take its predictions away again."""

    server: LabelStudioServer
    project_id: int
    clear: Callable[[], None]


def main() -> None:
    """Print the table."""
    material = find_material(IMAGES)
    checkpoint = read_checkpoint(material.weights)
    engine = YoloEngine(checkpoint, device="auto")
    decoded = decode_all(material.images)
    config = boxes_config(checkpoint.class_names)
    runs = {BARE_ENGINE: timed(lambda: run_engine(engine, decoded))}
    with ExitStack() as started:
        stand_in = started.enter_context(_stand_in(material.images, config))
        runs["job, with a stand-in for Label Studio"] = lambda: _run_job(stand_in, material.weights)
        if EXECUTABLE.exists():
            real = started.enter_context(_label_studio(material.images, config))
            runs["job, with Label Studio on the same processors"] = lambda: _run_job(real, material.weights)
        else:
            print(f"Label Studio is left out: {EXECUTABLE} is missing; `make test` installs it.")
        print_speeds(f"Pre-labelling: {material.name}", measure(runs, rounds=ROUNDS), images=len(decoded))


def _run_job(target: Target, weights: Path) -> float:
    """Pre-label the project with a fresh database and cache, and a warm model; return the job's seconds."""
    target.clear()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            _env_file=None,
            data_dir=Path(folder),
            yolo_weights=str(weights),
            label_studio_url=target.server.url,
            label_studio_api_key=target.server.token,
        )
        with closing(Services.build(settings)) as services:
            project = LabelStudioProject(services.label_studio, target.project_id)
            _warm_up(services, project)
            job = create_job(services.database, target.project_id, JobOptions(), now=datetime.now(UTC))
            assert job is not None  # the database is empty
            started = time.perf_counter()
            ended = work_on_job(
                job.id, database=services.database, pipeline=services.pipeline, project_of=lambda _: project
            )
            seconds = time.perf_counter() - started
            done = count_tasks(services.database, job.id)[TaskState.DONE]
    if ended.state != JobState.DONE or done != IMAGES or ended.notes:
        raise RuntimeError(f"The job is {ended.state} with {done} tasks done: {ended.error} {ended.notes}")
    return seconds


def _warm_up(services: Services, project: LabelStudioProject) -> None:
    """Load the model and run it once, as in a worker that has had a job."""
    plan = services.pipeline.planner.plan(project.label_config())
    (prediction,) = services.pipeline.stream([Task(None, {"image": BLANK_IMAGE})], plan, project_id=None)
    assert prediction.failure is None, prediction.failure


@contextmanager
def _stand_in(images: Sequence[Path], config: str) -> Iterator[Target]:
    with (
        stand_in_server(images[0].parent) as server,
        httpx.Client(base_url=server.url, trust_env=False) as client,
    ):
        paths = [f"/data/upload/{path.name}" for path in images]

        def clear() -> None:
            client.put("/project", json={"label_config": config, "images": paths}).raise_for_status()

        yield Target(server, 1, clear)


@contextmanager
def _label_studio(images: Sequence[Path], config: str) -> Iterator[Target]:
    with tempfile.TemporaryDirectory() as folder, label_studio_server(Path(folder)) as server:
        sdk = LabelStudio(base_url=server.url, api_key=server.token)
        project = sdk.projects.create(title="Benchmark", label_config=config)
        for path in images:
            response = sdk._client_wrapper.httpx_client.request(
                f"api/projects/{project.id}/import",
                method="POST",
                files={"file": (path.name, path.read_bytes(), "image/jpeg")},
            )
            response.raise_for_status()

        def clear() -> None:
            sdk.actions.create(
                id="delete_tasks_predictions",
                project=project.id,
                selected_items={"all": True, "excluded": []},
            )

        yield Target(server, project.id, clear)
