"""`versions`, `promote` and `rollback` on the command line: what people see, and what they change."""

from collections.abc import Callable
from pathlib import Path

import pytest

from backend.errors import BadRequest, DatabaseUnavailable, NotFound, QueueUnavailable
from backend.registry.prune import prune_project
from backend.services import Services
from backend.store.jobs import active_job
from backend.store.projects import store_project
from backend.store.versions import alias_moves, champion_of
from backend.training.entities import TrainedVersion, Verdict
from tests.backend.label_configs import BOXES
from tests.backend.makers import RunCommand
from tests.backend.registry.makers import NOW, PROJECT, store_version

OTHER = 8


@pytest.fixture
def run(run_command: RunCommand, monkeypatch: pytest.MonkeyPatch) -> RunCommand:
    """Run a command; Redis is down, so no worker answers."""
    monkeypatch.setattr("backend.queue.JobQueue.worker_count", lambda *_: 0)
    return run_command


@pytest.fixture(autouse=True)
def known_projects(services: Services) -> None:
    for project_id in (PROJECT, OTHER):
        store_project(services.database, project_id, label_config=BOXES, model_version=None, now=NOW)


@pytest.fixture
def store(services: Services, tiny_weights: Path) -> Callable[..., TrainedVersion]:
    return lambda **options: store_version(
        services.database, services.artifacts, PROJECT, tiny_weights, **options
    )


def rows(output: str) -> list[list[str]]:
    return [line.split() for line in output.splitlines() if line.strip()]


def test_versions_are_listed_with_the_weights_of_the_settings_last(
    run: RunCommand, store: Callable[..., TrainedVersion]
) -> None:
    first = store(parent="tiny-1a2b3c4d", verdict=Verdict.PROMOTE, images=40)
    second = store(parent=first.version, verdict=Verdict.REJECT)
    run("promote", first.version)
    result = run("versions", "--project", str(PROJECT))
    assert result.exit_code == 0, result.output
    second_row, first_row, settings_row = rows(result.output)[-3:]
    assert second_row[:8] == ["2", second.version, "rejected", "100", "0.500", "0.800", "0.787", "v1"]
    assert second_row[-1] == "reject"
    assert first_row[:5] == ["*", "1", first.version, "champion", "40"]
    assert "tiny-1a2b3c4d" in first_row and first_row[-1] == "promote"
    assert settings_row[0].startswith("tiny-") and settings_row[1] == "settings"


def test_table_fits_a_terminal_of_110_columns(
    run: RunCommand, store: Callable[..., TrainedVersion], services: Services
) -> None:
    for _ in range(3):
        store(parent="yolo11n-0ebbc80d")
    prune_project(services.database, services.artifacts, PROJECT, keep=1)
    output = run("versions", "--project", str(PROJECT)).output
    assert max(len(line.rstrip()) for line in output.splitlines()) <= 110
    assert [row[0] for row in rows(output)[2:]] == ["3", "x", "x", "*"]


def test_project_without_versions_is_served_by_the_settings(run: RunCommand) -> None:
    output = run("versions", "--project", str(PROJECT)).output
    assert rows(output)[-1][0] == "*" and rows(output)[-1][-1] == "settings"


def test_promotion_says_what_serves_and_that_prelabelling_began(
    run: RunCommand, store: Callable[..., TrainedVersion], services: Services
) -> None:
    first = store()
    result = run("promote", first.version, "--reason", "the boss said so")
    assert result.exit_code == 0, result.output
    champion, job = champion_of(services.database, PROJECT), active_job(services.database, PROJECT)
    assert champion is not None and champion.version == first.version
    assert job is not None and job.options.only_unlabelled
    assert f"Project {PROJECT} is served by {first.version} now" in result.output
    assert f"jobs {job.id} --watch" in result.output and "make run" in result.output
    assert "already" in run("promote", first.version).output


def test_rollback_goes_back_a_step_and_then_another(
    run: RunCommand, store: Callable[..., TrainedVersion], services: Services
) -> None:
    first, second = store(), store()
    run("promote", first.version)
    run("promote", second.version)
    assert f"served by {first.version} now" in run("rollback", "--project", str(PROJECT)).output
    assert "weights of the settings (tiny-" in run("rollback", "--project", str(PROJECT)).output
    assert champion_of(services.database, PROJECT) is None
    refused = run("rollback", "--project", str(PROJECT))
    assert isinstance(refused.exception, NotFound)


def test_settings_are_promoted_by_their_word_and_project(
    run: RunCommand, store: Callable[..., TrainedVersion], services: Services
) -> None:
    run("promote", store().version)
    assert isinstance(run("promote", "settings").exception, BadRequest)
    assert run("promote", "settings", "--project", str(PROJECT)).exit_code == 0
    assert champion_of(services.database, PROJECT) is None


def test_version_of_another_project_than_was_named_is_refused(
    run: RunCommand, store: Callable[..., TrainedVersion]
) -> None:
    assert isinstance(run("promote", store().version, "--project", str(OTHER)).exception, BadRequest)
    assert isinstance(run("promote", "none").exception, NotFound)


def test_unknown_project_is_an_error_and_leaves_no_trace(run: RunCommand, services: Services) -> None:
    here = ("--project", str(2**63 - 1))
    for command in (("versions",), ("promote", "settings"), ("rollback",)):
        assert isinstance(run(*command, *here).exception, NotFound)
    assert alias_moves(services.database) == {}


def test_rollback_counts_though_the_database_goes_away_after_it(
    run: RunCommand,
    store: Callable[..., TrainedVersion],
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise DatabaseUnavailable("away")

    run("promote", store().version)
    monkeypatch.setattr("backend.registry.change.start_wanted_prelabels", refuse)
    monkeypatch.setattr("backend.registry.change.label_config_of", refuse)
    result = run("rollback", *("--project", str(PROJECT)))
    assert result.exit_code == 0 and "is served by the weights of the settings" in result.output
    assert champion_of(services.database, PROJECT) is None


def test_redis_that_is_down_does_not_undo_a_promotion(
    run: RunCommand,
    store: Callable[..., TrainedVersion],
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> int:
        raise QueueUnavailable("Redis does not answer.")

    monkeypatch.setattr("backend.queue.JobQueue.worker_count", refuse)
    result = run("promote", store().version)
    assert result.exit_code == 0 and "Redis does not answer" in result.output
    assert champion_of(services.database, PROJECT) is not None
