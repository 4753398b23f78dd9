"""Small pictures of tasks' images: scaled once, kept, and where there is none, with the reason."""

import io
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Semaphore
from xml.etree import ElementTree

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image as PilImage

from backend.endpoints.thumbnails import LONGEST, placeholder, shrink
from backend.entities import Image
from backend.labelstudio.task_image import MAX_CHARS
from backend.services import Services
from tests.backend.image_server import ImageServer
from tests.backend.makers import MakeClient
from tests.backend.pictures import png
from tests.backend.review_rows import NOON, PROJECT, open_task, store_rows
from tests.backend.tallies import know_project

ADDRESS = f"/dashboard/projects/{PROJECT}/tasks/1/thumbnail.jpg"


@pytest.fixture(autouse=True)
def project(services: Services) -> None:
    know_project(services.database)
    know_project(services.database, 8)
    store_rows(services.database, open_task(1, image="/data/upload/large.png"), open_task(2, image=None))


@pytest.fixture
def large(image_server: ImageServer) -> ImageServer:
    image_server.serve("/data/upload/large.png", png(1200, 900))
    return image_server


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        pytest.param(900, 1200, (480, 360), id="wide"),
        pytest.param(1200, 900, (360, 480), id="tall"),
        pytest.param(100, 200, (200, 100), id="small already"),
        pytest.param(1, 5000, (480, 1), id="a line"),
    ],
)
def test_longer_side_is_bounded(height: int, width: int, expected: tuple[int, int]) -> None:
    made = shrink(np.full((height, width, 3), 90, np.uint8))
    with PilImage.open(io.BytesIO(made)) as small:
        assert (small.format, small.size) == ("JPEG", expected)


def test_image_is_shown_small(client: FlaskClient, large: ImageServer) -> None:
    shown = client.get(ADDRESS)
    assert (shown.status_code, shown.mimetype) == (200, "image/jpeg")
    with PilImage.open(io.BytesIO(shown.data)) as small:
        assert max(small.size) == LONGEST


def test_image_is_loaded_and_scaled_once(client: FlaskClient, large: ImageServer) -> None:
    first, second = client.get(ADDRESS), client.get(ADDRESS)
    assert first.data == second.data and len(large.seen) == 1
    assert client.get(ADDRESS, headers={"If-None-Match": first.headers["ETag"]}).status_code == 304


def test_nothing_is_kept_where_no_image_may_be(make_client: MakeClient, large: ImageServer) -> None:
    client = make_client(media_cache_mb=0)
    for _ in range(2):
        client.get(ADDRESS)
    assert len(large.seen) == 2


@pytest.mark.parametrize(
    ("task_id", "reason"),
    [pytest.param(1, "404", id="gone"), pytest.param(2, "image field", id="no address")],
)
def test_image_that_cannot_be_had_is_a_picture_that_says_why(
    client: FlaskClient, task_id: int, reason: str
) -> None:
    shown = client.get(f"/dashboard/projects/{PROJECT}/tasks/{task_id}/thumbnail.jpg")
    assert (shown.status_code, shown.mimetype) == (200, "image/svg+xml")
    assert shown.headers["Cache-Control"] == "no-store"
    assert reason in "".join(ElementTree.fromstring(shown.text).itertext())


def test_image_that_failed_is_not_fetched_again_at_once(
    client: FlaskClient, image_server: ImageServer
) -> None:
    shown = [client.get(ADDRESS).text for _ in range(3)]
    assert len(image_server.seen) == 1
    assert shown[0] == shown[1] == shown[2] and "404" in shown[0]


def test_image_that_failed_is_fetched_again_later(
    make_client: MakeClient, image_server: ImageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.endpoints.thumbnails._FAILURE_SECONDS", 0.0)
    client = make_client()
    assert client.get(ADDRESS).mimetype == "image/svg+xml"
    image_server.serve("/data/upload/large.png", png(1200, 900))
    assert client.get(ADDRESS).mimetype == "image/jpeg"


@pytest.mark.parametrize(
    ("task_id", "reason"),
    [
        pytest.param(4, "The task was deleted", id="deleted task"),
        pytest.param(5, "too long to be kept here; open the task", id="address that was cut"),
    ],
)
def test_image_that_is_known_not_to_be_had_is_not_fetched(
    client: FlaskClient, services: Services, large: ImageServer, task_id: int, reason: str
) -> None:
    cut = f"/data/upload/large.png?{'x' * MAX_CHARS}"[:MAX_CHARS]
    store_rows(
        services.database,
        open_task(4, image="/data/upload/large.png", deleted_at=NOON),
        open_task(5, image=cut),
        open_task(6, image=cut[:-1]),
    )
    large.serve(cut[:-1], png(20, 20))
    shown = client.get(f"/dashboard/projects/{PROJECT}/tasks/{task_id}/thumbnail.jpg")
    assert (shown.status_code, shown.mimetype) == (200, "image/svg+xml")
    assert reason in " ".join(ElementTree.fromstring(shown.text).itertext())
    assert large.seen == []
    whole = client.get(f"/dashboard/projects/{PROJECT}/tasks/6/thumbnail.jpg")
    assert whole.mimetype == "image/jpeg"


def test_no_more_pictures_are_made_at_once_than_the_setting_allows(
    make_client: MakeClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, is_over = Semaphore(0), Event()

    def load(*_: object, **__: object) -> Image:
        begun.release()
        assert is_over.wait(30)
        return np.zeros((9, 9, 3), np.uint8)

    monkeypatch.setattr("backend.media.loader.MediaLoader.load", load)
    store_rows(services.database, *(open_task(task) for task in range(10, 16)))
    application = make_client(media_threads=2).application

    def view(task_id: int) -> str:
        path = f"/dashboard/projects/{PROJECT}/tasks/{task_id}/thumbnail.jpg"
        return application.test_client().get(path).mimetype

    with ThreadPoolExecutor(6) as pool:
        shown = pool.map(view, range(10, 16))
        assert begun.acquire(timeout=30) and begun.acquire(timeout=30)
        assert not begun.acquire(timeout=0.3)
        is_over.set()
        assert list(shown) == ["image/jpeg"] * 6


@pytest.mark.parametrize(
    "reason", ["<script>alert(1)</script>", 'a "quoted" & odd \x01 one \ud800', "word " * 400, ""]
)
def test_any_reason_makes_a_picture(reason: str) -> None:
    drawn = ElementTree.fromstring(placeholder(reason))
    assert {each.tag.partition("}")[2] for each in drawn.iter()} == {"svg", "rect", "text", "tspan"}


@pytest.mark.parametrize(
    "path",
    [
        f"/dashboard/projects/{PROJECT}/tasks/3/thumbnail.jpg",
        "/dashboard/projects/8/tasks/1/thumbnail.jpg",
        f"/dashboard/projects/{PROJECT}/tasks/{10**30}/thumbnail.jpg",
        "/dashboard/projects/404/tasks/1/thumbnail.jpg",
    ],
    ids=["no such task", "another project's task", "beyond 64 bits", "no such project"],
)
def test_what_is_not_there_is_not_found(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_callers_alone_see_pictures(make_client: MakeClient) -> None:
    assert make_client(basic_auth_user="ada", basic_auth_pass="secret").get(ADDRESS).status_code == 401
