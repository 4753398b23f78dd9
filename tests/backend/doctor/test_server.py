"""Checks of our own server, against the real application."""

import json

from flask import Flask

from backend.doctor.case import Case
from backend.doctor.check import CheckState
from tests.backend.doctor.fake_label_studio import serve
from tests.backend.doctor.looks import MakeCase, look_general
from tests.backend.image_server import ImageServer
from tests.backend.servers import free_port

OK, FAILED, UNKNOWN = CheckState.OK, CheckState.FAILED, CheckState.UNKNOWN


def test_server_that_answers_is_named(case: Case, our_server: str) -> None:
    assert look_general("server", case).message == f"answers at {our_server}"


def test_server_that_does_not_run_fails_with_the_command_that_starts_it(case: Case) -> None:
    check = look_general("server", case)
    assert check.state == FAILED and case.settings.public_url in check.message
    assert "make run" in check.fix and "BACKEND_URL=" in check.fix


def test_address_that_is_not_reached_from_here_is_left_to_label_studio(
    make_case: MakeCase, our_server: str
) -> None:
    elsewhere = make_case(backend_url=f"http://127.0.0.2:{free_port()}")
    check = look_general("server", elsewhere)
    assert check.state == UNKNOWN and elsewhere.settings.public_url in check.message


def test_other_program_at_the_address_is_said_so(make_case: MakeCase, image_server: ImageServer) -> None:
    image_server.serve("/health", b"{}")
    check = look_general("server", make_case(backend_url=image_server.url))
    assert check.state == FAILED and "Another program" in check.message and "PORT=" in check.fix


def test_password_and_secret_of_the_running_server_are_tried(case: Case, our_server: str) -> None:
    check = look_general("server's credentials", case)
    assert (check.state, check.message) == (OK, "password and webhook secret accepted")


def test_server_without_password_and_secret_wants_none(make_case: MakeCase, app: Flask) -> None:
    with serve(app) as url:
        bare = make_case(basic_auth_user="", basic_auth_pass="", webhook_secret="", backend_url=url)
        check = look_general("server's credentials", bare)
    assert (check.state, check.message) == (OK, "none are set, none wanted")


def test_server_that_runs_with_another_password_fails(make_case: MakeCase, our_server: str) -> None:
    check = look_general("server's credentials", make_case(basic_auth_pass="other", webhook_secret=""))
    assert check.state == FAILED and "BASIC_AUTH_PASS" in check.message and "Restart" in check.fix
    assert "other" not in check.message.split()


def test_server_that_runs_with_another_secret_fails(make_case: MakeCase, our_server: str) -> None:
    check = look_general("server's credentials", make_case(webhook_secret="whisper"))
    assert check.state == FAILED and "WEBHOOK_SECRET" in check.message and "Restart" in check.fix
    assert "whisper" not in check.message


def test_server_that_answers_its_own_machine_alone_fails(
    make_case: MakeCase, image_server: ImageServer
) -> None:
    image_server.serve("/versions", b"{}", status=403)
    check = look_general("server's credentials", make_case(backend_url=image_server.url))
    assert check.state == FAILED and "BASIC_AUTH_USER=" in check.fix


def test_parts_of_the_running_server_are_named(case: Case, our_server: str) -> None:
    check = look_general("server's parts", case)
    assert check.state == OK and "database ok" in check.message and "model ok" in check.message


def test_server_whose_model_is_not_loaded_fails(make_case: MakeCase, image_server: ImageServer) -> None:
    checks = {"database": "ok", "redis": "ok", "model": "model_unavailable"}
    image_server.serve("/ready", json.dumps({"checks": checks}).encode(), status=503)
    check = look_general("server's parts", make_case(backend_url=image_server.url))
    assert check.state == FAILED and "model (model_unavailable)" in check.message
    assert "database" not in check.message


def test_answer_without_checks_fails(make_case: MakeCase, image_server: ImageServer) -> None:
    image_server.serve("/ready", b"[]")
    assert look_general("server's parts", make_case(backend_url=image_server.url)).state == FAILED
