"""The score of a whole task: how certain the model is. Low means that a person should look first.

Label Studio orders "Uncertainty sampling" and its score column by this number, ascending.
"""

from collections.abc import Sequence

from backend.inference.regions import TagFindings, shown_choices


def task_certainty(scores: Sequence[float], *, threshold: float) -> float:
    """Return the certainty of one prediction, in [0, 1].

    The mean score of what was found: an image full of doubtful objects comes before one of sure objects.
    Where nothing was found it is 1 - threshold: no object reached the threshold t, so the model holds the
    image for empty with at least 1 - t. At the default 0.25 such images come after those with doubtful
    objects and before those with sure ones, since a missed object looks just like an empty image.

    Args:
        scores: Scores of what was found, each in [0, 1].
        threshold: Lowest score that is shown, in [0, 1].
    """
    return sum(scores) / len(scores) if scores else 1 - threshold


def object_scores(found: Sequence[TagFindings], *, threshold: float) -> list[float]:
    """Return the scores that count for the certainty of a prediction, one for each thing found.

    An object counts once with its own score, however many tags show it and as however many key points:
    seventeen points of one person must not outweigh the dog beside it. A tag for a class of the whole image
    counts the classes that it shows; where none reached the threshold it counts the threshold, which the
    surest class stayed below: unlike an image without objects, an image without a class is a doubtful one.

    Args:
        found: What was found for each control tag.
        threshold: Lowest score that is shown, in [0, 1].
    """
    objects: dict[int, float] = {}
    classes: list[float] = []
    for tag in found:
        if tag.control.type == "Choices":
            classes += [detection.score for detection in shown_choices(tag)] or [threshold]
        else:
            shown = [d for d in tag.detections if d.class_name in tag.label_map or d.class_name in tag.points]
            objects |= {id(detection): detection.score for detection in shown}
    return [*objects.values(), *classes]
