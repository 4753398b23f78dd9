"""The score of a whole task: how certain the model is. Low means that a person should look first.

Label Studio orders "Uncertainty sampling" and its score column by this number, ascending.
"""

from collections.abc import Sequence


def task_certainty(scores: Sequence[float], *, threshold: float) -> float:
    """Return the certainty of one prediction, in [0, 1].

    The mean score of its regions: an image full of doubtful boxes comes before one of sure boxes. Without
    regions it is 1 - threshold: no object reached the threshold t, so the model holds the image for empty
    with at least 1 - t. At the default 0.25 such images come after those with doubtful boxes and before
    those with sure ones, since a missed object looks just like an empty image.

    Args:
        scores: Scores of the regions shown, each in [0, 1].
        threshold: Lowest score that is shown, in [0, 1].
    """
    return sum(scores) / len(scores) if scores else 1 - threshold
