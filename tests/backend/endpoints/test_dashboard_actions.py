"""Each action of the page: it asks, does it, says what came of it, and is written down with who and when."""

import base64
import html
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete

from backend.labelstudio.client import LabelStudioClient
from backend.labelstudio.task_lists import annotator_titles
from backend.registry.move import move_champion
from backend.report.build import current_report
from backend.services import Services
from backend.stats.label_errors import ErrorKind
from backend.store.alerts import get_alert, list_alerts, resolve_alert
from backend.store.audit import AuditEntry, list_audit
from backend.store.jobs import active_job
from backend.store.ledger_tables import SqlReview
from backend.store.runs import active_run, ask_to_cancel_run, get_run
from backend.store.stored_reports import store_report
from backend.store.training_requests import is_training_asked
from backend.store.versions import champion_of
from tests.backend.dashboard.makers import PROJECT, store_dashboard_project
from tests.backend.endpoints.page_forms import answer, hidden_of, link_of_message, message_of
from tests.backend.makers import MakeClient
from tests.backend.registry.makers import store_version
from tests.backend.report.makers import NOW, VERSIONS
from tests.backend.tallies import know_project

HOME = f"/dashboard/projects/{PROJECT}"
ALL = [
    "train",
    "prelabel",
    "rollback",
    "renew",
    "promote?version=settings",
    "alerts/1/acknowledge",
    "tabs/next-tasks",
    "tabs/label-errors",
]
Tabs = list[tuple[str, list[int]]]


@pytest.fixture(autouse=True)
def project(services: Services) -> None:
    store_dashboard_project(services)


@pytest.fixture
def tabs(monkeypatch: pytest.MonkeyPatch) -> Tabs:
    """What tabs are made in Label Studio, as (title, tasks)."""
    made: Tabs = []

    def keep_list(client: LabelStudioClient, project_id: int, title: str, tasks: list[int]) -> None:
        made.append((title, tasks))

    def keep_next(client: LabelStudioClient, project_id: int, tasks: list[int]) -> list[str]:
        made.append(("next", tasks))
        return ["Next to label", "Ada: next to label"]

    monkeypatch.setattr("backend.dashboard.list_actions.keep_list_tab", keep_list)
    monkeypatch.setattr("backend.dashboard.list_actions.keep_next_tabs", keep_next)
    return made


def newest(services: Services) -> AuditEntry:
    return list_audit(services.database, PROJECT, limit=1)[0]


def end_active_run(services: Services) -> str:
    """Cancel it when its worker's lease is over; return its id."""
    run = active_run(services.database, PROJECT)
    assert run is not None
    ask_to_cancel_run(services.database, run.id, now=run.created_at + timedelta(days=1))
    return run.id


def test_training_is_asked_for(client: FlaskClient, services: Services) -> None:
    run = active_run(services.database, PROJECT)
    assert run is not None and run.id in client.get(f"{HOME}/train").text
    done = answer(client, f"{HOME}/train")
    assert (done.status_code, done.location) == (303, f"{HOME}#message")
    with services.database.read() as session:
        assert is_training_asked(session, PROJECT)
    assert newest(services).action == "train" and newest(services).is_done


def test_training_that_would_not_begin_is_refused_with_the_reason(
    client: FlaskClient, services: Services
) -> None:
    # While a run is active it may come to more.
    asked = client.get(f"{HOME}/train")
    end_active_run(services)
    with services.database.write() as session:
        session.execute(delete(SqlReview).where(SqlReview.project_id == PROJECT))
    done = client.post(f"{HOME}/train", data=hidden_of(asked))
    for refused in (done, client.get(f"{HOME}/train")):
        assert refused.status_code == 400
        assert "No run would begin: 0 of the 10 reviewed tasks" in refused.text
        assert f'href="{HOME}"' in refused.text
    with services.database.read() as session:
        assert not is_training_asked(session, PROJECT)


def test_model_of_the_settings_is_promoted(client: FlaskClient, services: Services) -> None:
    answer(client, f"{HOME}/promote?version=settings", reason="it drifts")
    assert champion_of(services.database, PROJECT) is None
    entry = newest(services)
    assert (entry.action, entry.who, entry.is_done) == ("promote", "this machine", True)
    assert "in service now" in entry.detail and entry.detail.endswith("Reason: it drifts")


