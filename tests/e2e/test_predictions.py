"""The main job: predictions of ours in a real Label Studio, equal to those of the model alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from label_studio_sdk.client import LabelStudio

from backend.endpoints.auth import SECRET_HEADER
from backend.inference.certainty import task_certainty
from backend.store.database import Database
from backend.store.event_log import count_events
from backend.store.prediction_log import count_predictions
from demo.__main__ import WEIGHTS

from .conftest import Prelabelled, ProjectFactory, RunCommand
from .pictures import upright_size
from .processes import wait_for
from .projects import label_config, predictions_by_task, retrieve_predictions
from .records import logged_predictions
from .servers import Stack

DEFAULT_THRESHOLD = 0.25  # of our settings, and of ultralytics
BOX_TOLERANCE = 0.001  # share of the image's size
SCORE_TOLERANCE = 1e-4
WEBHOOK_SECONDS = 15.0

# label, score, (x1, y1, x2, y2) as shares of the image's width and height
Found = tuple[str, float, tuple[float, float, float, float]]


@pytest.fixture(scope="module")
def direct(quiet_ultralytics: None, pictures: dict[str, Path]) -> dict[str, list[Found]]:
    """What ultralytics itself finds in each file."""
    from ultralytics import YOLO

    model = YOLO(str(WEIGHTS))
    found = {}
    for name, path in pictures.items():
        boxes = model.predict(str(path), conf=DEFAULT_THRESHOLD, device="cpu", verbose=False)[0].boxes.numpy()
        found[name] = [
            (model.names[int(label)], float(score), tuple(map(float, shares)))
            for label, score, shares in zip(boxes.cls, boxes.conf, boxes.xyxyn, strict=True)
        ]
    return found


@pytest.fixture(scope="module")
def served(sdk: LabelStudio, prelabelled: Prelabelled) -> dict[str, Any]:
    """Label Studio's one prediction of each picture, by file name."""
    stored = predictions_by_task(sdk, prelabelled.project)
    return {name: stored[task][0] for name, task in prelabelled.project.tasks.items()}


@pytest.fixture(scope="module")
def version(stack: Stack, prelabelled: Prelabelled) -> str:
    """The model version as `/setup` names it."""
    answer = httpx.post(
        f"{stack.url}/setup",
        json={"project": f"{prelabelled.project.id}.1", "schema": prelabelled.project.label_config},
        auth=stack.credentials,
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["model_version"])


def test_connect_names_project_and_version_and_sees_an_event_arrive(prelabelled: Prelabelled, version: str):
    said = prelabelled.connected.stdout

    assert f'Connected: project {prelabelled.project.id} "Street scenes"' in said
    assert f"Model version: {version}" in said
    assert "Webhook: an event arrived and was stored." in said
    assert "Warning" not in said


def test_every_task_gets_exactly_one_prediction(sdk: LabelStudio, prelabelled: Prelabelled):
    counts = [len(stored) for stored in predictions_by_task(sdk, prelabelled.project).values()]

    assert counts == [1] * 12


def test_regions_are_those_of_ultralytics_on_the_same_files_but_for_what_hygiene_took_out_and_counted(
    served: dict[str, Any], direct: dict[str, list[Found]], prelabelled: Prelabelled, database: Database
):
    assert sum(map(len, direct.values())) >= 12, "too few objects to compare anything"
    logged = {p.task_id: p for p in logged_predictions(database, prelabelled.project.id)}
    for name, expected in direct.items():
        got = [_read_region(region) for region in served[name].result]
        left = list(expected)
        for found in got:
            left.remove(_only_equal(found, left, name))
        assert len(left) == sum(logged[prelabelled.project.tasks[name]].filtered.values()), name


def test_regions_carry_the_size_of_the_upright_picture(served: dict[str, Any], pictures: dict[str, Path]):
    sizes = {name: upright_size(path) for name, path in pictures.items()}
    assert set(sizes.values()) == {(640, 480), (480, 640)}

    for name, prediction in served.items():
        for region in prediction.result:
            assert (region["original_width"], region["original_height"]) == sizes[name], name


def test_version_of_every_prediction_is_the_one_that_setup_names(served: dict[str, Any], version: str):
    assert version.startswith("demo_yolo-")
    assert {prediction.model_version for prediction in served.values()} == {version}


def test_score_of_a_task_is_the_certainty_of_its_regions(served: dict[str, Any]):
    for name, prediction in served.items():
        scores = [region["score"] for region in prediction.result]
        certainty = task_certainty(scores, threshold=DEFAULT_THRESHOLD)
        assert prediction.score == pytest.approx(certainty, abs=SCORE_TOLERANCE), name


def test_second_retrieval_predicts_nothing_again(
    sdk: LabelStudio, prelabelled: Prelabelled, database: Database, version: str
):
    before = count_predictions(database)[prelabelled.project.id, version]

    retrieve_predictions(sdk, prelabelled.project.id)

    assert before == (12, 0)
    assert count_predictions(database)[prelabelled.project.id, version] == before
    assert all(len(stored) == 1 for stored in predictions_by_task(sdk, prelabelled.project).values())


