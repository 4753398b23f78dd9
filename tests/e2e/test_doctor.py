"""`doctor` on the real stack: nothing to say about what works, and the right fix for what is broken."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from label_studio_sdk.client import LabelStudio

from tests.backend.servers import run_redis

from .conftest import ProjectFactory, RunCommand
from .projects import Project, label_config, make_project, retrieve_predictions
from .servers import Stack, client_of, run_label_studio

Found = dict[str, Any]


@pytest.fixture(scope="module")
def connected(sdk: LabelStudio, new_project: ProjectFactory, run_backend_command: RunCommand) -> Project:
    """A project that is connected, predicted, and told which version it shows."""
    project = new_project("Doctor", count=1)
    connect(run_backend_command, project)
    retrieve_predictions(sdk, project.id)
    connect(run_backend_command, project)
    return project


@pytest.fixture(scope="module")
def idle_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis that no worker listens to."""
    with run_redis(tmp_path_factory.mktemp("idle-redis")) as address:
        yield address


def connect(run: RunCommand, project: Project) -> None:
    done = run("connect", "--project", str(project.id))
    assert done.returncode == 0, done.stderr


def examine(run: RunCommand, project_id: int, *, code: int, **changes: str) -> Found:
    """Run the doctor; return its checks by name, those of the project without its number."""
    done = run("doctor", "--project", str(project_id), "--json", **changes)
    assert done.returncode == code, done.stdout + done.stderr
    return {check["name"].removeprefix(f"project {project_id}: "): check for check in json.loads(done.stdout)}


def failed(found: Found) -> set[str]:
    return {name for name, check in found.items() if check["state"] == "failed"}


def test_connected_project_has_nothing_wrong_and_nothing_unknown(
    connected: Project, sdk: LabelStudio, run_backend_command: RunCommand
):
    before = things_of(sdk, connected.id)

    found = examine(run_backend_command, connected.id, code=0)

    assert {name: check for name, check in found.items() if check["state"] != "ok"} == {}
    assert {"worker for train", "reach", "webhook", "version", "tag label", "images from uploads"} <= set(
        found
    )
    assert things_of(sdk, connected.id) == before


def test_people_see_one_line_per_check(connected: Project, stack: Stack):
    done = stack.run("doctor", "--project", str(connected.id))

    lines = done.stdout.splitlines()
    assert done.returncode == 0 and done.stderr == ""
    assert sum(line.startswith("ok ") for line in lines) == len(lines) - len(["", "project", "", "total"])
    secrets = [stack.settings[name] for name in ("BASIC_AUTH_PASS", "WEBHOOK_SECRET", "LABEL_STUDIO_API_KEY")]
    assert not [secret for secret in secrets if secret in done.stdout]


def test_webhook_with_a_wrong_secret_is_mended_by_the_fix_that_is_named(
    connected: Project, sdk: LabelStudio, run_backend_command: RunCommand
):
    (hook,) = sdk.webhooks.list(project=connected.id)
    sdk.webhooks.update(hook.id, headers={"X-Webhook-Secret": "old"})

    broken = examine(run_backend_command, connected.id, code=1)

    assert failed(broken) == {"webhook"}
    fix = broken["webhook"]["fix"]
    assert fix == f"python -m backend connect --project {connected.id}"
    assert run_backend_command(*fix.split()[3:]).returncode == 0
    assert failed(examine(run_backend_command, connected.id, code=0)) == set()


def test_server_that_runs_with_other_secrets_is_to_be_restarted(
    connected: Project, run_backend_command: RunCommand
):
    found = examine(run_backend_command, connected.id, code=1, WEBHOOK_SECRET="another")

    assert failed(found) == {"server's credentials", "webhook"}
    assert "Restart" in found["server's credentials"]["fix"]


def test_wrong_token_leaves_the_project_unknown(connected: Project, run_backend_command: RunCommand):
    wrong = "0123456789abcdef" * 2

    found = examine(run_backend_command, connected.id, code=1, LABEL_STUDIO_API_KEY=wrong)

    assert failed(found) == {"token"}
    assert found["token"]["fix"].startswith("LABEL_STUDIO_API_KEY=")
    assert found["project"]["state"] == "unknown"
    assert wrong not in json.dumps(found)


def test_queues_without_workers_are_named(
    connected: Project, run_backend_command: RunCommand, idle_redis: str
):
    found = examine(run_backend_command, connected.id, code=1, REDIS_URL=idle_redis)

    assert failed(found) == {"worker for events", "worker for predict", "worker for train"}
    assert found["worker for train"]["fix"] == "make run"


def test_server_that_does_not_run_is_named(run_backend_command: RunCommand, new_project: ProjectFactory):
    project = new_project("Nobody connects", count=1)

    found = examine(run_backend_command, project.id, code=1, PORT="1")

    assert failed(found) == {"server", "connection", "webhook"}
    assert "make run" in found["server"]["fix"] and "connect" in found["connection"]["fix"]


@pytest.mark.slow
def test_label_studio_that_refuses_private_addresses_is_told_with_the_two_settings(
    tmp_path: Path, pictures: dict[str, Path], stack: Stack
):
    with run_label_studio(tmp_path, may_call_this_machine=False) as server, client_of(server) as sdk:
        one = dict(list(pictures.items())[:1])
        project = make_project(sdk, title="Refused", config=label_config(), pictures=one)
        changes = {"LABEL_STUDIO_URL": server.url, "LABEL_STUDIO_API_KEY": server.token}

        found = examine(stack.run, project.id, code=1, **changes)

        assert things_of(sdk, project.id) == ([], [])
    assert failed(found) == {"connection", "webhook"}
    for name in ("connection", "webhook"):
        assert "ML_BLOCK_LOCAL_IP=false" in found[name]["fix"]
        assert "SSRF_PROTECTION_ENABLED=false" in found[name]["fix"]


def things_of(sdk: LabelStudio, project_id: int) -> tuple[list[Any], list[Any]]:
    """Return what the doctor must leave alone: addresses of the project's backends and webhooks."""
    backends = [backend.url for backend in sdk.ml.list(project=project_id)]
    hooks = [(hook.url, hook.headers) for hook in sdk.webhooks.list(project=project_id)]
    return backends, hooks