def test_version_is_promoted(client: FlaskClient, services: Services, tiny_weights: Path) -> None:
    end_active_run(services)
    made = store_version(services.database, services.artifacts, PROJECT, tiny_weights)
    assert "too few test images" in client.get(f"{HOME}/promote?version={made.version}").text
    assert answer(client, f"{HOME}/promote?version={made.version}").status_code == 303
    serving = champion_of(services.database, PROJECT)
    assert serving is not None and serving.version == made.version


def test_what_fails_is_said_and_the_typed_reason_is_kept(client: FlaskClient, services: Services) -> None:
    failed = answer(client, f"{HOME}/promote?version={VERSIONS[1]}", reason="an <old> friend")
    assert failed.status_code == 503
    assert "Nothing was changed" in message_of(failed)
    assert 'value="an &lt;old&gt; friend"' in failed.text
    serving = champion_of(services.database, PROJECT)
    assert serving is not None and serving.version == VERSIONS[0]
    entry = newest(services)
    assert (entry.action, entry.is_done) == ("promote", False)
    assert entry.detail.startswith(f"{VERSIONS[1]}: ") and "Nothing was changed" in entry.detail


def test_rollback_names_what_it_goes_back_to(client: FlaskClient, services: Services) -> None:
    page = client.get(f"{HOME}/rollback")
    assert VERSIONS[0] in page.text and "The model of the settings served before it" in page.text
    assert answer(client, f"{HOME}/rollback").status_code == 303
    assert champion_of(services.database, PROJECT) is None
    assert (newest(services).action, newest(services).is_done) == ("rollback", True)


@pytest.mark.parametrize("action", ["rollback", "promote?version=settings"])
def test_answer_to_a_question_of_before_the_model_changed_does_nothing(
    client: FlaskClient, services: Services, action: str
) -> None:
    seen = hidden_of(client.get(f"{HOME}/{action}"))
    with services.database.write() as session:
        move_champion(session, PROJECT, VERSIONS[1], reason="", prelabel=False, now=NOW)
        move_champion(session, PROJECT, VERSIONS[0], reason="", prelabel=False, now=NOW)
    refused = client.post(f"{HOME}/{action}", data=seen)
    assert refused.status_code == 400
    assert f"nothing was done. In service now: {VERSIONS[0]}." in message_of(refused)
    assert hidden_of(refused)["state"] != seen["state"]
    serving = champion_of(services.database, PROJECT)
    assert serving is not None and serving.version == VERSIONS[0]
    assert not newest(services).is_done


def test_form_sent_twice_goes_back_once(client: FlaskClient, services: Services, tiny_weights: Path) -> None:
    end_active_run(services)
    made = store_version(services.database, services.artifacts, PROJECT, tiny_weights)
    with services.database.write() as session:
        move_champion(session, PROJECT, None, reason="", prelabel=False, now=NOW)
        move_champion(session, PROJECT, made.version, reason="", prelabel=False, now=NOW)
        move_champion(session, PROJECT, VERSIONS[1], reason="", prelabel=False, now=NOW)
    fields = hidden_of(client.get(f"{HOME}/rollback"))
    sent = [client.post(f"{HOME}/rollback", data=fields).status_code for _ in range(2)]
    serving = champion_of(services.database, PROJECT)
    assert sent == [303, 400]
    assert serving is not None and serving.version == made.version


def test_form_of_a_promotion_sent_twice_says_that_it_serves(client: FlaskClient, services: Services) -> None:
    fields = hidden_of(client.get(f"{HOME}/promote?version=settings"))
    sent = [client.post(f"{HOME}/promote?version=settings", data=fields) for _ in range(2)]
    assert [each.status_code for each in sent] == [303, 303]
    assert newest(services).detail == "The model of the settings is in service already."


@pytest.mark.parametrize("state", ["", "x", "-1", "1" * 400, "²"])
def test_form_that_names_no_state_does_nothing(client: FlaskClient, services: Services, state: str) -> None:
    assert answer(client, f"{HOME}/rollback", state=state).status_code == 400
    assert champion_of(services.database, PROJECT) is not None


def test_line_about_what_was_done_is_led_to_and_leads_on(client: FlaskClient) -> None:
    done = answer(client, f"{HOME}/train")
    told = client.get(done.location)
    assert 'id="message" tabindex="-1" role="status"' in told.text
    assert message_of(told).startswith("A training run was asked for.")
    section = link_of_message(told)
    assert section == "#runs" and f'id="{section[1:]}"' in told.text


def test_line_about_what_failed_is_told_at_once(client: FlaskClient) -> None:
    failed = answer(client, f"{HOME}/promote?version={VERSIONS[1]}")
    assert 'id="message" tabindex="-1" role="alert"' in failed.text


