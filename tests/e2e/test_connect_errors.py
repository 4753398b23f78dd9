"""What `connect` says where it cannot connect: one line that names the remedy, and exit code 1."""

from pathlib import Path

import pytest

from demo.__main__ import WEIGHTS
from demo.scenes import CLASSES

from .conftest import ProjectFactory, RunCommand
from .processes import free_port
from .projects import label_config, make_project
from .servers import client_of, run_label_studio, run_stack


def test_labels_that_the_model_does_not_know_are_named_with_the_line_to_paste(
    new_project: ProjectFactory, run_backend_command: RunCommand
):
    project = new_project("Trees", config=label_config(["Tree", "Bird"]), count=1)

    said = _error(run_backend_command, "connect", "--project", str(project.id))

    assert "Labels: Tree, Bird." in said
    assert f"Classes of the model: {', '.join(CLASSES)}." in said
    assert f'<Label value="Tree" predicted_values="{CLASSES[0]}"/>' in said


def test_project_that_does_not_exist_is_said_so(run_backend_command: RunCommand):
    said = _error(run_backend_command, "connect", "--project", "987654")

    assert "no such project" in said


def test_wrong_api_key_names_the_setting_and_shows_no_key(run_backend_command: RunCommand):
    wrong = "0123456789abcdef" * 2

    said = _error(run_backend_command, "connect", "--project", "1", LABEL_STUDIO_API_KEY=wrong)

    assert "LABEL_STUDIO_API_KEY" in said
    assert wrong not in said


def test_label_studio_that_does_not_run_names_its_address_setting(run_backend_command: RunCommand):
    nobody = f"http://localhost:{free_port()}"

    said = _error(run_backend_command, "connect", "--project", "1", LABEL_STUDIO_URL=nobody)

    assert "LABEL_STUDIO_URL" in said


def test_backend_that_does_not_run_is_named_with_its_address(
    new_project: ProjectFactory, run_backend_command: RunCommand
):
    project, port = new_project("Nobody there", count=1), str(free_port())

    said = _error(run_backend_command, "connect", "--project", str(project.id), PORT=port)

    assert f"http://localhost:{port}" in said
    assert "Is this server running" in said
    assert "BACKEND_URL" in said


@pytest.mark.slow
def test_refused_private_address_is_explained_with_the_two_settings_that_lift_it(
    tmp_path: Path, pictures: dict[str, Path]
):
    folders = [tmp_path / "label-studio", tmp_path / "stack"]
    for folder in folders:
        folder.mkdir()
    with (
        run_label_studio(folders[0], may_call_this_machine=False) as server,
        run_stack(folders[1], label_studio=server, weights=WEIGHTS) as stack,
        client_of(server) as sdk,
    ):
        one = dict(list(pictures.items())[:1])
        project = make_project(sdk, title="Refused", config=label_config(), pictures=one)

        said = _error(stack.run, "connect", "--project", str(project.id))

    assert "ML_BLOCK_LOCAL_IP=false" in said
    assert "SSRF_PROTECTION_ENABLED=false" in said


def _error(run: RunCommand, *arguments: str, **changes: str) -> str:
    """Run a command that must fail; return its message, which is a single line and no traceback."""
    done = run(*arguments, **changes)
    assert done.returncode == 1, done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return lines[0]
