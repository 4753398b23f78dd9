"""Projects in the Label Studio under test: made, filled and read as a person would through its API."""

import mimetypes
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from label_studio_sdk.client import LabelStudio

from demo.scenes import CLASSES

FILES_A_REQUEST = 100  # as many as Label Studio takes
SMALL_WEIGHTS = "tiny.pt"
SMALL_THRESHOLD = 0.8  # the tiny weights find a few things in each picture above it


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


SMALL_CONFIG = label_config(
    ("car", "person"), attributes=f'model_path="{SMALL_WEIGHTS}" model_score_threshold="{SMALL_THRESHOLD}"'
)


def make_project(sdk: LabelStudio, *, title: str, config: str, pictures: Mapping[str, Path]) -> Project:
    """Make a project and upload the pictures, one task each."""
    made = sdk.projects.create(title=title, label_config=config)
    for start in range(0, len(pictures), FILES_A_REQUEST):
        chosen = list(pictures.values())[start : start + FILES_A_REQUEST]
        files = {p.name: (p.name, p.read_bytes(), mimetypes.guess_type(p.name)[0]) for p in chosen}
        call(sdk, "POST", f"api/projects/{made.id}/import", files=files)
    addresses = {task.id: str(task.data["image"]) for task in sdk.tasks.list(project=made.id)}
    # Label Studio puts a random prefix and a dash before an uploaded file's name.
    tasks = {
        name: _only(i for i, address in addresses.items() if address.endswith(name)) for name in pictures
    }
    return Project(id=made.id, label_config=config, pictures=pictures, tasks=tasks)


def call(sdk: LabelStudio, method: str, path: str, **request: Any) -> Any:
    """Call a path of Label Studio's API that the SDK has no method for, or hides the answer of."""
    answer = sdk._client_wrapper.httpx_client.request(path, method=method, **request)
    answer.raise_for_status()
    return answer.json()


def retrieve_predictions(sdk: LabelStudio, project_id: int) -> dict[str, Any]:
    """Do what "Retrieve predictions" does in the Data Manager with all tasks selected; return the answer."""
    answer: dict[str, Any] = call(
        sdk,
        "POST",
        "api/dm/actions",
        params={"id": "retrieve_tasks_predictions", "project": project_id},
        json={"selectedItems": {"all": True, "excluded": []}},
    )
    return answer


def predictions_by_task(sdk: LabelStudio, project: Project) -> dict[int, list[Any]]:
    """Return Label Studio's stored predictions of each task."""
    stored: dict[int, list[Any]] = {task: [] for task in project.tasks.values()}
    for prediction in sdk.predictions.list(project=project.id):
        stored[prediction.task].append(prediction)
    return stored


def _only(found: Iterable[int]) -> int:
    (value,) = found
    return value
