"""Checks of the label map, and of the versions that must be one."""

from pathlib import Path

import pytest

from backend.doctor.check import Check, CheckState
from backend.doctor.project import ProjectCase
from tests.backend.doctor.fake_label_studio import PROJECT, FakeLabelStudio
from tests.backend.doctor.looks import MakeCase, look_project
from tests.backend.label_configs import BOXES

OK, FAILED = CheckState.OK, CheckState.FAILED
CONNECT = f"python -m backend connect --project {PROJECT}"
PRELABEL = f"python -m backend prelabel --project {PROJECT}"
FOUR_TAGS = """<View><Image name="image" value="$image"/>
  <RectangleLabels name="boxes" toName="image"><Label value="Car"/><Label value="Bird"/></RectangleLabels>
  <RectangleLabels name="by hand" toName="image" model_skip="true"><Label value="Car"/></RectangleLabels>
  <RectangleLabels name="others" toName="image"><Label value="Tree"/></RectangleLabels>
  <PolygonLabels name="shapes" toName="image"><Label value="Car"/></PolygonLabels>
  <EllipseLabels name="rounds" toName="image"><Label value="Car"/></EllipseLabels>
</View>"""


def look(name: str, project: ProjectCase) -> Check:
    return look_project(name, project)[0]


def test_each_tag_says_what_is_predicted_and_what_is_not(
    project: ProjectCase, label_studio: FakeLabelStudio
) -> None:
    label_studio.project["label_config"] = FOUR_TAGS
    first, *tags = look_project("labels", project)
    said = {check.name: check.message for check in tags}
    assert {check.state for check in (first, *tags)} == {OK}
    assert first.message.startswith("filled by tiny-")
    assert first.message.endswith(": 1 of 5 tags on images")
    assert said["tag boxes"] == (
        "<RectangleLabels>: 1 of 2 labels; not predicted: Bird; "
        "classes without a label: person, traffic light"
    )
    assert "model_skip" in said["tag by hand"]
    assert "none of its labels is a class" in said["tag others"] and "predicted_values" in said["tag others"]
    assert "segment" in said["tag shapes"] and "detect" in said["tag shapes"]
    assert "no YOLO model" in said["tag rounds"]


def test_labels_that_the_model_does_not_know_fail_with_where_to_change_them(
    project: ProjectCase, label_studio: FakeLabelStudio
) -> None:
    label_studio.project["label_config"] = BOXES.replace("Car", "Zebra").replace("Person", "Lion")
    (check,) = look_project("labels", project)
    assert check.state == FAILED and "predicted_values=" in check.message
    assert check.fix.endswith(f"/projects/{PROJECT}/settings/labeling")


def test_config_that_names_weights_that_are_not_there_says_where_they_belong(
    project: ProjectCase, label_studio: FakeLabelStudio
) -> None:
    label_studio.project["label_config"] = BOXES.replace(
        'toName="image">', 'toName="image" model_path="x.pt">'
    )
    check = look("labels", project)
    assert check.state == FAILED and "x.pt does not exist" in check.message
    assert str(project.case.settings.models_path) in check.fix


def test_tag_that_only_the_missing_default_weights_could_fill_fails(
    make_case: MakeCase, label_studio: FakeLabelStudio, tiny_weights: Path
) -> None:
    case = make_case(yolo_weights="gone.pt", model_dir=tiny_weights.parent)
    label_studio.project["label_config"] = FOUR_TAGS.replace(
        'name="boxes"', f'name="boxes" model_path="{tiny_weights.name}"'
    )
    checks = {
        check.name: check for check in look_project("labels", ProjectCase(case, PROJECT, is_asked=True))
    }
    assert checks["tag boxes"].state == checks["tag by hand"].state == OK
    assert checks["tag others"].state == FAILED and "gone.pt does not exist" in checks["tag others"].message


def test_one_version_everywhere_is_in_order(project: ProjectCase) -> None:
    check = look("version", project)
    assert check.state == OK and check.message.endswith(", 3 predictions")


def test_predictions_that_are_hidden_from_annotators_are_told_so(
    project: ProjectCase, label_studio: FakeLabelStudio
) -> None:
    label_studio.project["show_collab_predictions"] = False
    check = look("version", project)
    assert check.state == OK and "hidden from annotators" in check.message


@pytest.mark.parametrize("versions", [{}, {"ours": 0}, {"tiny-1.failed": 2}], ids=["none", "zero", "failed"])
def test_project_without_predictions_is_in_order_and_named_the_command(
    project: ProjectCase, label_studio: FakeLabelStudio, versions: dict[str, int]
) -> None:
    label_studio.versions = versions
    check = look("version", project)
    assert check.state == OK and PRELABEL in check.message


def test_predictions_of_another_model_alone_are_to_be_made_anew(
    project: ProjectCase, label_studio: FakeLabelStudio
) -> None:
    label_studio.versions = {"older-12345678": 5}
    check = look("version", project)
    assert (check.state, check.fix) == (FAILED, PRELABEL) and "older-12345678" in check.message


def test_newer_predictions_of_another_model_do_no_harm_while_ours_are_shown(
    project: ProjectCase, label_studio: FakeLabelStudio
) -> None:
    label_studio.versions = {"other-12345678": 5, **label_studio.versions}
    check = look("version", project)
    assert check.state == OK and "other-12345678" in check.message


def test_project_that_shows_another_version_is_mended_by_connect(
    project: ProjectCase, label_studio: FakeLabelStudio
) -> None:
    label_studio.project["model_version"] = "YOLO and SAM"
    check = look("version", project)
    assert (check.state, check.fix) == (FAILED, CONNECT) and '"YOLO and SAM"' in check.message


def test_running_server_with_another_model_is_to_be_restarted(
    project: ProjectCase, label_studio: FakeLabelStudio
) -> None:
    label_studio.backends[0]["model_version"] = "kept-12345678"
    check = look("version", project)
    assert check.state == FAILED and "kept-12345678" in check.message and "make run" in check.fix


def test_labels_to_be_learnt_are_no_fault(project: ProjectCase, label_studio: FakeLabelStudio) -> None:
    to_learn = BOXES.replace("Car", "Zebra").replace("Person", "Lion")
    label_studio.project["label_config"] = to_learn.replace("toName=", 'model_train="true" toName=')
    labels, tag = look_project("labels", project)
    assert labels.state == tag.state == OK
    assert "nothing is trained yet" in labels.message and "model_train" in tag.message
