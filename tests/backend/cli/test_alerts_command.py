"""`alerts` on the command line: what people see, and whether addresses are good."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from click.testing import Result

from backend.errors import NotFound, SettingsError
from backend.services import Services
from backend.settings import Settings
from backend.store.alerts import (
    acknowledge_alert,
    claim_delivery,
    list_alerts,
    note_failure,
    raise_alert,
    resolve_alert,
)
from backend.store.runs import claim_run, create_run, end_run
from backend.training.entities import RunState
from backend.training_settings import TrainingSettings
from tests.backend.alerts.hook_server import HookServer, run_hook_server
from tests.backend.makers import MakeSettings, RunCommand
from tests.backend.tallies import PROJECT, know_project

# apprise imports a module of Python's that goes with 3.13.

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def hooks() -> Iterator[HookServer]:
    with run_hook_server() as server:
        yield server


@pytest.fixture
def run_with(
    run_command: RunCommand, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Result]:
    """Send a test to these addresses."""

    def call(alert_urls: str) -> Result:
        settings = make_settings(alert_urls=alert_urls)
        monkeypatch.setattr("backend.cli.console.read_settings", lambda: settings)
        return run_command("alerts", "--test")

    return call


def begin(services: Services, project_id: int, kind: str = "run_failed") -> None:
    know_project(services.database, project_id)
    with services.database.write() as session:
        raise_alert(
            session, project_id=project_id, kind=kind, key="", message=f"Project {project_id}: bad.", now=NOW
        )


def end(services: Services, project_id: int) -> None:
    with services.database.write() as session:
        resolve_alert(
            session,
            project_id=project_id,
            kind="run_failed",
            key="",
            message=f"Project {project_id}: good.",
            now=NOW,
        )


def test_open_alerts_are_shown_and_resolved_ones_on_request(
    run_command: RunCommand, services: Services
) -> None:
    begin(services, 7)
    begin(services, 8)
    end(services, 8)
    shown = run_command("alerts")
    assert shown.exit_code == 0 and "Project 7: bad." in shown.output and "Project 8" not in shown.output
    shown = run_command("alerts", "--all")
    assert "Project 7: bad." in shown.output and "Project 8: bad." in shown.output
    assert "Resolved: Project 8: good." in shown.output
    assert "Project 7" not in run_command("alerts", "--all", "--project", "8").output


def test_who_takes_care_of_an_alert_is_shown(run_command: RunCommand, services: Services) -> None:
    begin(services, 7)
    acknowledge_alert(services.database, list_alerts(services.database)[0].id, "ada", NOW)
    assert "Acknowledged by ada, 2026-05-0" in run_command("alerts").output


def test_nothing_wrong_is_said_in_words(run_command: RunCommand) -> None:
    assert "No alert is open." in run_command("alerts").output
    assert "No alert has been raised." in run_command("alerts", "--all").output


def test_unknown_project_is_an_error(run_command: RunCommand) -> None:
    assert isinstance(run_command("alerts", "--project", "8").exception, NotFound)


def test_message_that_could_not_be_sent_is_named_with_its_next_try(
    run_command: RunCommand, services: Services
) -> None:
    begin(services, 7)
    claimed = claim_delivery(services.database, list_alerts(services.database)[0], now=NOW)
    assert claimed is not None
    note_failure(services.database, claimed, "address 1 of 1 is out of reach", reached=())
    output = run_command("alerts").output
    assert "Not sent yet, attempt 1: address 1 of 1 is out of reach. The next is at 2026-05-0" in output


@pytest.mark.parametrize("options", [[], ["--project", str(PROJECT)]])
def test_check_finds_what_is_wrong_now(
    run_command: RunCommand, services: Services, options: list[str]
) -> None:
    know_project(services.database)
    with services.database.write() as session:
        run_id = create_run(session, PROJECT, reason="asked", settings=TrainingSettings(), now=NOW)
    assert run_id is not None and claim_run(services.database, run_id, owner="me", now=NOW)
    with services.database.write() as session:
        end_run(session, run_id, RunState.FAILED, owner="me", now=NOW, error="no space left")
    assert "No alert is open." in run_command("alerts", *options).output
    output = run_command("alerts", "--check", *options).output
    assert "the worker sends word of it" in output and "no space left" in output
    assert "the worker sends word of it" not in run_command("alerts", "--check", *options).output


def test_test_reaches_each_address(run_with: Callable[[str], Result], hooks: HookServer) -> None:
    result = run_with(f"{hooks.address('/first')} {hooks.address('/second')}")
    assert result.exit_code == 0, result.output
    assert "Address 1 of 2 took the test." in result.output
    assert hooks.titles("/first") == hooks.titles("/second") == ["Label Studio backend: test"]


def test_test_names_a_failing_address_by_its_place_alone(
    run_with: Callable[[str], Result], hooks: HookServer
) -> None:
    hooks.statuses["/second"] = 403
    result = run_with(f"{hooks.address('/first')} {hooks.address('/second')}")
    assert result.exit_code == 1
    assert "Address 1 of 2 took the test." in result.output
    assert "Address 2 of 2 refused it with HTTP status 403." in result.output
    assert "s3cret" not in result.output and "second" not in result.output


def test_test_refuses_what_is_no_address(run_with: Callable[[str], Result]) -> None:
    result = run_with("nonsense://s3cret-word")
    assert isinstance(result.exception, SettingsError) and "number 1 is none" in result.exception.message
    assert "s3cret" not in result.output + result.exception.message


def test_test_without_addresses_says_where_alerts_stand(run_command: RunCommand, settings: Settings) -> None:
    result = run_command("alerts", "--test")
    assert result.exit_code == 0 and "ALERT_URLS is empty" in result.output
