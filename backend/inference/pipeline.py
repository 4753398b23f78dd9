"""From tasks to predictions: load images, run models, log what is served."""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter

import structlog

from backend.entities import Detection, Image, ImageSize, Mask, Polygon, Prediction, Task
from backend.errors import AppError, MediaError, ModelError
from backend.inference.checkpoint import Checkpoint
from backend.inference.composition import Kept, Presentation, compose_prediction, keep_findings
from backend.inference.manager import ModelManager
from backend.inference.plan import Plan, Planner
from backend.inference.weights import fetch_weights
from backend.labelstudio.label_config import image_address, takes_masks_of_boxes
from backend.media.loader import MediaLoader
from backend.metrics import Metrics
from backend.sam.box_masks import BoxMasks
from backend.sam.task_embeddings import digest_of
from backend.store.database import Database
from backend.store.prediction_log import store_predictions
from backend.store.projects import store_model_versions, store_project

log = structlog.get_logger(__name__)

_TOO_LATE = "The request's time was up before this task's turn (PREDICT_TIMEOUT). Ask again, for fewer tasks."


@dataclass(frozen=True, slots=True, eq=False)
class _Picture:
    """An image of a task. `digest` is that of its file, where SAM will want it."""

    image: Image
    digest: str | None

    @property
    def size(self) -> ImageSize:
        height, width = self.image.shape[:2]
        return ImageSize(width=width, height=height)


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
        self._media = media
        self._database = database
        self._metrics = metrics
        self._presentation = presentation
        self._threads = threads
        self._timeout = timeout
        self._box_masks = box_masks
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
            store_project(self._database, project_id, label_config=xml, model_version=plan.version, now=now)
        return plan

    def predict(self, tasks: Sequence[Task], plan: Plan, *, project_id: int | None) -> list[Prediction]:
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
            if started > deadline:
                raise MediaError("too_late", _TOO_LATE)
            pictures = self._load(task, plan)
            found = self._find(plan, pictures, deadline)
            kept = keep_findings(plan, found, limits=self._presentation.limits)
            return compose_prediction(
                task,
                plan,
                kept,
                self._masks(kept, pictures, deadline),
                project_id=project_id,
                presentation=self._presentation,
                seconds=perf_counter() - started,
            )
        # Whatever is wrong with one image, or with the device, must not harm the other tasks.
        except Exception as error:
            return self._failed(task, plan, project_id, error, perf_counter() - started)

    def _load(self, task: Task, plan: Plan) -> dict[str, _Picture]:
        """Return the task's images by their value in the labeling config."""
        pictures = {}
        for value, control in {tag.control.image_value: tag.control for tag in plan.tags}.items():
            data, image = self._media.load_file(image_address(control, task.data), task_id=task.id)
            pictures[value] = _Picture(image, digest_of(data) if plan.has_masks_of_boxes else None)
        return pictures

    def _find(
        self, plan: Plan, pictures: Mapping[str, _Picture], deadline: float
    ) -> list[tuple[Sequence[Detection], ImageSize]]:
        """Return what each tag's model finds; a model runs once over an image, however many tags ask it."""
        thresholds: dict[tuple[Checkpoint, str], float] = {}
        for tag in plan.tags:
            key = (tag.checkpoint, tag.control.image_value)
            thresholds[key] = min(tag.threshold, thresholds.get(key, 1.0))
        futures = {
            (checkpoint, value): self._manager.submit(checkpoint, pictures[value].image, threshold=threshold)
            for (checkpoint, value), threshold in thresholds.items()
        }
        try:
            found = {key: future.result(timeout=_left(deadline)) for key, future in futures.items()}
        except TimeoutError:
            raise MediaError("too_late", _TOO_LATE) from None
        return [
            (found[tag.checkpoint, tag.control.image_value], pictures[tag.control.image_value].size)
            for tag in plan.tags
        ]

    def _masks(
        self, kept: Kept, pictures: Mapping[str, _Picture], deadline: float
    ) -> dict[str, Sequence[Mask]]:
        """Return the masks of those tags that take them of boxes: of each detection that is kept."""
        masks: dict[str, Sequence[Mask]] = {}
        for tag in kept.findings:
            picture = pictures[tag.control.image_value]
            if not takes_masks_of_boxes(tag.control) or picture.digest is None:
                continue
            if self._box_masks is None:
                raise ModelError(f'No SAM serves this process, and "{tag.control.name}" has sam_from_boxes.')
            try:
                masks[tag.control.name] = self._box_masks.masks(
                    picture.image,
                    picture.digest,
                    [detection.box for detection in tag.detections if detection.box is not None],
                    fill_holes=tag.control.type == "PolygonLabels",
                    timeout=_left(deadline),
                )
            except TimeoutError:
                raise MediaError("too_late", _TOO_LATE) from None
        return masks

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


def _left(deadline: float) -> float | None:
    return None if math.isinf(deadline) else max(0.0, deadline - perf_counter())
