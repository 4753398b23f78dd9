"""Ten projects with labels of their own, due at once: each gets its turn, and a model of its own labels."""

from datetime import UTC, datetime

import pytest
from rq import Queue, SimpleWorker

from backend.inference.checkpoint import read_checkpoint
from backend.queue import TRAIN, JobQueue
from backend.services import Services
from backend.store.runs import get_run
from backend.store.versions import get_trained
from backend.training.entities import RunState
from backend.training.request import queue_waiting_runs
from tests.backend.image_server import ImageServer
from tests.retrain.trainable import QUICK, annotate_squares, begin_run

PROJECTS = range(11, 21)
SETTINGS = QUICK.model_copy(update={"train_epochs": 1})


def labels_of(project: int) -> tuple[str, str]:
    return (f"car {project}", f"person {project}")


@pytest.mark.slow
def test_ten_projects_are_trained_in_turn_and_never_mixed(
    services: Services, queue: JobQueue, image_server: ImageServer
) -> None:
    runs = {}
    for project in PROJECTS:
        tasks = range(100 * project, 100 * project + 12)
        annotate_squares(
            services.database, image_server, tasks=tasks, project=project, names=labels_of(project)
        )
        runs[project] = begin_run(services.database, SETTINGS, project=project)
    queue_waiting_runs(services.database, queue, now=datetime.now(UTC))
    queue_waiting_runs(services.database, queue, now=datetime.now(UTC))
    waiting = Queue(TRAIN, connection=queue.redis)
    assert [job.args[0] for job in waiting.jobs] == list(runs.values())
    SimpleWorker([waiting], connection=queue.redis).work(burst=True, logging_level="ERROR")

    ended = {project: get_run(services.database, run_id) for project, run_id in runs.items()}
    assert {run.state for run in ended.values()} == {RunState.DONE}, ended
    finished = [run.finished_at for run in ended.values()]
    assert finished == sorted(finished, key=lambda at: at or datetime.min)
    for project, run in ended.items():
        assert run.version is not None
        trained = get_trained(services.database, run.version)
        assert trained.artifact is not None and (trained.project_id, trained.number) == (project, 1)
        names = read_checkpoint(services.artifacts.fetch(trained.artifact)).class_names
        assert names == labels_of(project)
