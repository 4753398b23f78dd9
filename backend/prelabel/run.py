"""One run of a pre-labelling job: read, predict, store, push, in a stream, until done or told to stop.

A prediction is stored in one transaction with its task's state before it is pushed, so a run that follows a
killed one pushes what is stored and predicts only the rest.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

import structlog

from backend.entities import Job, JobState, Prediction, Task
from backend.errors import LabelStudioError, ModelError
from backend.inference.pipeline import PredictionPipeline
from backend.inference.plan import Plan
from backend.labelstudio.results import prediction_to_json
from backend.labelstudio.task_filter import parse_filter
from backend.prelabel.project import Project
from backend.prelabel.reader import GONE, TaskReader
from backend.store.database import Database
from backend.store.job_tasks import mark_tasks, predicted_tasks, store_job_predictions
from backend.store.jobs import add_note, begin_scan, end_job, renew_lease
from backend.store.leases import LeaseLost

log = structlog.get_logger(__name__)

_STORE_EVERY = 8
_PUSH_EVERY = 96
_HEARTBEAT_SECONDS = 3.0
# Reasons of a failed image that Label Studio may give, or cause, while it is away.
_MAY_BE_AWAY = ("unreachable", "timeout", "http_status", "label_studio_unavailable")
_TAB = 'tab "Model unsure first"'
CHANGED = "The labeling config has changed since this was predicted; --retry-failed predicts it anew."


class PrelabelRun:
    """One run of one job.

    Args:
        job: As `claim_job` returned it.
        owner: The lease's name.
        database: Keeps job and predictions.
        pipeline: Predicts.
        project: Label Studio's side.
        is_stopping: Tells whether this process should end; the job then waits for another.
    """

    def __init__(
        self,
        job: Job,
        *,
        owner: str,
        database: Database,
        pipeline: PredictionPipeline,
        project: Project,
        is_stopping: Callable[[], bool],
    ) -> None:
        self._job = job
        self._owner = owner
        self._database = database
        self._pipeline = pipeline
        self._project = project
        self._is_stopping = is_stopping
        self._end: JobState | None = None
        self._stop = threading.Event()
        self._follows = False
        self._config = ""

    def run(self) -> None:
        """Work until the job is done, cancelled or given back; its row tells which.

        Raises:
            AppError: the job cannot be done.
            LeaseLost: another process runs it.
        """
        with self._heartbeat(), ThreadPoolExecutor(1, thread_name_prefix="push") as pusher:
            plan = self._begin()
            reader = TaskReader(
                self._job,
                owner=self._owner,
                version=plan.version,
                database=self._database,
                project=self._project,
            )
            self._push_left(plan)
            while self._predict(reader.tasks(), plan, pusher) or not self._is_ended(plan):
                pass

    def _begin(self) -> Plan:
        self._config = self._project.label_config()
        plan = self._pipeline.setup(self._job.project_id, self._config)
        plan.check_is_trained()
        if self._job.version not in (None, plan.version):
            raise ModelError(
                f"The job predicts with {self._job.version}, but {plan.version} serves the project now. "
                "Start a new job: it predicts what has no prediction of the new version."
            )
        total, options = self._job.total, self._job.options
        if total is None and options.scans:
            filters = [parse_filter(text) for text in options.filters]
            total = self._project.count(filters, only_unlabelled=options.only_unlabelled)
        begin_scan(
            self._database, self._job.id, owner=self._owner, version=plan.version, total=total, now=_now()
        )
        return plan

    def _push_left(self, plan: Plan) -> None:
        """Push what an earlier run stored; it may have been killed while Label Studio took the same."""
        while not self._stop.is_set() and (
            left := predicted_tasks(self._database, self._job.id, limit=_PUSH_EVERY)
        ):
            self._push(left, plan, in_doubt=True)

    def _predict(self, tasks: Iterator[Task], plan: Plan, pusher: ThreadPoolExecutor) -> int:
        """Predict, store and push these tasks; return how many there were."""
        count = 0
        stored: list[Prediction] = []
        unpushed: list[Prediction] = []
        pushing: Future[None] | None = None
        stream = self._pipeline.stream(self._until_stopped(tasks), plan, project_id=self._job.project_id)
        for prediction in stream:
            count += 1
            stored.append(prediction)
            if len(stored) >= _STORE_EVERY:
                unpushed += self._store(stored)
                stored = []
            if len(unpushed) >= _PUSH_EVERY:
                if pushing is not None:
                    pushing.result()
                pushing = pusher.submit(self._push, unpushed, plan, in_doubt=False)
                unpushed = []
        unpushed += self._store(stored)
        if pushing is not None:
            pushing.result()
        if unpushed:
            self._push(unpushed, plan, in_doubt=False)
        return count

    def _until_stopped(self, tasks: Iterator[Task]) -> Iterator[Task]:
        # Looked at before a task is asked for: the next one may lie on a page that is not read yet.
        while not self._stop.is_set() and (task := next(tasks, None)) is not None:
            yield task

    def _store(self, predictions: list[Prediction]) -> list[Prediction]:
        """Store predictions with their tasks' states; return those that can be pushed.

        Raises:
            LabelStudioError: an image could not be had because Label Studio is away. Its task stays queued.
        """
        doubtful = [p for p in predictions if p.failure and p.failure.startswith(_MAY_BE_AWAY)]
        clear = [p for p in predictions if p not in doubtful] if doubtful else predictions
        store_job_predictions(self._database, self._job.id, clear, owner=self._owner, now=_now())
        if doubtful:
            self._project.label_config()  # it answers: so it is the image that cannot be had
            store_job_predictions(self._database, self._job.id, doubtful, owner=self._owner, now=_now())
        return [prediction for prediction in predictions if prediction.failure is None]

    def _push(self, predictions: Sequence[Prediction], plan: Plan, *, in_doubt: bool) -> None:
        if self._project.label_config() != self._config:
            self._stop_with(JobState.QUEUED)  # the next run plans for the changed config
            return
        # Left by a run under an earlier config.
        lost = {p.task_id: CHANGED for p in predictions if not _fits(p, plan) and p.task_id is not None}
        items = {
            p.task_id: prediction_to_json(p, plan.controls)
            for p in predictions
            if p.task_id is not None and p.task_id not in lost
        }
        report = self._project.push(items, version=plan.version, in_doubt=in_doubt)
        outcomes = {**dict.fromkeys(items), **dict.fromkeys(report.missing, GONE), **report.refused, **lost}
        mark_tasks(self._database, self._job.id, outcomes, owner=self._owner, now=_now())
        if not self._follows:
            self._follow(plan)

    def _follow(self, plan: Plan) -> None:
        # Label Studio accepts a version as the project's own once it holds predictions of it.
        self._follows = self._try("model version", self._project.follow_version, plan.version)
        if self._follows:  # now the tab lists what there is, long before the job ends
            self._try(_TAB, self._project.keep_tabs)

    def _is_ended(self, plan: Plan) -> bool:
        """End the job as it should; False where somebody queued more tasks meanwhile."""
        state = self._end or JobState.DONE
        if state == JobState.DONE:
            if not self._follows:
                self._try("model version", self._project.follow_version, plan.version)
            self._try(_TAB, self._project.keep_tabs)
        return end_job(self._database, self._job.id, state, owner=self._owner, now=_now())

    def _try(self, what: str, call: Callable[..., object], *arguments: object) -> bool:
        """Do what is no reason for the job to fail; note where it does not work."""
        try:
            return bool(call(*arguments))
        except LabelStudioError as error:
            log.warning("prelabel_note", job=self._job.id, what=what, detail=error.message)
            note = f"{what}: {error.message}"
            add_note(self._database, self._job.id, note, owner=self._owner, now=_now())
            return False

    @contextmanager
    def _heartbeat(self) -> Iterator[None]:
        ended = threading.Event()

        def beat() -> None:
            while not ended.wait(_HEARTBEAT_SECONDS):
                self._look()

        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _look(self) -> None:
        try:
            if renew_lease(self._database, self._job.id, owner=self._owner, now=_now()):
                self._stop_with(JobState.CANCELLED)
            elif self._is_stopping():
                self._stop_with(JobState.QUEUED)
        except LeaseLost:  # what is stored next finds out by itself
            self._stop.set()
        # The boundary of the thread: whatever it is, the lease is to be renewed at the next beat.
        except Exception as error:
            log.warning("heartbeat_missed", job=self._job.id, detail=str(error))

    def _stop_with(self, state: JobState) -> None:
        self._end = self._end or state
        self._stop.set()


def _fits(prediction: Prediction, plan: Plan) -> bool:
    return all(region.control in plan.controls for region in prediction.regions)


def _now() -> datetime:
    return datetime.now(UTC)
