"""`explain`: one image, what was shown, what was submitted, how each region was matched."""

from pathlib import Path

import cv2
import typer
from rich.box import SIMPLE
from rich.table import Table

from backend.cli.console import open_services, out
from backend.errors import BadRequest, NotFound
from backend.labelstudio.label_config import image_address, parse_label_config
from backend.labelstudio.project_tasks import ProjectTasks
from backend.labelstudio.tasks import MAX_ID
from backend.review.entities import Correction
from backend.review.explain import ExplainedAnnotation, ExplainedTask, explain_task
from backend.review.picture import draw_corrections
from backend.services import Services
from backend.store.projects import label_config_of


def explain(
    task: int = typer.Option(
        ..., min=1, max=MAX_ID, help="Id of the task: the number in its address in Label Studio."
    ),
    picture: Path | None = typer.Option(None, help="Draw both into this file, a PNG or JPEG."),
    annotation: int | None = typer.Option(
        None, min=1, max=MAX_ID, help="Draw this annotation, not the one that counts."
    ),
) -> None:
    """Explain one image: what was shown, what was submitted, and how each region was matched."""
    with open_services() as services:
        found = explain_task(services.database, task)
        _print_task(found)
        if picture:
            _draw(services, found, _chosen(found, annotation), picture)
            out.print(f"Drawn into {picture}.")


def _print_task(found: ExplainedTask) -> None:
    state = "deleted" if found.is_deleted else found.state or "not known to Label Studio's events yet"
    out.print(
        f"Task {found.task_id} of project {found.project_id}: {state}. Image: {found.image or 'unknown'}"
    )
    for prediction, count in found.predictions:
        shown = "blind, not shown" if prediction.is_blind else "shown"
        time = f"{prediction.served_at:%Y-%m-%d %H:%M}"
        out.print(f"Predicted {time} by {prediction.version}: {count} regions, {shown}.")
    if not found.predictions:
        out.print("No prediction of it is logged, so nothing can be corrected.")
    if not found.annotations:
        out.print("Nobody has submitted an annotation.")
    for annotation in found.annotations:
        _print_annotation(annotation)


def _print_annotation(annotation: ExplainedAnnotation) -> None:
    marks = [
        "skipped" if annotation.is_cancelled else "",
        "ground truth" if annotation.is_ground_truth else "",
        "its labels count for the task" if annotation.is_deciding else "",
    ]
    who = "nobody" if annotation.annotator is None else f"annotator {annotation.annotator}"
    words = ", ".join([f"by {who}, {annotation.updated_at:%Y-%m-%d %H:%M}", *filter(None, marks)])
    out.print(f"\nAnnotation {annotation.id} {words}.")
    if annotation.shown:
        out.print(f"Compared with {annotation.shown.version} (found by: {annotation.shown_by}).")
        out.print(_table(annotation.corrections))
    elif not annotation.is_cancelled:
        out.print(
            f"No prediction of ours was shown before it; it has {len(annotation.annotated.regions)} regions."
        )
    for problem in annotation.annotated.problems:
        out.print(f"Left out: {problem}")


def _table(corrections: tuple[Correction, ...]) -> Table:
    table = Table(box=SIMPLE, pad_edge=False)
    for heading in ("what was done", "shown", "submitted", "IoU", "matched by", "compared as", "region"):
        table.add_column(heading, justify="right" if heading == "IoU" else "left")
    for correction in corrections:
        shown, annotated = correction.shown, correction.annotated
        ids = [region.id for region in (shown, annotated) if region]
        table.add_row(
            correction.kind,
            f"{shown.label} {shown.score:.2f}" if shown else "",
            annotated.label if annotated else "",
            f"{correction.iou:.2f}" if correction.iou is not None else "",
            correction.matched_by or "",
            correction.compared_as or "",
            " > ".join(dict.fromkeys(ids)),
        )
    return table


def _chosen(found: ExplainedTask, annotation_id: int | None) -> ExplainedAnnotation:
    compared = [one for one in found.annotations if one.shown]
    wanted = [one for one in compared if one.id == annotation_id or annotation_id is None and one.is_deciding]
    if not wanted:
        there = ", ".join(str(one.id) for one in compared) or "none"
        which = "the annotation that counts" if annotation_id is None else f"annotation {annotation_id}"
        raise NotFound(
            f"Nothing to draw: {which} of task {found.task_id} was not compared with a prediction. "
            f"Annotations that were: {there}."
        )
    return wanted[0]


def _draw(services: Services, found: ExplainedTask, annotation: ExplainedAnnotation, target: Path) -> None:
    listed = ProjectTasks(services.label_studio, found.project_id).read([found.task_id])
    if not listed:
        raise NotFound(f"Label Studio has no task {found.task_id} any more, so its image cannot be drawn.")
    controls = parse_label_config(label_config_of(services.database, found.project_id) or "<View/>")
    if not controls:
        raise NotFound(f"The labeling config of project {found.project_id} names no image. Connect it first.")
    address = image_address(controls[0], listed[0].task.data)
    image = services.media.load(address, task_id=found.task_id)
    on_it = {control.name for control in controls if control.to_name == controls[0].to_name}
    corrections = [c for c in annotation.corrections if _control_of(c) in on_it]
    try:
        is_written = cv2.imwrite(str(target), draw_corrections(image, corrections))
    except cv2.error:
        is_written = False
    if not is_written:
        raise BadRequest(
            f"{target} could not be written; expected a name such as task.png in a folder that exists."
        )


def _control_of(correction: Correction) -> str:
    region = correction.annotated or correction.shown
    assert region is not None  # a correction is of one region at least
    return region.control
