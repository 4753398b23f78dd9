"""Compare a new model with the one in service, on images that neither was trained on."""

from collections.abc import Iterator, Sequence

from backend.entities import Image
from backend.inference.checkpoint import Checkpoint
from backend.store.database import chunks
from backend.store.versions import list_trained
from backend.training.entities import (
    Comparison,
    EpochMetrics,
    Example,
    ModelScore,
    Side,
    Snapshot,
)
from retrain.context import RunContext
from retrain.dataset.read import ground_truth
from retrain.evaluation.bootstrap import Differences, bootstrap_differences
from retrain.evaluation.held_out import HeldOut
from retrain.evaluation.latency import measure_latencies
from retrain.evaluation.outcomes import ImageOutcomes, Outcomes, gather_outcomes, image_outcomes
from retrain.evaluation.overfitting import describe_overfitting
from retrain.evaluation.predictor import Predictor, load_image, project_controls
from retrain.evaluation.scoring import best_threshold, score_model
from retrain.evaluation.shown import lowest_scores

_LATENCY_IMAGES = 20


def compare(
    context: RunContext,
    snapshot: Snapshot,
    *,
    challenger: Checkpoint,
    champion: Checkpoint | None,
    epochs: Sequence[EpochMetrics],
    device: str,
    held_out: HeldOut | None = None,
) -> Comparison:
    """Return how both models do on the test split, each at the threshold that is best for it on val.

    Nothing is stored, and equal arguments give the same again, but for the latencies.

    Args:
        context: Of the attempt.
        snapshot: Holds the images and their labels.
        challenger: The new model.
        champion: The one in service; None where there is none.
        epochs: Of the challenger's training.
        device: torch device.
        held_out: Takes in what the challenger finds in each image of val and test.

    Raises:
        RunCancelled, RunInterrupted, LeaseLost: the run should not go on.
        ArtifactError, MediaError: an image cannot be had.
        ModelError: a model cannot be loaded on the device.
    """
    checkpoints = [challenger] if champion is None else [challenger, champion]
    return _Evaluation(context, snapshot, checkpoints, device=device, held_out=held_out).run(epochs)


class _Evaluation:
    """One comparison: the challenger comes first, then the champion if there is one."""

    def __init__(
        self,
        context: RunContext,
        snapshot: Snapshot,
        checkpoints: Sequence[Checkpoint],
        *,
        device: str,
        held_out: HeldOut | None,
    ) -> None:
        services = context.services
        self._context, self._snapshot, self._held_out = context, snapshot, held_out
        self._target = snapshot.target
        self._batch = services.settings.predict_batch
        self._threshold = services.settings.score_threshold
        trained = {each.version for each in list_trained(services.database, snapshot.project_id)}
        controls = project_controls(services.database, snapshot.project_id)
        self._lowest = lowest_scores(self._target, controls, default=self._threshold)
        # Classes of the project's own versions are its labels, as when they serve.
        own = [place == 0 or each.version in trained for place, each in enumerate(checkpoints)]
        self._models = [
            Predictor(each, self._target, () if is_own else controls, device=device)
            for each, is_own in zip(checkpoints, own, strict=True)
        ]

    def run(self, epochs: Sequence[EpochMetrics]) -> Comparison:
        test, val = self._side(Side.TEST), self._side(Side.VAL)
        outcomes = self._outcomes(test)
        thresholds = [
            best_threshold(each, default=self._threshold)
            for each in (self._outcomes(val) if val else outcomes)
        ]
        if not val:
            self._context.note(
                "No image is in the val split, so the thresholds were chosen on the test split: precision, "
                "recall and F1 are a little too good."
            )
        latencies = measure_latencies(
            self._models,
            self._images((test or val or self._snapshot.examples)[:_LATENCY_IMAGES]),
            threshold=self._threshold,
        )
        scores = [
            self._score(*each) for each in zip(self._models, outcomes, thresholds, latencies, strict=True)
        ]
        differences = self._differences(outcomes)
        return Comparison(
            images=len(test),
            objects=int(outcomes[0].objects.sum()),
            challenger=scores[0],
            champion=scores[1] if len(scores) > 1 else None,
            difference=differences.overall,
            class_differences=differences.classes,
            shown_difference=differences.shown,
            overfitting=describe_overfitting(epochs),
        )

    def _side(self, side: Side) -> list[Example]:
        """Return the images of a split; for a classifier those with a class, as it cannot say "none"."""
        is_classifier = self._target.task == "classify"
        return [e for e in self._snapshot.examples if e.side == side and (e.labels or not is_classifier)]

    def _outcomes(self, examples: Sequence[Example]) -> list[Outcomes]:
        """Return the outcomes of each model; both see an image while it is in memory."""
        gathered: list[list[ImageOutcomes]] = [[] for _ in self._models]
        for some in chunks(examples, self._batch):
            images = list(self._images(some))
            truths = [ground_truth(example, self._target) for example in some]
            for model, outcomes in zip(self._models, gathered, strict=True):
                self._context.check()
                found = model.detect(images)
                outcomes += [
                    image_outcomes(truth, model.regions(image, detections), self._target)
                    for truth, image, detections in zip(truths, images, found, strict=True)
                ]
                if self._held_out is not None and model is self._models[0]:
                    self._held_out.add(images, found)
        return [gather_outcomes(each, classes=len(self._target.labels)) for each in gathered]

    def _images(self, examples: Sequence[Example]) -> Iterator[Image]:
        services = self._context.services
        for example in examples:
            self._context.check()
            yield load_image(
                services.artifacts, example, max_pixels=services.settings.media_max_megapixels * 1_000_000
            )

    def _score(self, model: Predictor, outcomes: Outcomes, threshold: float, latency_ms: float) -> ModelScore:
        return score_model(
            outcomes,
            task=self._target.task,
            labels=self._target.labels,
            version=model.checkpoint.version,
            threshold=threshold,
            lowest=self._lowest,
            latency_ms=latency_ms,
        )

    def _differences(self, outcomes: Sequence[Outcomes]) -> Differences:
        if len(outcomes) == 1:
            return Differences(None, {}, None)
        return bootstrap_differences(
            *outcomes,
            task=self._target.task,
            labels=self._target.labels,
            lowest=self._lowest,
            # So that whoever compares again finds the same.
            seed=int(self._snapshot.digest[:8], 16),
        )
