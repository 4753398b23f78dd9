"""Find the prediction that an annotator started from. Pure."""

from collections.abc import Sequence

from backend.review.entities import Annotation, LoggedPrediction, ShownBy


def kept_region_ids(annotation: Annotation) -> frozenset[str]:
    """Return the ids of the annotation's results; those of shown regions are kept by the browser."""
    return frozenset(str(item["id"]) for item in annotation.result if item.get("id") is not None)


def names_its_origin(annotation: Annotation, logged: Sequence[LoggedPrediction]) -> bool:
    """Tell whether a region id tells which of the predictions was shown; else only its parent can."""
    ids = kept_region_ids(annotation)
    return any(ids & prediction.region_ids for prediction in logged)


def choose_shown(
    annotation: Annotation, logged: Sequence[LoggedPrediction], *, parent_version: str | None
) -> tuple[LoggedPrediction | None, ShownBy | None]:
    """Return the prediction that the annotation is compared with, and how it was found; None where none is.

    Region ids are hashes of project, task, version and place, so one that was kept names the version.
    Else the parent prediction that Label Studio names does; a parent that is none of ours means that nothing
    of ours was shown. Without either it is the newest prediction that is older than the annotation.

    Args:
        annotation: The annotation.
        logged: The task's predictions.
        parent_version: Version of the annotation's parent prediction; empty where Label Studio does not
            have that any more, None where there is no parent or it is not known.
    """
    ids = kept_region_ids(annotation)
    shared = {prediction.id: len(ids & prediction.region_ids) for prediction in logged}
    most = max(shared.values(), default=0)
    if most:
        best = [prediction for prediction in logged if shared[prediction.id] == most]
        return _newest_before(annotation, best) or _oldest(best), ShownBy.REGION_IDS
    if parent_version:
        same = [prediction for prediction in logged if prediction.version == parent_version]
        # A prediction that names its annotation was there before it, whatever the two clocks say.
        found = _newest_before(annotation, same) or _oldest(same)
        return found, ShownBy.PARENT if found else None
    found = _newest_before(annotation, logged)
    if found is None:
        return None, None
    is_open = annotation.parent_prediction is not None and parent_version is None
    return found, ShownBy.ASSUMED if is_open else ShownBy.NEWEST


def _newest_before(annotation: Annotation, logged: Sequence[LoggedPrediction]) -> LoggedPrediction | None:
    older = [prediction for prediction in logged if prediction.served_at <= annotation.created_at]
    return max(older, key=lambda prediction: (prediction.served_at, prediction.id), default=None)


def _oldest(logged: Sequence[LoggedPrediction]) -> LoggedPrediction | None:
    return min(logged, key=lambda prediction: (prediction.served_at, prediction.id), default=None)
