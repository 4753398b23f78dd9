"""Checks of one project: is it there, is it connected, does Label Studio reach us."""

import pytest

from backend.doctor.case import Case
from backend.doctor.check import CheckState
from backend.doctor.project import ProjectCase, check_project
from backend.errors import LabelStudioError
from backend.labelstudio.connect import PRIVATE_ADDRESS_HELP
from tests.backend.doctor.fake_label_studio import PROJECT, FakeLabelStudio
from tests.backend.doctor.looks import look_project

OK, FAILED = CheckState.OK, CheckState.FAILED


def test_project_that_is_seen_is_named_with_its_size(project: ProjectCase) -> None:
    (check,) = look_project("project", project)
    assert (check.state, check.message) == (OK, '"Street scenes", 3 tasks')


def test_named_project_that_is_not_there_fails(case: Case, label_studio: FakeLabelStudio) -> None:
    (check,) = look_project("project", ProjectCase(case, 99, is_asked=True))
    assert (
        check.state == FAILED and "no such project" in check.message and "LABEL_STUDIO_API_KEY" in check.fix
    )


@pytest.mark.parametrize(
    ("status", "state"), [(404, CheckState.UNKNOWN), (None, CheckState.FAILED)], ids=["gone", "away"]
)
def test_known_project_that_is_gone_is_no_fault_of_anybody(
    case: Case, monkeypatch: pytest.MonkeyPatch, status: int | None, state: CheckState
) -> None:
    def refuse(project: ProjectCase) -> object:
        raise LabelStudioError("no such project", refused_with=status)

    monkeypatch.setattr(ProjectCase, "project", property(refuse))
    known = ProjectCase(case, 99, is_asked=False)
    (check,) = look_project("project", known)
    assert check.state == state
    assert ("--project 99" in check.message) == (state == CheckState.UNKNOWN)


def test_connected_project_is_in_order(project: ProjectCase) -> None:
    (check,) = look_project("connection", project)
    assert check.state == OK and project.case.connector.url in check.message


def test_project_without_a_backend_of_ours_fails_with_the_command(
    project: ProjectCase, label_studio: FakeLabelStudio
) -> None:
    label_studio.backends[0]["url"] = "http://elsewhere:9090"
    (check,) = look_project("connection", project)
    assert (check.state, check.fix) == (FAILED, f"python -m backend connect --project {PROJECT}")
    assert "http://elsewhere:9090" in check.message


def test_project_that_label_studio_would_not_connect_names_the_two_settings(
    project: ProjectCase, label_studio: FakeLabelStudio
) -> None:
    label_studio.backends.clear()
    label_studio.refuses_backends = True
    (check,) = look_project("connection", project)
    assert (check.state, check.fix) == (FAILED, PRIVATE_ADDRESS_HELP)
    assert "ML_BLOCK_LOCAL_IP=false" in check.fix and "SSRF_PROTECTION_ENABLED=false" in check.fix


def test_older_backend_before_ours_fails(project: ProjectCase, label_studio: FakeLabelStudio) -> None:
    label_studio.add_backend("http://old:9090", id=0)
    (check,) = look_project("connection", project)
    assert check.state == FAILED and "http://old:9090" in check.message
    assert check.fix.endswith(f"/projects/{PROJECT}/settings/ml")


def test_later_backend_beside_ours_does_no_harm(project: ProjectCase, label_studio: FakeLabelStudio) -> None:
    label_studio.add_backend("http://later:9090")
    assert look_project("connection", project)[0].state == OK


def test_backend_with_another_user_fails(project: ProjectCase, label_studio: FakeLabelStudio) -> None:
    label_studio.backends[0]["basic_auth_user"] = "somebody"
    (check,) = look_project("connection", project)
    assert check.state == FAILED and "BASIC_AUTH_USER" in check.message and "connect" in check.fix


def test_label_studio_that_reaches_us_is_in_order(project: ProjectCase) -> None:
    assert look_project("reach", project)[0].state == OK


def test_label_studio_that_may_not_call_us_names_the_two_settings(
    project: ProjectCase, label_studio: FakeLabelStudio
) -> None:
    label_studio.backends[0]["state"] = "DI"
    label_studio.refuses_backends = True
    (check,) = look_project("reach", project)
    assert (check.state, check.fix) == (FAILED, PRIVATE_ADDRESS_HELP)


def test_label_studio_that_cannot_reach_us_names_the_address(
    project: ProjectCase, label_studio: FakeLabelStudio
) -> None:
    label_studio.backends[0]["state"] = "DI"
    (check,) = look_project("reach", project)
    assert check.state == FAILED and project.case.connector.url in check.message
    assert "make run" in check.fix and "BACKEND_URL=" in check.fix


@pytest.mark.parametrize(
    ("error", "message", "fix"),
    [
        ("422 Client Error: None of the labels", '"labels" says why', "/settings/labeling"),
        ("401 Client Error: UNAUTHORIZED", "401", "connect --project 7"),
    ],
    ids=["config", "password"],
)
def test_error_that_label_studio_got_from_us_is_told(
    project: ProjectCase, label_studio: FakeLabelStudio, error: str, message: str, fix: str
) -> None:
    label_studio.backends[0] |= {"state": "ER", "error_message": error}
    (check,) = look_project("reach", project)
    assert check.state == FAILED and message in check.message and fix in check.fix


def test_each_thing_is_asked_for_once(project: ProjectCase, label_studio: FakeLabelStudio) -> None:
    assert check_project(project).state == OK
    label_studio.project["title"] = "changed"
    assert '"Street scenes"' in check_project(project).message
