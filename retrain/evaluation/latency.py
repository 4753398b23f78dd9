"""How long one image takes, model beside model on the same images."""

from collections.abc import Iterable, Sequence
from statistics import median

from backend.entities import Image
from retrain.evaluation.predictor import Predictor


def measure_latencies(
    predictors: Sequence[Predictor], images: Iterable[Image], *, threshold: float
) -> list[float]:
    """Return the median time of one image for each model, in milliseconds; 0 without images.

    The models take turns on each image, and in which order changes from one to the next: so what slows
    the machine down for a while slows all of them. Each sees the first image once before anything counts.

    Args:
        predictors: The models.
        images: One after the other, as none need be kept.
        threshold: Lowest score, as in service.
    """
    seconds: list[list[float]] = [[] for _ in predictors]
    for place, image in enumerate(images):
        if place == 0:
            for predictor in predictors:
                predictor.time_one(image, threshold=threshold)
        turns = list(zip(predictors, seconds, strict=True))
        for predictor, times in turns if place % 2 else reversed(turns):
            times.append(predictor.time_one(image, threshold=threshold))
    return [median(times) * 1000 if times else 0.0 for times in seconds]
