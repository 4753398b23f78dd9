"""Make the demo's projects, once: sample scenes, the connection, predictions; then say where to click."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from label_studio_sdk.client import LabelStudio
from rich.console import Console
from rich.panel import Panel

from backend.settings import Settings, read_settings
from demo.label_studio import wait_until_up
from demo.make_scenes import write_scenes
from demo.scenes import CLASSES, SceneStyle

TITLE = "Street scenes"
SCENES = range(2_000_000, 2_000_048)
_PAGE = 100
COLOURS = {"person": "#d62728", "car": "#1f77b4", "box": "#ff7f0e", "cone": "#9400d3"}
_LABELS = "".join(f'<Label value="{name}" background="{COLOURS[name]}"/>' for name in CLASSES)
LABEL_CONFIG = f"""<View>
  <Image name="image" value="$image" zoom="true"/>
  <RectangleLabels name="label" toName="image">
    {_LABELS}
  </RectangleLabels>
</View>"""
MASKS_TITLE = "Street scenes, masks"
MASKS_SCENES = SCENES[:12]
MASKS_CONFIG = f"""<View>
  <Image name="image" value="$image" zoom="true"/>
  <Header size="5" value="Click, with Auto-Annotation on"/>
  <KeyPointLabels name="click" toName="image" smart="true">
    {_LABELS}
  </KeyPointLabels>
  <Header size="5" value="Frame, with Auto-Annotation on"/>
  <RectangleLabels name="frame" toName="image" smart="true" model_skip="true">
    {_LABELS}
  </RectangleLabels>
  <Header size="5" value="Mask, as found or painted by hand"/>
  <BrushLabels name="mask" toName="image" smart="false">
    {_LABELS}
  </BrushLabels>
</View>"""


def main() -> None:
    """Wait for the servers, set up what is missing, print the addresses."""
    settings = read_settings()
    wait_until_up(f"{settings.label_studio_url}/health", seconds=180)
    wait_until_up(f"{settings.public_url}/ready", seconds=180)
    sdk = LabelStudio(
        base_url=settings.label_studio_url, api_key=settings.label_studio_api_key.get_secret_value()
    )
    boxes = set_up(sdk, settings, TITLE, LABEL_CONFIG, SCENES)
    # Predicts only what has no prediction of the version in service yet.
    run_command("prelabel", "--project", str(boxes))
    masks = set_up(sdk, settings, MASKS_TITLE, MASKS_CONFIG, MASKS_SCENES)
    _print_addresses(
        *(f"{settings.label_studio_url}/projects/{project}/data" for project in (boxes, masks)),
        figures=f"{settings.public_url}/dashboard/projects/{boxes}",
    )


def set_up(sdk: LabelStudio, settings: Settings, title: str, label_config: str, seeds: Iterable[int]) -> int:
    """Make a project where it is missing, fill and connect it; return its id."""
    project = find_project(sdk, title)
    if project is None:
        project = sdk.projects.create(title=title, label_config=label_config)
    import_scenes(sdk, project.id, settings.data_dir / "scenes", seeds)
    drop_other_ports(sdk, project.id, settings.public_url)
    run_command("connect", "--project", str(project.id))
    return int(project.id)


def find_project(sdk: LabelStudio, title: str) -> Any:
    """Return the project of this title, None where there is none."""
    # One page, which holds all of a demo's: Label Studio logs the look for a second as an error.
    page = sdk.projects.list(page_size=_PAGE).items or []
    return next((project for project in page if project.title == title), None)


def drop_other_ports(sdk: LabelStudio, project_id: int, url: str) -> None:
    """Take away connections of an earlier demo on another port: Label Studio would use the oldest."""
    for backend in sdk.ml.list(project=project_id):
        if backend.url != url:
            sdk.ml.delete(backend.id)
    for webhook in sdk.webhooks.list(project=project_id):
        if webhook.project == project_id and webhook.url != f"{url}/webhook":
            sdk.webhooks.delete(webhook.id)


def run_command(*arguments: str) -> None:
    """Run a command as a user would; what it has to say about a failure, it says itself."""
    subprocess.run([sys.executable, "-m", "backend", *arguments], check=False)


def import_scenes(
    sdk: LabelStudio, project_id: int, folder: Path, seeds: Iterable[int], style: SceneStyle = SceneStyle()
) -> None:
    """Draw scenes and import those that the project does not hold yet."""
    held = {
        Path(str(task.data["image"])).name for task in sdk.tasks.list(project=project_id, fields="task_only")
    }
    # Label Studio puts a random prefix and a dash before an uploaded file's name.
    missing = [seed for seed in seeds if not any(name.endswith(f"scene_{seed}.jpg") for name in held)]
    for path in write_scenes(folder, missing, style):
        with path.open("rb") as file:
            response = sdk._client_wrapper.httpx_client.request(
                f"api/projects/{project_id}/import",
                method="POST",
                files={"file": (path.name, file, "image/jpeg")},
            )
        response.raise_for_status()


def _print_addresses(boxes: str, masks: str, *, figures: str) -> None:
    lines = [
        f"Open      {boxes}",
        f"Masks     {masks}",
        f"Figures   {figures}",
        f"User      {os.environ['LABEL_STUDIO_USERNAME']}",
        f"Password  {os.environ['LABEL_STUDIO_PASSWORD']}",
        "",
        "Click a picture: the boxes are already there, but in one of twenty, left empty on purpose to see",
        'how people label unaided. The tab "Model unsure first" lists them by how sure the model is.',
        "For masks, open a picture of the second address, switch Auto-Annotation on (bottom), then take",
        'a label under "Click" and click the thing. A click with Alt takes away; "Frame" does it with a box.',
        "The figures are for whoever runs the project: how good the model is, and what to do next. User and",
        "password are the same there.",
        "",
        "In another terminal, here:  make demo-retrain     corrections, a training run, a better model",
        "                            .venv/bin/python -m demo.inside backend status     and other commands",
        "Ctrl-C ends the demo; its data stay in",
        os.environ["DATA_DIR"],
    ]
    Console(width=110, highlight=False).print(
        Panel("\n".join(lines), title="The demo is ready", expand=False)
    )


if __name__ == "__main__":
    main()
