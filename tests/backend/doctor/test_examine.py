"""The whole run: the order of all checks, and what a dead part leaves of them."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backend.doctor.case import Case, open_case
from backend.doctor.check import Check, CheckState
from backend.doctor.examine import GENERAL, examine, project_entries
from backend.doctor.project import ProjectCase
from backend.entities import Task
from backend.settings import Settings
from backend.store.projects import store_project
from tests.backend.doctor.fake_label_studio import PROJECT, FakeLabelStudio
from tests.backend.doctor.looks import DATA_URI, MakeCase
from tests.backend.servers import free_port

PAGE = Path(__file__).resolve().parents[3] / "docs/doctor.md"
ROW = re.compile(r"^\| (?!check )([a-z][^|]*?) \|", re.MULTILINE)
# Those whose names hold what they are about.
NAMED_BY_CONTENT = ("clicks", "sam", "tag NAME", "images from KIND")


@pytest.fixture(autouse=True)
def one_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProjectCase, "tasks", [Task(1, {"image": DATA_URI})])


def by_name(checks: Iterator[Check]) -> dict[str, Check]:
    return {check.full_name: check for check in checks}


def test_connected_project_with_a_running_server_has_nothing_wrong_but_redis(
    case: Case, our_server: str, project: ProjectCase
) -> None:
    found = by_name(examine(case, project_id=PROJECT))
    states = {name: check.state for name, check in found.items()}
    away = {"redis", *(f"worker for {queue}" for queue in ("events", "predict", "train"))}
    assert {name for name, state in states.items() if state != CheckState.OK} == away
    assert [name for name in states if name.startswith("project")] == [
        f"project {PROJECT}: {name}"
        for name in ("project", "connection", "reach", "webhook", "labels", "tag label", "smart tools")
        + ("version", "images", "images from data URIs")
    ]


def test_every_project_that_is_known_is_looked_at(case: Case, our_server: str, project: ProjectCase) -> None:
    for project_id in (PROJECT, 99):
        store_project(
            case.services.database, project_id, label_config="", model_version=None, now=datetime.now(UTC)
        )
    found = list(examine(case))
    assert {check.project for check in found} == {None, PROJECT, 99}
    gone = [(check.name, check.state) for check in found if check.project == 99]
    assert gone == [("project", CheckState.UNKNOWN)]


def test_label_studio_that_is_away_leaves_what_comes_after_it_unknown(
    make_case: MakeCase, our_server: str
) -> None:
    away = make_case(label_studio_url=f"http://127.0.0.1:{free_port()}")
    found = by_name(examine(away, project_id=PROJECT))
    assert found["label studio"].state == CheckState.FAILED
    assert found["token"].message == 'not checked, because "label studio" is not in order'
    assert found[f"project {PROJECT}: project"].state == CheckState.UNKNOWN
    assert found["server"].state == found["database"].state == CheckState.OK
    assert f"project {PROJECT}: labels" not in found


def test_database_that_is_away_leaves_the_projects_unknown_unless_one_is_named(
    given: Settings, case: Case, our_server: str, project: ProjectCase
) -> None:
    away = Settings(_env_file=None, **given.model_dump() | {"database_url": "postgresql://127.0.0.1:1/none"})
    with open_case(away, case.connector) as opened:
        every, named = by_name(examine(opened)), by_name(examine(opened, project_id=PROJECT))
    assert every["database"].state == CheckState.FAILED
    assert every["projects"].state == CheckState.UNKNOWN and "--project ID" in every["projects"].message
    assert named[f"project {PROJECT}: labels"].state == CheckState.OK


def test_everything_that_is_wrong_comes_with_a_fix_and_no_secret(
    make_case: MakeCase, label_studio: FakeLabelStudio
) -> None:
    found = list(examine(make_case(yolo_weights="none.pt"), project_id=PROJECT))
    wrong = [check for check in found if check.state == CheckState.FAILED]
    assert len(wrong) > 5 and all(check.fix for check in wrong)
    said = " ".join(f"{check.message} {check.fix}" for check in found)
    assert "hush" not in said and "legacy " not in said.replace("legacy token", "")


def test_page_names_each_check(project: ProjectCase) -> None:
    names = [entry.name for entry in (*GENERAL, *project_entries(project))]
    assert ROW.findall(PAGE.read_text()) == names + list(NAMED_BY_CONTENT)