def test_line_is_escaped_and_its_link_leads_nowhere_else(client: FlaskClient) -> None:
    written = base64.urlsafe_b64encode(b'x" onclick="alert(1)\n<b>bold</b>').decode()
    client.set_cookie("notice", written, path="/dashboard")
    told = client.get(HOME)
    assert message_of(told) == "<b>bold</b>" and "&lt;b&gt;bold" in told.text and "onclick" not in told.text


def test_nothing_to_go_back_to_is_said_before_it_is_asked(client: FlaskClient) -> None:
    answer(client, f"{HOME}/rollback")
    refused = client.get(f"{HOME}/rollback")
    assert refused.status_code == 404 and "nothing to go back to" in refused.text
    assert "In service now: the model of the settings" in refused.text


@pytest.mark.parametrize("only_unlabelled", [True, False])
def test_prelabelling_begins(client: FlaskClient, services: Services, only_unlabelled: bool) -> None:
    fields = {"choice": "yes"} if only_unlabelled else {}
    assert answer(client, f"{HOME}/prelabel", **fields).status_code == 303
    job = active_job(services.database, PROJECT)
    assert job is not None and job.options.only_unlabelled == only_unlabelled
    assert job.id in newest(services).detail


def test_alert_is_acknowledged_by_who_has_proved_a_name(make_client: MakeClient, services: Services) -> None:
    client = make_client(basic_auth_user="ada", basic_auth_pass="secret")
    password = {"Authorization": "Basic " + base64.b64encode(b"ada:secret").decode()}
    (alert,) = list_alerts(services.database)
    done = answer(client, f"{HOME}/alerts/{alert.id}/acknowledge", headers=password)
    assert done.location == f"{HOME}#message"
    assert get_alert(services.database, alert.id).acknowledged_by == "ada"
    entry = newest(services)
    assert (entry.who, entry.address, entry.action) == ("ada", "127.0.0.1", "acknowledge")


def test_alert_that_is_over_is_not_acknowledged(client: FlaskClient, services: Services) -> None:
    with services.database.write() as session:
        resolve_alert(session, project_id=PROJECT, kind="falling_quality", key="", message="over", now=NOW)
    refused = client.get(f"{HOME}/alerts/1/acknowledge")
    assert refused.status_code == 400 and "resolved" in refused.text


def test_alert_of_another_project_is_not_found(client: FlaskClient, services: Services) -> None:
    know_project(services.database, 2)
    assert client.get("/dashboard/projects/2/alerts/1/acknowledge").status_code == 404


def test_figures_are_worked_out_anew(client: FlaskClient, services: Services) -> None:
    assert answer(client, f"{HOME}/renew").status_code == 303
    assert current_report(services, PROJECT).made_at > NOW
    assert newest(services).detail == "All figures are worked out anew."


def test_run_is_cancelled(client: FlaskClient, services: Services) -> None:
    run = active_run(services.database, PROJECT)
    assert run is not None
    done = answer(client, f"/dashboard/runs/{run.id}/cancel")
    assert done.location == f"/dashboard/runs/{run.id}#message"
    after = get_run(services.database, run.id)
    assert after.is_cancel_asked or after.finished_at
    told = client.get(done.location)
    assert message_of(told).startswith(f"Run {run.id} is ") and link_of_message(told) is None
    assert message_of(client.get(done.location)) == ""
    assert newest(services).action == "cancel-run"


def test_run_that_has_ended_cannot_be_cancelled(client: FlaskClient, services: Services) -> None:
    run_id = end_active_run(services)
    assert client.get(f"/dashboard/runs/{run_id}/cancel").status_code == 400


def test_tabs_of_the_next_tasks_are_made(client: FlaskClient, services: Services, tabs: Tabs) -> None:
    assert answer(client, f"{HOME}/tabs/next-tasks").status_code == 303
    report = current_report(services, PROJECT)
    assert tabs == [("next", [task.task_id for task in report.next_tasks.tasks])]
    assert 'the tabs "Next to label", "Ada: next to label"' in newest(services).detail


