"""Checks of images: which kinds of storage there are, and whether one of each can be had."""

from collections.abc import Sequence
from typing import Any

import pytest

from backend.doctor.check import Check, CheckState
from backend.doctor.images import find_samples, storage_kind
from backend.doctor.project import ProjectCase
from backend.entities import ControlTag, Task
from backend.labelstudio.label_config import parse_label_config
from tests.backend.doctor.fake_label_studio import PROJECT
from tests.backend.doctor.looks import DATA_URI, MakeCase, look_project
from tests.backend.image_server import ImageServer
from tests.backend.label_configs import BOXES
from tests.backend.pictures import png

OK, FAILED = CheckState.OK, CheckState.FAILED
URL = "http://studio:8080/ls"


@pytest.fixture
def asked(make_case: MakeCase, image_server: ImageServer) -> ProjectCase:
    """A project of the server that plays Label Studio's files, without tasks yet."""
    project = ProjectCase(make_case(label_studio_url=image_server.url), PROJECT, is_asked=True)
    project.__dict__["controls"] = parse_label_config(BOXES)
    return project


def look(project: ProjectCase, *images: object) -> list[Check]:
    """Make the checks of a project whose tasks hold these images; the first is the list of kinds."""
    tasks = [Task(number, {"image": image}) for number, image in enumerate(images, start=1)]
    project.__dict__["tasks"] = tasks
    return look_project("images", project)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("/data/upload/1/a.png", "uploads"),
        ("/ls/data/upload/1/a.png", "uploads"),
        (f"{URL}/data/upload/1/a.png", "uploads"),
        ("/data/local-files/?d=a/b.png", "local files"),
        ("s3://bucket/key.png", "s3://bucket"),
        ("gs://bucket/key.png", "gs://bucket"),
        ("azure-blob://container/key.png", "azure-blob://container"),
        ("/tasks/1/presign/?fileuri=czM6Ly9idWNrZXQva2V5LnBuZw==", "s3://bucket"),
        ("/projects/1/file/a.png", "label studio"),
        ("https://me:secret@host/a.png?sig=1", "https://host"),
        (DATA_URI, "data URIs"),
        ("ftp://host/a.png", "unusable addresses"),
        (None, "unusable addresses"),
    ],
)
def test_kind_of_storage_is_told_from_the_address(value: object, kind: str) -> None:
    assert storage_kind(value, task_id=1, label_studio_url=URL) == kind


def test_first_task_of_each_kind_stands_for_it() -> None:
    tags: Sequence[ControlTag] = parse_label_config(
        '<View><Image name="a" value="$left"/><Image name="b" value="$right"/>'
        '<RectangleLabels name="l" toName="a"><Label value="Car"/></RectangleLabels>'
        '<RectangleLabels name="r" toName="b"><Label value="Car"/></RectangleLabels></View>'
    )
    tasks = [
        Task(1, {"left": "/data/upload/1.png", "right": "s3://b/1.png"}),
        Task(2, {"left": "/data/upload/2.png", "right": "s3://c/1.png"}),
    ]
    found = find_samples(tasks, tags, label_studio_url=URL)
    assert [(sample.kind, sample.task_id) for sample in found] == [
        ("uploads", 1),
        ("s3://b", 1),
        ("s3://c", 2),
    ]


def test_one_image_of_each_kind_is_fetched(asked: ProjectCase, image_server: ImageServer) -> None:
    image_server.serve("/data/upload/a.png", png(64, 48))
    listed, upload, uri = look(asked, "/data/upload/a.png", "/data/upload/b.png", DATA_URI)
    assert listed.message == "3 tasks looked at: uploads, data URIs"
    assert (upload.name, upload.state, upload.message) == (
        "images from uploads",
        OK,
        "task 1, 64 x 48 pixels",
    )
    assert (uri.name, uri.state) == ("images from data URIs", OK)


def test_project_without_tasks_is_in_order(asked: ProjectCase) -> None:
    (check,) = look(asked)
    assert (check.state, check.message) == (OK, "the project has no tasks yet")


def test_only_some_kinds_are_looked_at(asked: ProjectCase) -> None:
    listed, *kinds = look(asked, *(f"s3://bucket{number}/a.png" for number in range(10)))
    assert len(kinds) == 8 and listed.message.endswith("and 2 more kinds")


@pytest.mark.parametrize(
    ("image", "status", "fix"),
    [
        pytest.param("/data/upload/a.png", 404, "media/upload", id="upload that is gone"),
        pytest.param("/data/local-files/?d=a", 404, "DOCUMENT_ROOT=", id="local file without storage"),
        pytest.param("/data/local-files/?d=a", 403, "SERVING_ENABLED=true", id="local files switched off"),
        pytest.param("/data/upload/a.png", 401, "media/upload", id="token refused"),
        pytest.param("/projects/1/file/a.png", 401, "LABEL_STUDIO_API_KEY", id="other path refused"),
        pytest.param("/projects/1/file/a.png", 500, "task 1", id="other trouble"),
    ],
)
def test_image_that_label_studio_does_not_give_fails_with_the_fix_of_its_kind(
    asked: ProjectCase, image_server: ImageServer, image: str, status: int, fix: str
) -> None:
    image_server.serve(image, b"", status=status)
    _, check = look(asked, image)
    assert check.state == FAILED and check.message.startswith("Task 1: ") and fix in check.fix


def test_bucket_without_a_storage_fails(asked: ProjectCase) -> None:
    _, check = look(asked, "s3://bucket/a.png")
    assert (check.name, check.state) == ("images from s3://bucket", FAILED)
    assert "source storage" in check.fix


def test_private_host_fails_with_the_setting_that_allows_it(
    make_case: MakeCase, asked: ProjectCase, other_server: ImageServer
) -> None:
    project = ProjectCase(make_case(media_allowed_hosts="minio"), PROJECT, is_asked=True)
    project.__dict__["controls"] = asked.controls
    _, check = look(project, other_server.serve("/a.png", png()))
    assert (
        check.state == FAILED and check.fix == "MEDIA_ALLOWED_HOSTS=minio,127.0.0.1, then restart the server"
    )


def test_private_host_behind_a_bucket_is_named_by_the_message(
    asked: ProjectCase, image_server: ImageServer, other_server: ImageServer
) -> None:
    image_server.presign(1, "s3://bucket/a.png", other_server.url + "/a.png")
    _, check = look(asked, "s3://bucket/a.png")
    assert check.state == FAILED and "127.0.0.1" in check.message
    assert check.fix.startswith("MEDIA_ALLOWED_HOSTS=<the host named above>")


@pytest.mark.parametrize(
    ("value", "fix"),
    [
        pytest.param("ftp://host/a.png", "Change the task's data", id="scheme"),
        pytest.param(None, "Change the task's data", id="none"),
        pytest.param("data:image/png;base64,AAAA", "Replace the file", id="no image"),
    ],
)
def test_image_that_cannot_be_used_fails_with_what_to_change(
    asked: ProjectCase, value: Any, fix: str
) -> None:
    _, check = look(asked, value)
    assert check.state == FAILED and fix in check.fix
