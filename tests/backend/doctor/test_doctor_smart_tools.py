"""Checks of smart tools: the labels, what Label Studio passes on, and SAM's weights."""

from pathlib import Path

import pytest

from backend.doctor.check import Check, CheckState, run_checks
from backend.doctor.examine import project_entries
from backend.doctor.project import ProjectCase
from backend.errors import ModelError
from tests.backend.doctor.fake_label_studio import PROJECT, FakeLabelStudio
from tests.backend.doctor.looks import MakeCase, look_project

OK, FAILED = CheckState.OK, CheckState.FAILED
SMART = """<View><Image name="image" value="$image"/>
  <BrushLabels name="mask" toName="image"><Label value="Car"/><Label value="Van"/></BrushLabels>
  <PolygonLabels name="outline" toName="image"><Label value="Tree"/></PolygonLabels>
  <KeyPointLabels name="click" toName="image" smart="true"><Label value="Car"/><Label value="Tree"/>
  </KeyPointLabels></View>"""
FROM_BOXES = """<View><Image name="image" value="$image"/><BrushLabels name="mask" toName="image"
  sam_from_boxes="true"><Label value="Car"/></BrushLabels></View>"""


class FakeEngine:
    version, memory_bytes = "loaded-12345678", 40 * 2**20


@pytest.fixture
def smart_project(
    make_case: MakeCase, label_studio: FakeLabelStudio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ProjectCase:
    """A connected project with smart tools, and SAM's weights, which seem to load."""
    weights = tmp_path / "own_sam.pt"
    weights.write_bytes(b"weights")
    case = make_case(sam_model=str(weights))
    monkeypatch.setattr(case.services.sam, "engine", FakeEngine)
    label_studio.add_backend(case.connector.url)
    label_studio.project["label_config"] = SMART
    return ProjectCase(case, PROJECT, is_asked=True)


def look(project: ProjectCase) -> list[Check]:
    """Make the checks, as if the connection were in order."""
    entry = next(entry for entry in project_entries(project) if entry.name == "smart tools")
    return list(run_checks([entry], project, {"project": OK, "connection": OK}))


def test_smart_tools_say_what_they_draw_and_that_clicks_are_answered(smart_project: ProjectCase) -> None:
    tools, clicks, sam = checks = look(smart_project)
    assert {check.state for check in checks} == {OK}
    assert tools.message == (
        'click draws <BrushLabels name="mask">; click draws <PolygonLabels name="outline">'
    )
    assert "Auto-Annotation" in clicks.message
    assert sam.message == "loaded-12345678 loads, 40 MB"


def test_project_without_smart_tools_needs_no_sam(project: ProjectCase) -> None:
    [check] = look(project)
    assert check.state == OK and check.message.startswith("none")


def test_label_without_a_place_for_its_mask_is_named_with_the_line_to_paste(
    smart_project: ProjectCase, label_studio: FakeLabelStudio
) -> None:
    label_studio.project["label_config"] = SMART.replace(
        'smart="true"><Label value="Car"/>', 'smart="true"><Label value="Bus"/>'
    )
    [check] = look(smart_project)
    assert check.state == FAILED and '<KeyPointLabels name="click">' in check.message
    assert check.message.endswith('<Label value="Bus"/>')
    assert check.fix.endswith(f"/projects/{PROJECT}/settings/labeling")


def test_label_studio_that_passes_nothing_on_is_mended_by_connect(
    smart_project: ProjectCase, label_studio: FakeLabelStudio
) -> None:
    label_studio.backends[0]["is_interactive"] = False
    _, clicks, _ = look(smart_project)
    assert clicks.state == FAILED and "interactive preannotations" in clicks.message
    assert clicks.fix == f"python -m backend connect --project {PROJECT}"


def test_sam_that_cannot_be_loaded_says_why(
    smart_project: ProjectCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise ModelError("own_sam.pt is not a SAM file.")

    monkeypatch.setattr(smart_project.case.services.sam, "engine", refuse)
    *_, sam = look(smart_project)
    assert (sam.state, sam.message) == (FAILED, "own_sam.pt is not a SAM file.") and "SAM_MODEL=" in sam.fix


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        pytest.param("mobile_sam.pt", f"python -m backend embed --project {PROJECT}", id="well-known"),
        pytest.param("gone.pt", "SAM_MODEL=", id="of one's own"),
    ],
)
def test_missing_weights_are_named_with_their_folder_and_not_fetched(
    make_case: MakeCase, smart_project: ProjectCase, monkeypatch: pytest.MonkeyPatch, name: str, fix: str
) -> None:
    case = make_case(sam_model=name)
    monkeypatch.setattr(case.services.sam, "engine", lambda: pytest.fail("loaded"))
    *_, sam = look(ProjectCase(case, PROJECT, is_asked=True))
    assert sam.state == FAILED and sam.fix.startswith(fix)
    assert name in sam.message and str(case.settings.models_path) in sam.message


def test_masks_of_boxes_need_sam_but_no_clicks(
    smart_project: ProjectCase, label_studio: FakeLabelStudio
) -> None:
    label_studio.project["label_config"] = FROM_BOXES
    tools, sam = look(smart_project)
    assert tools.message.startswith("none") and sam.message.startswith("loaded-")


def test_tag_says_whose_masks_it_holds(smart_project: ProjectCase, label_studio: FakeLabelStudio) -> None:
    label_studio.project["label_config"] = FROM_BOXES
    labels, tag = look_project("labels", smart_project)
    assert labels.message.startswith("filled by tiny-") and "+own_sam-" in labels.message
    assert tag.message.startswith("<BrushLabels>: 1 of 1 labels, as SAM's masks of boxes")


def test_project_with_smart_tools_alone_is_in_order(smart_project: ProjectCase) -> None:
    labels, *tags = look_project("labels", smart_project)
    assert labels.state == OK and "smart tools alone, which own_sam-" in labels.message
    said = {check.name: check.message for check in tags}
    assert said["tag click"].endswith(
        'what is drawn with it becomes <BrushLabels name="mask"> or <PolygonLabels name="outline">'
    )
    [version] = look_project("version", smart_project)
    assert version.state == OK and "smart tools alone" in version.message
