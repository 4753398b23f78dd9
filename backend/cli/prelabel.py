"""`prelabel`: predict and push a whole project as a job, and watch it."""

import typer

from backend.cli.console import open_services, out
from backend.cli.watch import watch_job
from backend.entities import Job, JobOptions
from backend.prelabel.start import retry_prelabel, start_prelabel
from backend.queue import PREDICT
from backend.services import Services


def prelabel(
    project: int = typer.Option(..., help="Id of the project: the number in its address in Label Studio."),
    only_unlabelled: bool = typer.Option(False, help="Leave out tasks that somebody has annotated."),
    filter: list[str] = typer.Option(
        [], help='Only tasks for which this holds, such as "id>100" or "data.camera=fog"; may be repeated.'
    ),
    retry_failed: bool = typer.Option(False, help="Go on with the project's last job: what failed in it."),
    wait: bool = typer.Option(True, help="Show the progress until the job ends."),
) -> None:
    """Pre-label a project: predict every task that has no prediction of the model in service, and push it.

    The job runs in the worker. It goes on when this command is stopped, and after the worker was killed;

    nothing is predicted or stored twice.
    """
    with open_services() as services:
        job = _start(services, project, JobOptions(only_unlabelled, tuple(filter)), retry=retry_failed)
        if not services.queue.worker_count(PREDICT):
            out.print("No worker is running, so the job waits. Start one: make run")
        if wait:
            raise typer.Exit(watch_job(services.database, job.id))
        out.print(f"Watch it with: python -m backend jobs {job.id} --watch")


def _start(services: Services, project: int, options: JobOptions, *, retry: bool) -> Job:
    if retry:
        job = retry_prelabel(services.database, services.queue, project, options)
        out.print(f"Job {job.id} of project {project} goes on.")
        return job
    job, is_new = start_prelabel(services.database, services.queue, project, options)
    does = "pre-labels project" if is_new else "does so already for project"
    out.print(f"Job {job.id} {does} {project}.")
    return job