@pytest.mark.parametrize(
    ("query", "title", "tasks"),
    [
        pytest.param("", "Suspected label errors", [100, 101, 102, 103], id="all"),
        pytest.param(
            f"?kind={ErrorKind.EXTRA.value}", "Suspected label errors: extra label", [102], id="one kind"
        ),
    ],
)
def test_tab_of_suspected_errors_is_made(
    client: FlaskClient, tabs: Tabs, query: str, title: str, tasks: list[int]
) -> None:
    address = f"{HOME}/tabs/label-errors{query}"
    assert f'"{title}"' in html.unescape(client.get(address).text)
    assert answer(client, address).status_code == 303
    assert tabs == [(title, tasks)]


def test_question_names_the_annotators_tabs_and_that_it_takes_a_while(
    client: FlaskClient, services: Services
) -> None:
    question = html.unescape(client.get(f"{HOME}/tabs/next-tasks").text)
    for title in annotator_titles(current_report(services, PROJECT).names):
        assert f'"{title}"' in question
    for words in ("replaced", "deleted", "some seconds"):
        assert words in question


@pytest.mark.parametrize(
    ("people", "words"),
    [
        pytest.param(1, "Where several people have annotated", id="one annotator"),
        pytest.param(9, '"P5: next to label", and 3 more.', id="many annotators"),
    ],
)
def test_question_names_no_more_tabs_than_people_read(
    client: FlaskClient, services: Services, people: int, words: str
) -> None:
    report = current_report(services, PROJECT)
    names = {number: f"P{number}" for number in range(people)}
    newer = replace(report, names=names, made_at=NOW + timedelta(days=1))
    store_report(services.database, newer, basis="", seconds=0)
    assert words in html.unescape(client.get(f"{HOME}/tabs/next-tasks").text)


def test_label_studio_out_of_reach_is_said(client: FlaskClient, services: Services) -> None:
    failed = answer(client, f"{HOME}/tabs/label-errors")
    assert failed.status_code == 502 and message_of(failed)
    assert not newest(services).is_done


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("nothing", 404, id="no such action"),
        pytest.param("promote", 400, id="no version named"),
        pytest.param("promote?version=v%00", 400, id="NUL"),
        pytest.param("promote?version=v9", 404, id="no such version"),
        pytest.param("tabs/nothing", 404, id="no such list"),
        pytest.param("tabs/label-errors?kind=odd", 400, id="no such kind"),
        pytest.param("alerts/9/acknowledge", 404, id="no such alert"),
    ],
)
def test_question_that_makes_no_sense_is_an_error_page(client: FlaskClient, path: str, status: int) -> None:
    shown = client.get(f"{HOME}/{path}")
    assert (shown.status_code, shown.mimetype) == (status, "text/html")


@pytest.mark.parametrize("path", ALL)
def test_unknown_project_is_not_found(client: FlaskClient, services: Services, path: str) -> None:
    for project_id in (404, 10**30):
        assert client.get(f"/dashboard/projects/{project_id}/{path}").status_code == 404
    assert all(entry.project_id == PROJECT for entry in list_audit(services.database))


@pytest.mark.parametrize("path", [*(f"{HOME}/{path}" for path in ALL), "/dashboard/runs/a1/cancel"])
def test_callers_alone_may_ask_or_act(make_client: MakeClient, path: str) -> None:
    client = make_client(basic_auth_user="ada", basic_auth_pass="secret")
    assert client.get(path).status_code == client.post(path).status_code == 401


def test_log_says_in_words_who_did_what_from_where(client: FlaskClient) -> None:
    answer(client, f"{HOME}/renew")
    rows = re.findall(r"<tr>(.*?)</tr>", client.get(HOME).text.split('id="audit"')[1], re.DOTALL)
    texts = [re.sub(r"<[^>]+>", "|", row) for row in rows]
    assert all(name in texts[0] for name in ("When", "Who", "From", "What", "Outcome"))
    for words in ("this machine", "127.0.0.1", "Worked out the figures anew", "done"):
        assert words in texts[1]
    for words in ("ada", "192.0.2.7", "Tried to put another model in service", "not done"):
        assert words in texts[2]


def test_routes_for_programs_are_written_down_too(client: FlaskClient, services: Services) -> None:
    run = active_run(services.database, PROJECT)
    assert run is not None
    client.post(f"/projects/{PROJECT}/train")
    client.post(f"/projects/{PROJECT}/promote", json={"version": VERSIONS[1]})
    client.post(f"/projects/{PROJECT}/rollback")
    client.post(f"/runs/{run.id}/cancel")
    done = [(entry.action, entry.is_done) for entry in list_audit(services.database, PROJECT, limit=4)]
    assert done == [("cancel-run", True), ("rollback", True), ("promote", False), ("train", True)]
