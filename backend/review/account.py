"""Compare annotations with what was shown: reads the log, asks Label Studio in need, writes no ledger."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import structlog

from backend.entities import Region
from backend.errors import LabelConfigError, LabelStudioError
from backend.labelstudio.annotated_regions import read_regions
from backend.labelstudio.annotations import annotation_digest
from backend.labelstudio.label_config import parse_label_config
from backend.review.corrections import correct
from backend.review.entities import Account, Annotation, LoggedPrediction, ShownBy
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
        self._images: dict[str, dict[str, str]] = {}

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
        regions = regions_of(self._database, {shown.id for shown, _ in chosen.values() if shown})
        images = self._images_of(project_id) if compared else {}
        return [
            _account(annotation, *chosen.get(place, (None, None)), regions, images)
            for place, annotation in enumerate(annotations)
        ]

    def _images_of(self, project_id: int) -> dict[str, str]:
        """Return the image of each control tag of the project's labeling config, as far as it is known."""
        xml = label_config_of(self._database, project_id) or ""
        if xml not in self._images:
            try:
                self._images[xml] = {tag.name: tag.to_name for tag in parse_label_config(xml)} if xml else {}
            except LabelConfigError:
                self._images[xml] = {}  # the annotation's own results name the images of its tags
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


def _account(
    annotation: Annotation,
    shown: LoggedPrediction | None,
    shown_by: ShownBy | None,
    regions: dict[int, tuple[Region, ...]],
    images: Mapping[str, str],
) -> Account:
    found = read_regions(annotation.result)
    annotated = replace(found, images={**images, **found.images})
    return Account(
        annotation=annotation,
        digest=annotation_digest(annotation),
        shown=shown,
        shown_by=shown_by,
        corrections=correct(regions[shown.id], annotated) if shown else (),
        problems=annotated.problems,
    )
