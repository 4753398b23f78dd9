"""From tasks to predictions: load images, run models, log what is served."""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from time import perf_counter

import structlog

from backend.entities import Polygon, Prediction, Task
from backend.errors import AppError, MediaError, ModelError
from backend.inference.checkpoint import Checkpoint
from backend.inference.composition import Presentation, compose_prediction
from backend.inference.finder import Finder
from backend.inference.manager import ModelManager
from backend.inference.plan import Plan, Planner
from backend.inference.weights import fetch_weights
from backend.media.loader import MediaLoader
from backend.metrics import Metrics
from backend.sam.box_masks import BoxMasks
from backend.store.database import Database
from backend.store.prediction_log import store_predictions
from backend.store.projects import store_model_versions, store_project

log = structlog.get_logger(__name__)


class PredictionPipeline:
    """Predictions for Label Studio; safe for any number of threads.

    Args:
        planner: Reads labeling configs.
        manager: Holds the models.
        media: Loads images.
        database: Keeps what is served.
        metrics: Counts it.
        presentation: How findings become what people see.
        threads: Images in work at once.
        timeout: Seconds after which a request gives up its remaining tasks. Label Studio waits 100, then
            drops them all; a task that was given up is asked for again.
        box_masks: Makes masks of boxes, for tags that ask for it; None where no SAM serves.
    """

    def __init__(
        self,
        planner: Planner,
        manager: ModelManager,
        media: MediaLoader,
        *,
        database: Database,
        metrics: Metrics,
        presentation: Presentation,
        threads: int,
        timeout: float,
        box_masks: BoxMasks | None = None,
    ) -> None:
        self.planner = planner
        self._manager = manager
        self._finder = Finder(manager, media, limits=presentation.limits, box_masks=box_masks)
        self._database = database
        self._metrics = metrics
        self._presentation = presentation
        self._threads = threads
        self._timeout = timeout
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="image")

    def setup(self, project_id: int | None, xml: str) -> Plan:
        """Plan for a project and remember it. Loads no weights, and writes only where something changed.

        Raises:
            LabelConfigError: the config cannot work; says which line would.
            ModelError: weights are missing, corrupt or foreign.
            DatabaseUnavailable: the project cannot be remembered.
        """
        plan = self.planner.plan(xml, project_id)
        now = datetime.now(UTC)
        store_model_versions(self._database, [tag.checkpoint for tag in plan.tags], now=now)
        if project_id is not None:
            store_project(
                self._database,
                project_id,
                label_config=xml,
                model_version=plan.version,
                is_for_training=plan.is_for_training,
                now=now,
            )
        return plan

    def predict(self, tasks: Iterable[Task], plan: Plan, *, project_id: int | None) -> list[Prediction]:
        """Return one prediction per task, in order, each stored before it is returned.

        A task whose image cannot be had gets a prediction with a `failure` and does not harm the others.

        Raises:
            ModelError: a model cannot be loaded.
            DatabaseUnavailable: the predictions could not be stored, so they are not served either.
        """
        deadline = perf_counter() + self._timeout
        predictions = list(self.stream(tasks, plan, project_id=project_id, deadline=deadline))
        store_predictions(self._database, predictions, project_id=project_id, now=datetime.now(UTC))
        return predictions

    def stream(
        self,
        tasks: Iterable[Task],
        plan: Plan,
        *,
        project_id: int | None,
        deadline: float = math.inf,
    ) -> Iterator[Prediction]:
        """Yield one prediction per task, in order, while the next images are fetched; stores none.

        Tasks are taken from their iterator only as far as threads are free: memory stays bounded, and a
        single annotator's image need not wait behind the hundreds of a bulk request.

        Args:
            tasks: Any number of tasks.
            plan: What the project's labeling config asks for.
            project_id: Label Studio's project.
            deadline: Moment of `time.perf_counter` from which on tasks are given up.

        Raises:
            ModelError: a model cannot be loaded.
        """
        for checkpoint in plan.checkpoints:
            self._manager.load(checkpoint)
        pending: deque[Future[Prediction]] = deque()
        try:
            for task in tasks:
                if len(pending) >= self._threads:
                    yield self._counted(pending.popleft().result())
                pending.append(self._pool.submit(self._predict_task, task, plan, project_id, deadline))
            while pending:
                yield self._counted(pending.popleft().result())
        finally:
            for future in pending:
                future.cancel()

    def warm_up(self) -> None:
        """Fetch the default weights if need be and load them, so that the first annotator does not wait.

        Raises:
            ModelError: they cannot be had or loaded.
        """
        fetch_weights(self.planner.default_path)
        self._manager.load(self.default_checkpoint())

    def default_checkpoint(self) -> Checkpoint:
        """Return what the default weights say of themselves.

        Raises:
            ModelError: they are missing, corrupt or foreign.
        """
        return self._manager.checkpoint(self.planner.default_path)

    def check(self) -> str:
        """Return the version of the default weights.

        Raises:
            ModelError: they are missing, corrupt, foreign, or not loaded yet.
        """
        checkpoint = self.default_checkpoint()
        if not self._manager.is_loaded(checkpoint):
            raise ModelError(f"The weights {checkpoint.version} are not loaded yet.")
        return checkpoint.version

    def close(self) -> None:
        """End the threads of images and models."""
        self._pool.shutdown(cancel_futures=True)
        self._manager.close()

    def _predict_task(self, task: Task, plan: Plan, project_id: int | None, deadline: float) -> Prediction:
        started = perf_counter()
        try:
            found = self._finder.find(task, plan, deadline=deadline)
            return compose_prediction(
                task,
                plan,
                found,
                project_id=project_id,
                presentation=self._presentation,
                seconds=perf_counter() - started,
            )
        # Whatever is wrong with one image, or with the device, must not harm the other tasks.
        except Exception as error:
            return self._failed(task, plan, project_id, error, perf_counter() - started)

    def _counted(self, prediction: Prediction) -> Prediction:
        self._metrics.tasks.labels(prediction.version).inc()
        self._metrics.regions.labels(prediction.version).inc(len(prediction.regions))
        for region in prediction.regions:
            if isinstance(region.geometry, Polygon) and region.geometry.mask_iou is not None:
                self._metrics.polygon_iou.observe(region.geometry.mask_iou)
        for name, count in prediction.filtered.items():
            self._metrics.filtered.labels(name).inc(count)
        return prediction

    def _failed(
        self, task: Task, plan: Plan, project_id: int | None, error: Exception, seconds: float
    ) -> Prediction:
        reason = error.reason if isinstance(error, MediaError) else getattr(error, "code", "model_failed")
        self._metrics.failures.labels(reason).inc()
        # A traceback only for what nobody foresaw.
        trace = None if isinstance(error, AppError) else error
        log.warning(
            "task_failed", project=project_id, task=task.id, reason=reason, detail=str(error), exc_info=trace
        )
        return Prediction(task.id, plan.version, None, (), 0.0, seconds, failure=f"{reason}: {error}")
