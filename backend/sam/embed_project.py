"""Fill the cache of embeddings for a whole project, as a job in turns that goes on where it was."""

import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import structlog

from backend.entities import ControlTag, JobState, Task
from backend.errors import AppError, LabelStudioError, MediaError, ModelError, QueueUnavailable, SettingsError
from backend.labelstudio.label_config import image_address, parse_label_config
from backend.prelabel.project import Project
from backend.sam.embed_progress import EmbedJobs, EmbedProgress
from backend.sam.entities import Embedding
from backend.sam.smart_images import smart_images
from backend.sam.task_embeddings import TaskEmbeddings
from backend.store.leases import LeaseLost

log = structlog.get_logger(__name__)

PAGE = 100
# A process that dies again and again before it finishes a task, for want of memory perhaps.
_MOST_STALLS = 5
_BEAT_SECONDS = 10.0
# After so long a pass asks again for what was away. One that made way comes back: whoever it made way for has
# begun by then.
_REST_SECONDS = 60


class ProjectEmbedding:
    """The pass over one project.

    Args:
        project_id: Label Studio's.
        jobs: Keep how far it is.
        project: Label Studio's side of it.
        embeddings: Encode and keep.
        cache_bytes: SAM_CACHE_MB in bytes.
        pause: Called before each task; lets serving go first.
        is_time_up: Asked after each task.
        makes_way: Whether others should have their turn first; then the pass rests for a while.
    """

    def __init__(
        self,
        project_id: int,
        *,
        jobs: EmbedJobs,
        project: Project,
        embeddings: TaskEmbeddings,
        cache_bytes: int,
        pause: Callable[[], None],
        is_time_up: Callable[[], bool],
        makes_way: Callable[[], bool] = lambda: False,
    ) -> None:
        self._project_id = project_id
        self._jobs = jobs
        self._project = project
        self._embeddings = embeddings
        self._cache_bytes = cache_bytes
        self._pause = pause
        self._is_time_up = is_time_up
        self._makes_way = makes_way
        self._owner = f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(4)}"

    def work(self) -> EmbedProgress | None:
        """Work on the pass until time is up; return how it stands, None where there is none.

        Nothing is done where another process works on it, or where it has ended.

        Raises:
            QueueUnavailable: Redis does not answer; once it does, another process takes over.
        """
        progress = self._jobs.claim(self._project_id, owner=self._owner)
        if progress is None:
            return self._jobs.get(self._project_id)
        try:
            with self._heartbeat():
                self._run(progress)
        except LeaseLost:
            log.warning("embedding_taken_over", project=self._project_id)
        except QueueUnavailable:
            raise
        # The boundary of the job: whatever it is, the pass must say so.
        except Exception as error:
            self._end_with(error)
        return self._jobs.get(self._project_id)

    def _run(self, progress: EmbedProgress) -> None:
        if self._is_cancelled(progress):
            return
        if progress.stalls > _MOST_STALLS:
            raise ModelError(
                f"The worker died {_MOST_STALLS} times before it had encoded the image after task "
                f"{progress.cursor}, perhaps for want of memory. Name a smaller model in SAM_MODEL."
            )
        if not self._cache_bytes:
            raise SettingsError("SAM_CACHE_MB is 0, so no embedding is kept; set it to the space to be used.")
        images = smart_images(parse_label_config(self._project.label_config()))
        if progress.total is None:
            total = self._project.count([], only_unlabelled=False)
            self._jobs.store(self._project_id, owner=self._owner, total=total)
        while True:
            page = self._project.read_after(progress.cursor, filters=[], only_unlabelled=False, limit=PAGE)
            for item in page:
                self._pause()
                progress = self._embed(item.task, images, progress)
                if self._is_cancelled(progress):
                    return
                if self._is_time_up():
                    rest = _REST_SECONDS if self._makes_way() else 0
                    self._jobs.release(self._project_id, owner=self._owner, rest_seconds=rest)
                    return
            if len(page) < PAGE:
                self._jobs.end(self._project_id, JobState.DONE, owner=self._owner)
                return

    def _is_cancelled(self, progress: EmbedProgress) -> bool:
        return progress.is_cancel_asked and self._jobs.cancel(self._project_id, owner=self._owner)

    @contextmanager
    def _heartbeat(self) -> Iterator[None]:
        """Renew the lease meanwhile: weights that are fetched, or one image on a CPU, may take minutes."""
        ended = threading.Event()

        def beat() -> None:
            while not ended.wait(_BEAT_SECONDS):
                try:
                    self._jobs.store(self._project_id, owner=self._owner)
                except (LeaseLost, QueueUnavailable):
                    pass  # whoever stores the next task finds it out

        thread = threading.Thread(target=beat, name="embed-heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _embed(self, task: Task, images: Sequence[ControlTag], progress: EmbedProgress) -> EmbedProgress:
        assert task.id is not None  # Label Studio's own lists name every task
        outcome, reason = "ready", None
        for control in images:
            try:
                made = self._embeddings.prepare(image_address(control, task.data), task_id=task.id)
            except MediaError as error:
                outcome, reason = "failed", f"task {task.id}: {error.message}"
                continue
            if made is not None:
                outcome = "encoded" if outcome == "ready" else outcome
                self._note_if_too_many(made, progress, len(images))
        return self._jobs.task_done(progress, task.id, outcome, reason, owner=self._owner)

    def _note_if_too_many(self, made: Embedding, progress: EmbedProgress, images: int) -> None:
        room, wanted = self._cache_bytes // max(made.features.nbytes, 1), (progress.total or 0) * images
        if wanted > room and not progress.note:
            note = (
                f"SAM_CACHE_MB holds about {room} embeddings, and the project has {wanted} images: the first "
                f"will make room for the last. {wanted * made.features.nbytes // 2**20 + 1} MB hold all."
            )
            self._jobs.store(self._project_id, owner=self._owner, note=note)

    def _end_with(self, error: Exception) -> None:
        may_work_later = isinstance(error, LabelStudioError) and error.refused_with is None
        is_foreseen = isinstance(error, AppError)
        message = error.message if isinstance(error, AppError) else f"{type(error).__name__}: {error}"
        log.error(
            "embedding_stopped",
            project=self._project_id,
            detail=message,
            again=may_work_later,
            exc_info=not is_foreseen,
        )
        try:
            if may_work_later:
                self._jobs.release(
                    self._project_id, owner=self._owner, error=message, rest_seconds=_REST_SECONDS
                )
            else:
                self._jobs.end(self._project_id, JobState.FAILED, owner=self._owner, error=message)
        except LeaseLost:
            log.warning("embedding_taken_over", project=self._project_id)
