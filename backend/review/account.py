"""Compare annotations with what was shown: reads the log, asks Label Studio in need, writes no ledger."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import structlog

from backend.errors import LabelConfigError, LabelStudioError
from backend.labelstudio.annotated_regions import read_regions
from backend.labelstudio.annotations import annotation_digest
from backend.labelstudio.label_config import parse_label_config
from backend.review.corrections import correct
from backend.review.entities import (
    Account,
    AnnotatedRegions,
    Annotation,
    Correction,
    LoggedPrediction,
    ShownBy,
)
from backend.review.shown import choose_shown, names_its_origin
from backend.store.database import Database
from backend.store.projects import label_config_of
from backend.store.shown import logged_predictions, parent_versions, regions_of, store_parent_versions

log = structlog.get_logger(__name__)

# Version of one of Label Studio's predictions by its id there, "" where it is gone.
AskVersion = Callable[[int], str]


class Accountant:
    """Makes accounts of annotations. One that cannot reach Label Studio asks it nothing more.

    Args:
        database: Where the prediction log is.
        ask_version: Asks Label Studio for a prediction's version; raises LabelStudioError.
    """

    def __init__(self, database: Database, ask_version: AskVersion) -> None:
        self._database = database
        self._ask_version = ask_version
        self._is_away = False
        self._images: dict[str | None, Mapping[str, str]] = {}

    def accounts_of(self, project_id: int, annotations: Sequence[Annotation]) -> list[Account]:
        """Return the account of each annotation of one project, in their order."""
        compared = [annotation for annotation in annotations if not annotation.is_cancelled]
        logged = logged_predictions(self._database, project_id, {a.task_id for a in compared})
        versions = self._parent_versions(compared, logged)
        chosen: dict[int, tuple[LoggedPrediction | None, ShownBy | None]] = {
            place: choose_shown(
                annotation,
                logged.get(annotation.task_id, ()),
                parent_version=versions.get(annotation.parent_prediction or 0),
            )
            for place, annotation in enumerate(annotations)
            if not annotation.is_cancelled
        }
        images = self._images_of(project_id) if compared else {}
        return [
            self._account(annotation, *chosen.get(place, (None, None)), images)
            for place, annotation in enumerate(annotations)
        ]

    def _account(
        self,
        annotation: Annotation,
        shown: LoggedPrediction | None,
        shown_by: ShownBy | None,
        images: Mapping[str, str],
    ) -> Account:
        annotated = read_annotated(annotation.result, images)
        corrections = correct(regions_of(self._database, shown.id), annotated) if shown else ()
        return Account(
            annotation=annotation,
            digest=annotation_digest(annotation),
            shown=shown,
            shown_by=shown_by,
            corrections=tuple(map(_without_geometry, corrections)),
            problems=annotated.problems,
        )

    def _images_of(self, project_id: int) -> Mapping[str, str]:
        xml = label_config_of(self._database, project_id)
        if xml not in self._images:
            self._images[xml] = images_of(xml)
        return self._images[xml]

    def _parent_versions(
        self, annotations: Sequence[Annotation], logged: dict[int, list[LoggedPrediction]]
    ) -> dict[int, str]:
        """Return what is known of the parents of annotations whose regions do not tell it."""
        silent = {
            annotation.parent_prediction
            for annotation in annotations
            if annotation.parent_prediction is not None
            and annotation.task_id in logged
            and not names_its_origin(annotation, logged[annotation.task_id])
        }
        known = parent_versions(self._database, silent)
        asked: dict[int, str] = {}
        for parent in sorted(silent - known.keys()):
            if self._is_away:
                break
            try:
                asked[parent] = self._ask_version(parent)
            except LabelStudioError as error:
                self._is_away = True
                log.warning("parent_prediction_unknown", prediction=parent, detail=error.message)
        store_parent_versions(self._database, asked)
        return known | asked


def images_of(xml: str | None) -> Mapping[str, str]:
    """Return the image of each control tag of a labeling config; none where there is no readable one."""
    try:
        return {tag.name: tag.to_name for tag in parse_label_config(xml)} if xml else {}
    except LabelConfigError:
        return {}  # the annotations' own results name the images of their tags


def read_annotated(result: Sequence[object], images: Mapping[str, str]) -> AnnotatedRegions:
    """Return an annotation's regions; `images` names the images of tags that it left empty."""
    found = read_regions(result)
    return replace(found, images={**images, **found.images})


def _without_geometry(correction: Correction) -> Correction:
    """Drop what is large in it: an account is kept until many of them are written."""
    shown, annotated = (
        replace(region, geometry=None) if region else None
        for region in (correction.shown, correction.annotated)
    )
    return replace(correction, shown=shown, annotated=annotated)
