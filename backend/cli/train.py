"""`train`: ask for a training run, and watch it."""

import time
from datetime import UTC, datetime

import typer

from backend.cli.console import open_services, out
from backend.cli.watch_run import LOOK_SECONDS, watch_run
from backend.errors import BadRequest, QueueUnavailable
from backend.labelstudio.tasks import MAX_ID
from backend.queue import EVENTS, TRAIN
from backend.services import Services
from backend.store.database import Database
from backend.store.decisions import read_decision
from backend.store.runs import active_run, list_runs
from backend.store.training_requests import is_training_asked
from backend.training.request import ask_for_training


def train(
    project: int = typer.Option(
        ..., min=1, max=MAX_ID, help="Id of the project: the number in its address in Label Studio."
    ),
    wait: bool = typer.Option(True, help="Show the progress until the run ends."),
) -> None:
    """Ask for a training run of a project at once, whatever its settings say of when one is due.

    The run goes on when this command is stopped, and after the worker was killed. Where one is active
    already, another one follows it.
    """
    with open_services() as services:
        known = {run.id for run in list_runs(services.database, project_id=project)}
        ask_for_training(services.database, services.queue, project, now=datetime.now(UTC))
        active = active_run(services.database, project)
        if active is not None and active.id in known:
            out.print(f"Run {active.id} of project {project} is active; another one follows it.")
        else:
            out.print(f"Asked for a run of project {project}.")
        _say_who_works(services)
        if wait:
            raise typer.Exit(_wait(services.database, project, known))
        out.print(f"Look at it with: python -m backend runs --project {project}")


def _say_who_works(services: Services) -> None:
    try:
        is_idle = not all(services.queue.worker_count(queue) for queue in (EVENTS, TRAIN))
    except QueueUnavailable as error:
        out.print(f"{error.message} The request waits until it does.")
        return
    if is_idle:
        out.print("No worker is running, so the request waits. Start one: make run")


def _wait(database: Database, project_id: int, known: set[str]) -> int:
    """Show the run that is active, then the one that was asked for; return the command's exit code."""
    try:
        while _is_asked(database, project_id):
            active = active_run(database, project_id)
            if active is None:
                time.sleep(LOOK_SECONDS)
                continue
            if not _is_asked(database, project_id):
                break  # the active run may be the answer: it began between the two looks
            known.add(active.id)
            if (code := watch_run(database, active.id)) == 130:
                return code
    except KeyboardInterrupt:
        out.print(f"The request stays. Look at it with: python -m backend runs --project {project_id}")
        return 130
    newest = next(iter(list_runs(database, project_id=project_id, limit=1)), None)
    if newest is not None and newest.id not in known:
        return watch_run(database, newest.id)
    with database.read() as session:
        decision = read_decision(session, project_id)
    raise BadRequest(
        f"No run begins: {decision.reason if decision else 'the project is gone from Label Studio.'}"
    )


def _is_asked(database: Database, project_id: int) -> bool:
    with database.read() as session:
        return is_training_asked(session, project_id)
