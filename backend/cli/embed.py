"""`embed`: encode all images of a project ahead, as a job, and watch it."""

import typer

from backend.cli.console import open_services, out
from backend.cli.job_bar import JobView, show_until_end
from backend.entities import JobState
from backend.errors import NotFound
from backend.labelstudio.label_config import parse_label_config
from backend.labelstudio.tasks import MAX_ID
from backend.prelabel.project import LabelStudioProject
from backend.queue import PREDICT
from backend.sam.embed_progress import EmbedJobs, EmbedProgress
from backend.sam.embed_start import start_embedding
from backend.sam.smart_images import smart_images
from backend.services import Services


def embed(
    project: int = typer.Option(
        ..., min=1, max=MAX_ID, help="Id of the project: the number in its address in Label Studio."
    ),
    wait: bool = typer.Option(True, help="Show the progress until the job ends."),
    cancel: bool = typer.Option(False, help="Cancel the project's job; what is encoded already stays."),
) -> None:
    """Encode every image of a project for smart tools, so that no annotator waits for a first click.

    The job runs in the worker. It goes on when this command is stopped, and after the worker was killed;

    no image is encoded twice.
    """
    with open_services() as services:
        jobs = EmbedJobs(services.queue.redis)
        if cancel:
            _cancel(jobs, project)
            return
        # Told here, and not by a job that nobody may be watching.
        smart_images(parse_label_config(LabelStudioProject(services.label_studio, project).label_config()))
        _start(services, project)
        if wait:
            raise typer.Exit(_watch(jobs, project))
        out.print(f"Watch it with: python -m backend embed --project {project}")


def _start(services: Services, project: int) -> None:
    does = "are encoded" if start_embedding(services.queue, project) else "are being encoded already"
    out.print(f"The images of project {project} {does}.")
    if not services.queue.worker_count(PREDICT):
        out.print("No worker is running, so the job waits. Start one: make run")


def _cancel(jobs: EmbedJobs, project: int) -> None:
    if not jobs.ask_to_cancel(project):
        raise NotFound(f"No job encodes the images of project {project}, so none can be cancelled.")
    out.print(f"The images of project {project} are no longer encoded; what is encoded stays.")


def _watch(jobs: EmbedJobs, project: int) -> int:
    try:
        show_until_end(lambda: _look(jobs, project))
    except KeyboardInterrupt:
        out.print(f"The job goes on. Watch it:  python -m backend embed --project {project}")
        out.print(f"              or cancel it: python -m backend embed --project {project} --cancel")
        return 130
    progress = _found(jobs, project)
    _print_end(progress)
    return 0 if progress.state == JobState.DONE and not progress.failed else 1


def _found(jobs: EmbedJobs, project: int) -> EmbedProgress:
    progress = jobs.get(project)
    if progress is None:
        raise NotFound(f"Redis knows no more of the job of project {project}; start it again.")
    return progress


def _look(jobs: EmbedJobs, project: int) -> JobView:
    progress = _found(jobs, project)
    return JobView(
        state=progress.state,
        is_cancel_asked=progress.is_cancel_asked,
        total=progress.total,
        done=progress.done,
        counts=(
            f"{progress.failed} failed" if progress.failed else "",
            f"{progress.ready} were there already" if progress.ready else "",
        ),
        error=progress.error,
    )


def _print_end(progress: EmbedProgress) -> None:
    left = (progress.total or 0) - progress.done
    counts = [
        f"{progress.encoded} tasks encoded",
        f"{progress.ready} were there already" if progress.ready else "",
        f"{progress.failed} failed" if progress.failed else "",
        f"{left} left" if left > 0 else "",
    ]
    out.print(f"{progress.state.capitalize()}: {', '.join(filter(None, counts))}.")
    if progress.error:
        out.print(f"Reason: {progress.error}")
    if progress.note:
        out.print(f"Note: {progress.note}")
    for reason in progress.reasons:
        out.print(f"Failed: {reason}")
    if progress.failed > len(progress.reasons):
        out.print(f"and {progress.failed - len(progress.reasons)} more.")
