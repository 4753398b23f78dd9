"""Accounts as rows: one for each correction, one for each label's count and one for all labels."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from backend.entities import Region
from backend.review.corrections import tally
from backend.review.entities import Account, Correction


def correction_rows(account: Account) -> list[dict[str, Any]]:
    """Return a row for each correction; none where nothing was shown."""
    return [_correction_row(account, number, c) for number, c in enumerate(account.corrections)]


def tally_rows(account: Account) -> list[dict[str, Any]]:
    """Return the counts of each label, and under "" those of all; none where nothing was shown."""
    if account.shown is None:
        return []
    annotation = account.annotation
    common = {
        "annotation_id": annotation.id,
        "project_id": annotation.project_id,
        "task_id": annotation.task_id,
        "version": account.shown.version,
        "is_blind": account.shown.is_blind,
        "is_ground_truth": annotation.is_ground_truth,
        "annotator": annotation.annotator,
        "week": week_of(annotation.created_at),
    }
    return [
        {
            **common,
            "label": label,
            "kept": counts.kept,
            "adjusted": counts.adjusted,
            "deleted": counts.deleted,
            "added": counts.added,
            "relabelled_from": counts.relabelled_from,
            "relabelled_to": counts.relabelled_to,
        }
        for label, counts in tally(account.corrections).items()
    ]


def week_of(time: datetime) -> date:
    """Return the Monday of the week, in UTC."""
    day = time.astimezone(UTC).date()
    return day - timedelta(days=day.weekday())


def _correction_row(account: Account, number: int, correction: Correction) -> dict[str, Any]:
    annotation = account.annotation
    assert account.shown is not None  # else there is nothing to correct
    shown_id, shown_label = _named(correction.shown)
    annotated_id, annotated_label = _named(correction.annotated)
    return {
        "annotation_id": annotation.id,
        "number": number,
        "project_id": annotation.project_id,
        "task_id": annotation.task_id,
        "annotator": annotation.annotator,
        "version": account.shown.version,
        "kind": correction.kind,
        "label": correction.label,
        "shown_region": shown_id,
        "shown_label": shown_label,
        "annotated_region": annotated_id,
        "annotated_label": annotated_label,
        "iou": correction.iou,
        "matched_by": correction.matched_by,
        "compared_as": correction.compared_as,
    }


def _named(region: Region | None) -> tuple[str | None, str | None]:
    return (region.id, region.label) if region else (None, None)
