"""The check of the webhook."""

from datetime import UTC, datetime
from typing import Any

import pytest

from backend.doctor.check import Check, CheckState
from backend.doctor.project import ProjectCase
from backend.entities import WebhookEvent
from backend.labelstudio.connect import PRIVATE_ADDRESS_HELP
from backend.store.event_log import store_event
from tests.backend.doctor.fake_label_studio import PROJECT, FakeLabelStudio
from tests.backend.doctor.looks import look_project

OK, FAILED = CheckState.OK, CheckState.FAILED
CONNECT = f"python -m backend connect --project {PROJECT}"


def look(project: ProjectCase) -> Check:
    (check,) = look_project("webhook", project)
    return check


def test_webhook_that_connect_made_is_in_order_and_counts_its_events(project: ProjectCase) -> None:
    event = WebhookEvent("key", "ANNOTATION_CREATED", PROJECT, {})
    store_event(project.case.services.database, event, now=datetime.now(UTC))
    check = look(project)
    assert check.state == OK and check.message.endswith("events so far: 1")


def test_headers_are_compared_whatever_their_case_and_others_are_left_alone(
    project: ProjectCase, label_studio: FakeLabelStudio
) -> None:
    label_studio.webhooks[0]["headers"] = {"x-webhook-secret": "hush", "X-Other": "somebody's"}
    assert look(project).state == OK


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"is_active": False}, "is switched off", id="off"),
        pytest.param({"send_payload": False}, "sends no content", id="no content"),
        pytest.param({"send_for_all_actions": False}, "sends some actions only", id="some actions"),
        pytest.param({"headers": {}}, "sends no X-Webhook-Secret", id="no secret"),
        pytest.param(
            {"headers": {"X-Webhook-Secret": "old secret"}}, "sends another X-Webhook-Secret", id="secret"
        ),
    ],
)
def test_webhook_that_is_set_up_wrongly_is_mended_by_connect(
    project: ProjectCase, label_studio: FakeLabelStudio, change: dict[str, Any], words: str
) -> None:
    label_studio.webhooks[0] |= change
    check = look(project)
    assert (check.state, check.fix) == (FAILED, CONNECT)
    assert words in check.message
    assert "hush" not in check.message and "old secret" not in check.message


def test_missing_webhook_is_mended_by_connect(project: ProjectCase, label_studio: FakeLabelStudio) -> None:
    label_studio.webhooks.clear()
    label_studio.add_webhook(project.case.connector.webhook_url, project=None)  # the organisation's
    check = look(project)
    assert (check.state, check.fix) == (FAILED, CONNECT)


def test_double_webhook_is_mended_by_connect(project: ProjectCase, label_studio: FakeLabelStudio) -> None:
    label_studio.add_webhook(project.case.connector.webhook_url)
    check = look(project)
    assert (check.state, check.fix) == (FAILED, CONNECT) and "2 webhooks" in check.message


@pytest.mark.parametrize("headers", [{}, {"X-Webhook-Secret": "x"}], ids=["Label Studio's", "ours"])
def test_webhook_of_a_backend_that_is_gone_is_to_be_deleted(
    project: ProjectCase, label_studio: FakeLabelStudio, headers: dict[str, str]
) -> None:
    label_studio.add_webhook("http://old:9090/webhook", headers=headers)
    check = look(project)
    assert check.state == FAILED and "http://old:9090/webhook" in check.message
    assert check.fix.endswith(f"/projects/{PROJECT}/settings/webhooks")


@pytest.mark.parametrize(
    "hook",
    [
        pytest.param({"url": "http://chat/webhook", "headers": {"X-Token": "1"}}, id="own headers"),
        pytest.param({"url": "http://chat/hooks/7"}, id="other path"),
        pytest.param({"url": "http://chat/webhook", "send_for_all_actions": False}, id="some actions"),
        pytest.param({"url": "http://other-model:9090/webhook"}, id="another backend's"),
    ],
)
def test_somebody_elses_webhook_is_left_alone(
    project: ProjectCase, label_studio: FakeLabelStudio, hook: dict[str, Any]
) -> None:
    label_studio.add_backend("http://other-model:9090")
    label_studio.add_webhook(**hook)
    assert look(project).state == OK


def test_address_that_label_studio_sends_no_events_to_names_the_two_settings(
    project: ProjectCase, label_studio: FakeLabelStudio
) -> None:
    label_studio.refuses_webhooks = True
    check = look(project)
    assert (check.state, check.fix) == (FAILED, PRIVATE_ADDRESS_HELP)
