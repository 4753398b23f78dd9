"""Loading: every source of images, every limit on each, and the cache before the network."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

from backend.entities import Image
from backend.errors import MediaError
from backend.labelstudio.client import LabelStudioClient
from backend.media.cache import MediaCache
from backend.media.decode import decode_image
from backend.media.fetch import Fetcher, FetchLimits
from backend.media.loader import MediaLoader, digest_of
from tests.backend.image_server import ImageServer
from tests.backend.pictures import png

TASK = 7
MAX_BYTES, MAX_PIXELS = 20_000, 10_000
PICTURE, OTHER = png(100, 100), png(50, 50)
BUCKETS = ["s3://pictures/a b/ä.png", "gs://pictures/a.png", "azure-blob://pictures/a.png"]
MakeLoader = Callable[..., MediaLoader]


@pytest.fixture
def make_loader(image_server: ImageServer, tmp_path: Path) -> Iterator[MakeLoader]:
    made: list[MediaLoader] = []

    def make(
        *, path: str = "", allowed: tuple[str, ...] = ("localhost",), timeout: float = 5.0, **cache: Any
    ) -> MediaLoader:
        url = image_server.url + path
        fetcher = Fetcher(
            FetchLimits(MAX_BYTES, timeout, 3),
            label_studio_url=url,
            allowed_hosts=allowed,
            auth_headers=LabelStudioClient(url, "token").auth_headers,
        )
        kept = MediaCache(tmp_path / "media", **{"max_bytes": 2**20, "max_age": 3600.0, **cache})
        made.append(MediaLoader(fetcher, kept, label_studio_url=url, max_pixels=MAX_PIXELS))
        return made[-1]

    yield make
    for loader in made:
        loader.close()


@pytest.fixture
def loader(make_loader: MakeLoader) -> MediaLoader:
    return make_loader()


def is_picture(image: Image) -> bool:
    return np.array_equal(image, decode_image(PICTURE, max_pixels=MAX_PIXELS))


def refusal(loader: MediaLoader, value: object, *, task_id: int | None = TASK) -> MediaError:
    with pytest.raises(MediaError) as caught:
        loader.load(value, task_id=task_id)
    return caught.value


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/data/upload/1/a.png", id="upload"),
        pytest.param("/storage-data/uploaded/?filepath=upload/1/a.png", id="upload in a cloud"),
        pytest.param("/data/local-files/?d=pictures/a.png", id="local files storage"),
        pytest.param("/tasks/7/resolve/?fileuri=czM6Ly9wL2EucG5n", id="resolved bucket"),
        pytest.param("/api/projects/1/file-proxy/?url=aHR0cDovL2hvc3QvYS5wbmc=", id="project's proxy"),
    ],
)
def test_label_studio_gives_its_own_images_for_the_token(
    loader: MediaLoader, image_server: ImageServer, path: str
) -> None:
    image_server.serve(path, PICTURE)
    assert is_picture(loader.load(path, task_id=TASK))
    assert image_server.tokens() == ["Token token"]


def test_label_studio_under_a_path_gives_its_images(
    make_loader: MakeLoader, image_server: ImageServer
) -> None:
    image_server.serve("/ls/data/upload/1/a.png", PICTURE)
    loader = make_loader(path="/ls", max_bytes=0)
    for value in ("/data/upload/1/a.png", "/ls/data/upload/1/a.png"):
        assert is_picture(loader.load(value, task_id=TASK))


@pytest.mark.parametrize("uri", BUCKETS)
def test_bucket_is_read_where_label_studio_redirects_to_and_without_the_token(
    loader: MediaLoader, image_server: ImageServer, other_server: ImageServer, uri: str
) -> None:
    other_server.serve("/signed.png?X-Signature=1", PICTURE)
    image_server.presign(TASK, uri, f"{other_server.named_url}/signed.png?X-Signature=1")
    assert is_picture(loader.load(uri, task_id=TASK))
    assert (image_server.tokens(), other_server.tokens()) == (["Token token"], [None])


@pytest.mark.parametrize("uri", BUCKETS)
def test_bucket_is_read_from_label_studio_where_it_signs_no_addresses(
    loader: MediaLoader, image_server: ImageServer, uri: str
) -> None:
    encoded = base64.urlsafe_b64encode(uri.encode()).decode()
    image_server.serve(f"/tasks/{TASK}/presign/?fileuri={encoded}", PICTURE)
    assert is_picture(loader.load(uri, task_id=TASK))


def test_another_hosts_image_is_read(loader: MediaLoader, other_server: ImageServer) -> None:
    other_server.serve("/a.png", PICTURE)
    assert is_picture(loader.load(f"{other_server.named_url}/a.png", task_id=None))


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("data:image/png;base64," + base64.b64encode(PICTURE).decode(), id="base64"),
        pytest.param("data:image/png," + quote(PICTURE, safe=""), id="percent-encoded"),
    ],
)
def test_image_in_the_tasks_data_is_read_and_not_kept(
    loader: MediaLoader, image_server: ImageServer, tmp_path: Path, value: str
) -> None:
    assert is_picture(loader.load(value, task_id=None))
    assert (image_server.seen, (tmp_path / "media").exists()) == ([], False)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param("file:///etc/passwd", "bad_scheme", id="refused by its address"),
        pytest.param("/data/missing.png", "http_status", id="not fetched"),
        pytest.param("s3://elsewhere/a.png", "http_status", id="bucket that Label Studio does not know"),
        pytest.param("/data/text.txt", "unreadable", id="not decoded"),
        pytest.param("data:text/plain,text", "unreadable", id="no image in the data"),
        pytest.param("/data/pixels.png", "too_many_pixels", id="too many pixels"),
        pytest.param("/data/bytes.png", "too_large", id="too many bytes"),
        pytest.param("/data/round.png", "too_many_redirects", id="too many redirects"),
        pytest.param("s3://pictures/private.png", "private_address", id="bucket on a private address"),
        pytest.param("http://10.0.0.1/a.png", "private_address", id="private address"),
        pytest.param(
            "data:image/png;base64," + base64.b64encode(png(101, 100)).decode(),
            "too_many_pixels",
            id="too many pixels in the data",
        ),
        pytest.param("data:image/png," + "x" * 20_001, "too_large", id="too many bytes in the data"),
    ],
)
def test_each_limit_names_its_reason(
    loader: MediaLoader, image_server: ImageServer, value: str, reason: str
) -> None:
    image_server.serve("/data/text.txt", b"text")
    image_server.serve("/data/pixels.png", png(101, 100))
    image_server.serve("/data/bytes.png", b"x" * 20_001)
    image_server.redirect("/data/round.png", "/data/round.png")
    image_server.presign(TASK, "s3://pictures/private.png", "http://192.168.0.9:9000/private.png")
    assert refusal(loader, value).reason == reason


def test_slow_image_is_given_up(make_loader: MakeLoader, image_server: ImageServer) -> None:
    image_server.silent("/data/slow.png")
    assert refusal(make_loader(timeout=0.2), "/data/slow.png").reason == "timeout"


def test_storage_next_door_must_be_allowed_and_the_message_says_so(
    make_loader: MakeLoader, image_server: ImageServer, other_server: ImageServer
) -> None:
    other_server.serve("/a.png", PICTURE)
    image_server.presign(TASK, "s3://pictures/a.png", f"{other_server.named_url}/a.png")
    error = refusal(make_loader(allowed=()), "s3://pictures/a.png")
    assert error.reason == "private_address"
    assert "add localhost to MEDIA_ALLOWED_HOSTS" in error.message
    assert other_server.seen == []
    assert is_picture(make_loader(allowed=("localhost",)).load("s3://pictures/a.png", task_id=TASK))


def test_bucket_without_a_task_is_not_asked_for(loader: MediaLoader, image_server: ImageServer) -> None:
    assert refusal(loader, BUCKETS[0], task_id=None).reason == "no_task_id"
    assert image_server.seen == []


def test_kept_image_is_not_fetched_again_by_anyone(
    make_loader: MakeLoader, image_server: ImageServer
) -> None:
    image_server.serve("/data/upload/1/a.png", PICTURE)
    loader = make_loader()
    for shared in (loader, loader, make_loader()):
        assert is_picture(shared.load("/data/upload/1/a.png", task_id=TASK))
    assert len(image_server.seen) == 1


def test_object_of_a_bucket_is_kept_for_its_task_alone(
    loader: MediaLoader, image_server: ImageServer, other_server: ImageServer
) -> None:
    other_server.serve("/signed.png", PICTURE)
    image_server.presign(TASK, "s3://pictures/a.png", f"{other_server.named_url}/signed.png")
    for _ in range(2):
        assert is_picture(loader.load("s3://pictures/a.png", task_id=TASK))
    assert (len(image_server.seen), len(other_server.seen)) == (1, 1)
    # The project of another task may have no storage for the bucket: Label Studio says so.
    with pytest.raises(MediaError, match="404"):
        loader.load("s3://pictures/a.png", task_id=TASK + 1)


@pytest.mark.parametrize(
    "cache",
    [
        pytest.param({"max_bytes": 0}, id="switched off"),
        pytest.param({"max_age": 0.0}, id="too old"),
    ],
)
def test_image_is_fetched_each_time_where_none_is_kept(
    make_loader: MakeLoader, image_server: ImageServer, cache: dict[str, Any]
) -> None:
    image_server.serve("/data/a.png", PICTURE)
    loader = make_loader(**cache)
    assert all(is_picture(loader.load("/data/a.png", task_id=TASK)) for _ in range(2))
    assert len(image_server.seen) == 2


def test_loader_without_a_cache_loads(image_server: ImageServer) -> None:
    image_server.serve("/data/a.png", PICTURE)
    limits = FetchLimits(MAX_BYTES, 5.0, 3)
    fetcher = Fetcher(limits, label_studio_url=image_server.url, allowed_hosts=(), auth_headers=dict)
    loader = MediaLoader(fetcher, label_studio_url=image_server.url, max_pixels=MAX_PIXELS)
    assert is_picture(loader.load("/data/a.png", task_id=TASK))
    loader.close()


def test_file_that_is_no_image_is_not_kept(loader: MediaLoader, image_server: ImageServer) -> None:
    image_server.serve("/data/a.png", PICTURE[:200])
    assert refusal(loader, "/data/a.png").reason == "unreadable"
    image_server.serve("/data/a.png", PICTURE)
    assert is_picture(loader.load("/data/a.png", task_id=TASK))


def test_kept_file_that_the_disk_has_changed_is_fetched_anew(
    loader: MediaLoader, make_loader: MakeLoader, image_server: ImageServer, tmp_path: Path
) -> None:
    image_server.serve("/data/a.png", PICTURE)
    loader.load("/data/a.png", task_id=TASK)
    # Kept in its place by the same name: what lies there is no image.
    MediaCache(tmp_path / "media", max_bytes=2**20, max_age=3600.0).put(
        f"{image_server.url}/data/a.png", b"no image"
    )
    assert is_picture(loader.load("/data/a.png", task_id=TASK))
    assert is_picture(make_loader().load("/data/a.png", task_id=TASK))
    assert len(image_server.seen) == 2


def test_damaged_cache_fails_no_image(
    make_loader: MakeLoader, image_server: ImageServer, tmp_path: Path
) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "cache.db").write_bytes(b"no index at all " * 1000)
    image_server.serve("/data/a.png", PICTURE)
    loader = make_loader()
    assert all(is_picture(loader.load("/data/a.png", task_id=TASK)) for _ in range(2))
    assert len(image_server.seen) == 2


def test_file_comes_as_it_is_from_network_cache_and_data_uri(
    loader: MediaLoader, image_server: ImageServer
) -> None:
    address = image_server.serve("/data/a.png", PICTURE)
    uri = "data:image/png;base64," + base64.b64encode(PICTURE).decode()
    for value in (address, address, uri):
        data, image = loader.load_file(value, task_id=TASK)
        assert data == PICTURE and is_picture(image)
    assert len(image_server.seen) == 1


def test_digest_of_a_kept_file_takes_neither_fetching_nor_reading_nor_decoding(
    loader: MediaLoader, image_server: ImageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_server.serve("/data/a.png", PICTURE)
    assert loader.digest("/data/a.png", task_id=TASK) is None and image_server.seen == []
    loader.load("/data/a.png", task_id=TASK)
    for name in ("loader.decode_image", "loader.MediaCache.get"):
        monkeypatch.setattr(f"backend.media.{name}", None)
    assert loader.digest("/data/a.png", task_id=TASK) == digest_of(PICTURE)
    assert len(image_server.seen) == 1


def test_digest_is_that_of_the_file_that_is_kept_now(
    loader: MediaLoader, image_server: ImageServer, tmp_path: Path
) -> None:
    address = image_server.serve("/data/a.png", PICTURE)
    loader.load("/data/a.png", task_id=TASK)
    MediaCache(tmp_path / "media", max_bytes=2**20, max_age=60.0).put(address, OTHER)
    assert loader.digest("/data/a.png", task_id=TASK) == digest_of(OTHER)


def test_digest_of_a_file_in_the_tasks_data_is_taken_of_it(loader: MediaLoader) -> None:
    uri = "data:image/png;base64," + base64.b64encode(PICTURE).decode()
    assert loader.digest(uri, task_id=None) == digest_of(PICTURE)
