"""How good each model version of a project is, over HTTP."""

from datetime import date
from typing import Any

from flask import Blueprint, Response, jsonify, request

from backend.endpoints.auth import require_caller
from backend.endpoints.context import get_services
from backend.endpoints.query import read_version, refuse_unknown
from backend.review.table import read_since
from backend.stats.intervals import Estimate
from backend.stats.quality import Anchoring, Figures, Part, VersionQuality
from backend.stats.queries import read_quality

blueprint = Blueprint("quality", __name__)
blueprint.before_request(require_caller)

_PARAMETERS = ("version", "since")
# Beyond that a figure is noise, and the answer twice as long.
_DIGITS = 6


@blueprint.get("/projects/<int:project_id>/quality")
def quality(project_id: int) -> Response:
    """Tell how good each version is; `?version=V&since=YYYY-MM-DD` by a part of the annotations."""
    refuse_unknown(_PARAMETERS)
    version, since = read_version(), request.args.get("since")
    report = read_quality(
        get_services().database,
        project_id,
        version=version,
        since=read_since(since).date() if since is not None else None,
    )
    return jsonify({"project": report.project_id, "versions": [_version(each) for each in report.versions]})


def _version(quality: VersionQuality) -> dict[str, Any]:
    return {
        "version": quality.version,
        "first_week": quality.first_week.isoformat(),
        "last_week": quality.last_week.isoformat(),
        "corrected": _figures(quality.corrected),
        "blind": _figures(quality.blind),
        "anchoring": _anchoring(quality.anchoring),
        "labels": [_part("label", part) for part in quality.labels],
        "annotators": [_part("annotator", part) for part in quality.annotators],
        "weeks": [_part("week", part) for part in quality.weeks],
        "relabelled": [
            {"shown": pair.shown, "annotated": pair.annotated, "count": pair.count}
            for pair in quality.relabelled
        ],
    }


def _part(name: str, part: Part[Any]) -> dict[str, Any]:
    key = part.key.isoformat() if isinstance(part.key, date) else part.key
    return {name: key, "corrected": _figures(part.corrected), "blind": _figures(part.blind)}


def _figures(figures: Figures) -> dict[str, Any]:
    tally = figures.tally
    return {
        "annotations": figures.annotations,
        "tasks": figures.tasks,
        "ground_truth": figures.ground_truth,
        "kept": tally.kept,
        "adjusted": tally.adjusted,
        "relabelled": tally.relabelled_from,
        "relabelled_to": tally.relabelled_to,
        "deleted": tally.deleted,
        "added": tally.added,
        "tp": tally.tp,
        "fp": tally.fp,
        "fn": tally.fn,
        "precision": _estimate(figures.precision),
        "recall": _estimate(figures.recall),
        "f1": _estimate(figures.f1),
    }


def _anchoring(anchoring: Anchoring | None) -> dict[str, Any] | None:
    if anchoring is None:
        return None
    return {
        "precision": _estimate(anchoring.precision),
        "recall": _estimate(anchoring.recall),
        "f1": _estimate(anchoring.f1),
    }


def _estimate(estimate: Estimate | None) -> dict[str, float] | None:
    if estimate is None:
        return None
    return {
        "value": round(estimate.value, _DIGITS),
        "low": round(estimate.low, _DIGITS),
        "high": round(estimate.high, _DIGITS),
    }