def test_connecting_again_updates_instead_of_doubling(
    sdk: LabelStudio, stack: Stack, prelabelled: Prelabelled, run_backend_command: RunCommand, version: str
):
    again = run_backend_command("connect", "--project", str(prelabelled.project.id))

    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith(f"Updated: project {prelabelled.project.id}")
    backends = sdk.ml.list(project=prelabelled.project.id)
    assert [backend.url for backend in backends] == [stack.url]
    webhooks = [w for w in sdk.webhooks.list(project=prelabelled.project.id)]
    assert [webhook.url for webhook in webhooks] == [f"{stack.url}/webhook"]
    assert webhooks[0].headers == {SECRET_HEADER: stack.settings["WEBHOOK_SECRET"]}
    # Label Studio's score column and choice of pre-labels follow this field.
    assert sdk.projects.get(prelabelled.project.id).model_version == version


def test_label_studio_lists_our_versions(sdk: LabelStudio, prelabelled: Prelabelled, version: str):
    (backend,) = sdk.ml.list(project=prelabelled.project.id)

    answer = sdk._client_wrapper.httpx_client.request(f"api/ml/{backend.id}/versions", method="GET")

    assert answer.status_code == 200, answer.text
    assert version in answer.json()["versions"]


def test_status_shows_parts_project_version_and_counts(
    prelabelled: Prelabelled, run_backend_command: RunCommand, version: str, stack: Stack
):
    said = run_backend_command("status")

    assert said.returncode == 0, said.stderr
    rows = [line.replace("│", " ").split() for line in said.stdout.splitlines()]
    # The second row of the project is about its training.
    project, training = [row for row in rows if row[:1] == [str(prelabelled.project.id)]]
    assert "reviewed" in training
    assert project[:5] == [str(prelabelled.project.id), "Connected", version, "12", "0"]
    assert int(project[5]) >= 1
    for part in (stack.settings["LABEL_STUDIO_URL"], "sqlite", "2 workers", version):
        assert part in said.stdout
    for secret in ("LABEL_STUDIO_API_KEY", "BASIC_AUTH_PASS", "WEBHOOK_SECRET"):
        assert stack.settings[secret] not in said.stdout + said.stderr


def test_start_training_button_is_stored_as_an_event(
    sdk: LabelStudio, prelabelled: Prelabelled, database: Database
):
    (backend,) = sdk.ml.list(project=prelabelled.project.id)

    sdk.ml.train(backend.id)

    _wait_for_event(database, prelabelled.project.id, "START_TRAINING")


def test_annotation_arrives_as_an_event(
    sdk: LabelStudio, new_project: ProjectFactory, run_backend_command: RunCommand, database: Database
):
    project = new_project("Annotated", count=1)
    assert run_backend_command("connect", "--project", str(project.id)).returncode == 0
    value = {"x": 10, "y": 10, "width": 20, "height": 20, "rotation": 0, "rectanglelabels": ["person"]}
    region = {"from_name": "label", "to_name": "image", "type": "rectanglelabels", "value": value}

    sdk.annotations.create(id=next(iter(project.tasks.values())), result=[region])

    _wait_for_event(database, project.id, "ANNOTATION_CREATED")


def test_webhook_without_the_secret_is_refused_and_stores_nothing(
    stack: Stack, prelabelled: Prelabelled, database: Database
):
    body = {"action": "FORGED", "project": {"id": prelabelled.project.id}}

    answer = httpx.post(f"{stack.url}/webhook", json=body)

    assert answer.status_code == 401
    assert answer.json()["error"] == "unauthorized"
    assert (prelabelled.project.id, "FORGED") not in count_events(database)


def test_lower_score_threshold_of_a_tag_gives_more_boxes(
    sdk: LabelStudio,
    new_project: ProjectFactory,
    run_backend_command: RunCommand,
    served: dict[str, Any],
):
    config = label_config(attributes='model_score_threshold="0.05"')
    project = new_project("Low threshold", config=config, count=6)
    assert run_backend_command("connect", "--project", str(project.id)).returncode == 0

    retrieve_predictions(sdk, project.id)

    stored = predictions_by_task(sdk, project)
    found = {name: stored[task][0].result for name, task in project.tasks.items()}
    assert sum(map(len, found.values())) > sum(len(served[name].result) for name in found)
    scores = [region["score"] for regions in found.values() for region in regions]
    assert 0.05 <= min(scores) < DEFAULT_THRESHOLD


def _read_region(region: dict[str, Any]) -> Found:
    value = region["value"]
    assert (region["from_name"], region["to_name"]) == ("label", "image")
    assert value["rotation"] == 0 and region["image_rotation"] == 0
    (label,) = value["rectanglelabels"]
    x, y, width, height = (value[key] / 100 for key in ("x", "y", "width", "height"))
    return label, region["score"], (x, y, x + width, y + height)


def _only_equal(found: Found, candidates: Sequence[Found], name: str) -> Found:
    label, score, box = found
    equal = [
        other
        for other in candidates
        if other[0] == label
        and other[1] == pytest.approx(score, abs=SCORE_TOLERANCE)
        and other[2] == pytest.approx(box, abs=BOX_TOLERANCE)
    ]
    assert len(equal) == 1, f"{name}: {found} is {len(equal)} of {candidates}"
    return equal[0]


def _wait_for_event(database: Database, project_id: int, action: str) -> None:
    wait_for(
        lambda: (project_id, action) in count_events(database),
        seconds=WEBHOOK_SECONDS,
        what=f"event {action}",
    )
