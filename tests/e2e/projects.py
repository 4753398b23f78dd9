"""Projects in the Label Studio under test: made, filled and read as a person would through its API."""

import mimetypes
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from label_studio_sdk.client import LabelStudio

from demo.scenes import CLASSES


@dataclass(frozen=True)
class Project:
    """A project with one task per picture. `tasks` are task ids by the picture's file name."""

    id: int
    label_config: str
    pictures: Mapping[str, Path]
    tasks: Mapping[str, int]


def label_config(labels: Sequence[str] = CLASSES, *, attributes: str = "") -> str:
    """Return a labeling config with one RectangleLabels tag; `attributes` are written into that tag."""
    lines = "".join(f'<Label value="{label}"/>' for label in labels)
    return (
        '<View><Image name="image" value="$image" zoom="true"/>'
        f'<RectangleLabels name="label" toName="image" {attributes}>{lines}</RectangleLabels></View>'
    )


def make_project(sdk: LabelStudio, *, title: str, config: str, pictures: Mapping[str, Path]) -> Project:
    """Make a project and upload the pictures, one task each."""
    made = sdk.projects.create(title=title, label_config=config)
    for path in pictures.values():
        with path.open("rb") as file:
            content_type = mimetypes.guess_type(path.name)[0]
            response = sdk._client_wrapper.httpx_client.request(
                f"api/projects/{made.id}/import",
                method="POST",
                files={"file": (path.name, file, content_type)},
            )
        response.raise_for_status()
    addresses = {task.id: str(task.data["image"]) for task in sdk.tasks.list(project=made.id)}
    # Label Studio puts a random prefix and a dash before an uploaded file's name.
    tasks = {
        name: _only(i for i, address in addresses.items() if address.endswith(name)) for name in pictures
    }
    return Project(id=made.id, label_config=config, pictures=pictures, tasks=tasks)


def retrieve_predictions(sdk: LabelStudio, project_id: int) -> None:
    """Do what "Retrieve predictions" does in the Data Manager with all tasks selected."""
    sdk.actions.create(
        id="retrieve_tasks_predictions", project=project_id, selected_items={"all": True, "excluded": []}
    )


def predictions_by_task(sdk: LabelStudio, project: Project) -> dict[int, list[Any]]:
    """Return Label Studio's stored predictions of each task."""
    stored: dict[int, list[Any]] = {task: [] for task in project.tasks.values()}
    for prediction in sdk.predictions.list(project=project.id):
        stored[prediction.task].append(prediction)
    return stored


def _only(found: Iterable[int]) -> int:
    (value,) = found
    return value
