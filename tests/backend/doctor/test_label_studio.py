"""Checks of Label Studio and of our token there."""

import json

import pytest

from backend.doctor.case import Case
from backend.doctor.check import CheckState
from tests.backend.doctor.fake_label_studio import FakeLabelStudio, personal_token
from tests.backend.doctor.looks import MakeCase, look_general
from tests.backend.image_server import ImageServer
from tests.backend.servers import free_port

OK, FAILED = CheckState.OK, CheckState.FAILED


def test_label_studio_that_answers_tells_its_version(case: Case, label_studio: FakeLabelStudio) -> None:
    check = look_general("label studio", case)
    assert (check.state, check.message) == (OK, f"{label_studio.url}, version 1.23.2")


def test_label_studio_that_is_down_fails_with_the_setting(make_case: MakeCase) -> None:
    check = look_general("label studio", make_case(label_studio_url=f"http://127.0.0.1:{free_port()}"))
    assert check.state == FAILED and check.fix.startswith("LABEL_STUDIO_URL=")


def test_something_else_at_its_address_is_said_so(make_case: MakeCase, image_server: ImageServer) -> None:
    check = look_general("label studio", make_case(label_studio_url=image_server.url))
    assert check.state == FAILED and "is no Label Studio (status 404)" in check.message


def test_address_that_redirects_is_to_be_replaced_by_where_it_leads(
    make_case: MakeCase, image_server: ImageServer, other_server: ImageServer
) -> None:
    version = json.dumps({"release": "1.23.2"}).encode()
    image_server.redirect("/api/version/", other_server.serve("/api/version/", version))
    check = look_general("label studio", make_case(label_studio_url=image_server.url))
    assert (check.state, check.fix) == (FAILED, f"LABEL_STUDIO_URL={other_server.url}")


def test_legacy_token_that_is_taken_is_named_with_its_user(case: Case) -> None:
    check = look_general("token", case)
    assert (check.state, check.message) == (OK, "legacy token; its user is me@example.com")


def test_personal_token_is_refreshed(make_case: MakeCase) -> None:
    check = look_general("token", make_case(label_studio_api_key=personal_token()))
    assert check.state == OK and check.message.startswith("personal access token, refreshed")


def test_token_that_is_not_set_fails_and_says_where_to_make_one(make_case: MakeCase) -> None:
    check = look_general("token", make_case(label_studio_api_key=""))
    assert check.state == FAILED and "is not set" in check.message
    assert check.fix.startswith("LABEL_STUDIO_API_KEY=")


def test_legacy_token_that_label_studio_takes_no_more_fails_with_both_remedies(
    case: Case, label_studio: FakeLabelStudio
) -> None:
    label_studio.takes_legacy = False
    check = look_general("token", case)
    assert check.state == FAILED and "legacy token authentication has been disabled" in check.message
    assert "personal access token" in check.fix and "API Tokens Settings" in check.fix


@pytest.mark.parametrize(
    ("status", "detail", "fix"),
    [
        pytest.param(401, "Token is blacklisted", "revoked", id="revoked"),
        pytest.param(401, "Token has wrong type", "short-lived", id="access token"),
        pytest.param(401, "Token is invalid", "LABEL_STUDIO_API_KEY=", id="of another server"),
    ],
)
def test_personal_token_that_cannot_be_refreshed_fails(
    make_case: MakeCase, label_studio: FakeLabelStudio, status: int, detail: str, fix: str
) -> None:
    label_studio.refresh_answer = status, {"detail": detail}
    token = personal_token()
    check = look_general("token", make_case(label_studio_api_key=token))
    assert check.state == FAILED and detail in check.message and fix in check.fix
    assert token not in check.message + check.fix


def test_personal_token_that_has_expired_fails(make_case: MakeCase) -> None:
    check = look_general("token", make_case(label_studio_api_key=personal_token(seconds=-60)))
    assert check.state == FAILED and "expired" in check.message
