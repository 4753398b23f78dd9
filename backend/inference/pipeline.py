"""From tasks to predictions: load images, run models, log what is served."""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from time import perf_counter

import structlog

from backend.entities import Detection, Image, ImageSize, Prediction, Region, Task
from backend.errors import AppError, MediaError, ModelError
from backend.geometry import clip_box
from backend.inference.certainty import task_certainty
from backend.inference.checkpoint import Checkpoint
from backend.inference.manager import ModelManager
from backend.inference.plan import Plan, Planner, TagPlan
from backend.inference.weights import fetch_weights
from backend.labelstudio.results import region_id
from backend.media.loader import MediaLoader
from backend.metrics import Metrics
from backend.store.database import Database
from backend.store.prediction_log import store_predictions
from backend.store.projects import store_model_versions, store_project

log = structlog.get_logger(__name__)

_TOO_LATE = "The request's time was up before this task's turn (PREDICT_TIMEOUT). Ask again, for fewer tasks."


class PredictionPipeline:
    """Predictions for Label Studio; safe for any number of threads.

    Args:
        planner: Reads labeling configs.
        manager: Holds the models.
        media: Loads images.
        database: Keeps what is served.
        metrics: Counts it.
        threads: Images in work at once.
        timeout: Seconds after which a request gives up its remaining tasks. Label Studio waits 100, then
            drops them all; a task that was given up is asked for again.
    """

    def __init__(
        self,
        planner: Planner,
        manager: ModelManager,
        media: MediaLoader,
        *,
        database: Database,
        metrics: Metrics,
        threads: int,
        timeout: float,
    ) -> None:
        self.planner = planner
        self._manager = manager
        self._media = media
        self._database = database
        self._metrics = metrics
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
        plan = self.planner.plan(xml)
        now = datetime.now(UTC)
        store_model_versions(self._database, [tag.checkpoint for tag in plan.tags], now=now)
        if project_id is not None:
            store_project(self._database, project_id, label_config=xml, model_version=plan.version, now=now)
        return plan

    def predict(self, tasks: Sequence[Task], plan: Plan, *, project_id: int | None) -> list[Prediction]:
        """Return one prediction per task, in order, each stored before it is returned.

        A task whose image cannot be had gets a prediction with a `failure` and does not harm the others.

        Raises:
            ModelError: a model cannot be loaded.
            DatabaseUnavailable: the predictions could not be stored, so they are not served either.
        """
        for tag in plan.tags:
            self._manager.model(tag.checkpoint)
        # A request keeps only as many tasks in the pool as it has threads: memory stays bounded, and a
        # single annotator's image need not wait behind the hundreds of a bulk request.
        deadline = perf_counter() + self._timeout
        pending: deque[Future[Prediction]] = deque()
        predictions: list[Prediction] = []
        for task in tasks:
            if len(pending) >= self._threads:
                predictions.append(pending.popleft().result())
            pending.append(self._pool.submit(self._predict_task, task, plan, project_id, deadline))
        predictions += [future.result() for future in pending]
        store_predictions(self._database, predictions, project_id=project_id, now=datetime.now(UTC))
        self._metrics.tasks.labels(plan.version).inc(len(predictions))
        self._metrics.regions.labels(plan.version).inc(sum(len(p.regions) for p in predictions))
        return predictions

    def warm_up(self) -> None:
        """Fetch the default weights if need be and load them, so that the first annotator does not wait.

        Raises:
            ModelError: they cannot be had or loaded.
        """
        fetch_weights(self.planner.default_path)
        self._manager.model(self.default_checkpoint())

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
        """End threads and connections."""
        self._pool.shutdown(cancel_futures=True)
        self._manager.close()
        self._media.close()

    def _predict_task(self, task: Task, plan: Plan, project_id: int | None, deadline: float) -> Prediction:
        started = perf_counter()
        try:
            if started > deadline:
                raise TimeoutError(_TOO_LATE)
            images = {key: self._media.load(task.data.get(key)) for key in _image_keys(plan)}
            futures = [self._submit(tag, images[tag.control.image_key]) for tag in plan.tags]
            found = [future.result(timeout=max(0.0, deadline - perf_counter())) for future in futures]
        # Whatever is wrong with one image, or with the device, must not harm the other tasks.
        except Exception as error:
            return self._failed(task, plan, project_id, error, perf_counter() - started)
        regions = [
            (tag, detection, _size(images[tag.control.image_key]))
            for tag, detections in zip(plan.tags, found, strict=True)
            for detection in detections
            if detection.class_name in tag.label_map
        ]
        certainty = task_certainty([d.score for _, d, _ in regions], threshold=plan.threshold)
        return Prediction(
            task_id=task.id,
            version=plan.version,
            size=_size(next(iter(images.values()))),
            regions=tuple(
                _region(region_id(project_id, task.id, plan.version, index), tag, detection, size)
                for index, (tag, detection, size) in enumerate(regions)
            ),
            score=certainty,
            seconds=perf_counter() - started,
        )

    def _submit(self, tag: TagPlan, image: Image) -> "Future[list[Detection]]":
        return self._manager.model(tag.checkpoint).submit(image, threshold=tag.threshold)

    def _failed(
        self, task: Task, plan: Plan, project_id: int | None, error: Exception, seconds: float
    ) -> Prediction:
        if isinstance(error, TimeoutError):
            error = MediaError("too_late", _TOO_LATE)
        reason = error.reason if isinstance(error, MediaError) else getattr(error, "code", "model_failed")
        self._metrics.failures.labels(reason).inc()
        # A traceback only for what nobody foresaw.
        trace = None if isinstance(error, AppError) else error
        log.warning(
            "task_failed", project=project_id, task=task.id, reason=reason, detail=str(error), exc_info=trace
        )
        return Prediction(task.id, plan.version, None, (), 0.0, seconds, failure=f"{reason}: {error}")


def _image_keys(plan: Plan) -> list[str]:
    return list(dict.fromkeys(tag.control.image_key for tag in plan.tags))


def _size(image: Image) -> ImageSize:
    return ImageSize(width=image.shape[1], height=image.shape[0])


def _region(identity: str, tag: TagPlan, detection: Detection, size: ImageSize) -> Region:
    return Region(
        id=identity,
        control=tag.control.name,
        label=tag.label_map[detection.class_name],
        score=detection.score,
        geometry=clip_box(detection.box, size),
        size=size,
    )
