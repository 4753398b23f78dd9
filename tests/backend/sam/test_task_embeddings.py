"""From a task's address to its embedding: what is read, decoded and encoded, and what is not."""

from pathlib import Path

import pytest

from backend.entities import ImageSize
from backend.errors import MediaError, ModelError
from backend.media.cache import MediaCache
from backend.media.decode import decode_image
from backend.sam.task_embeddings import TaskEmbeddings
from backend.services import Services
from tests.backend.image_server import ImageServer
from tests.backend.pictures import encoded, picture, png
from tests.backend.sam.counting_sam import KEY, CountingHolder, CountingSam, embeddings_in

TASK = 7
IMAGE = "/data/a.png"


@pytest.fixture
def sam() -> CountingSam:
    return CountingSam()


@pytest.fixture
def holder(sam: CountingSam) -> CountingHolder:
    return CountingHolder(sam)


@pytest.fixture
def embeddings(
    services: Services, holder: CountingHolder, image_server: ImageServer, tmp_path: Path
) -> TaskEmbeddings:
    image_server.serve(IMAGE, png(20, 10))
    return TaskEmbeddings(holder, embeddings_in(tmp_path), services.media)


def test_embedding_is_that_of_the_image_at_the_address(embeddings: TaskEmbeddings) -> None:
    assert embeddings.get(IMAGE, task_id=TASK).size == ImageSize(20, 10)


def test_photo_that_a_viewer_turns_is_encoded_as_it_is_seen(
    embeddings: TaskEmbeddings, image_server: ImageServer, sam: CountingSam
) -> None:
    lying = picture(20, 10)
    exif = lying.getexif()
    exif[0x0112] = 6  # orientation: turned by 90 degrees clockwise
    image_server.serve("/data/photo.jpg", encoded(lying, "JPEG", exif=exif), kind="image/jpeg")
    assert embeddings.get("/data/photo.jpg", task_id=TASK).size == ImageSize(10, 20)
    assert sam.encoded == [(10, 20)]


def test_image_is_neither_fetched_nor_decoded_nor_encoded_twice(
    embeddings: TaskEmbeddings,
    sam: CountingSam,
    image_server: ImageServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert embeddings.prepare(IMAGE, task_id=TASK) is not None
    monkeypatch.setattr("backend.media.loader.decode_image", None)
    assert embeddings.prepare(IMAGE, task_id=TASK) is None
    assert embeddings.get(IMAGE, task_id=TASK).size == ImageSize(20, 10)
    assert (len(image_server.seen), len(sam.encoded)) == (1, 1)


def test_new_image_is_decoded_once(embeddings: TaskEmbeddings, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = []
    monkeypatch.setattr(
        "backend.media.loader.decode_image",
        lambda *given, **limits: decoded.append(1) or decode_image(*given, **limits),
    )
    embeddings.get(IMAGE, task_id=TASK)
    assert decoded == [1]


def test_click_on_what_is_in_memory_reads_no_file(
    embeddings: TaskEmbeddings, image_server: ImageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    embeddings.get(IMAGE, task_id=TASK)
    monkeypatch.setattr(MediaCache, "get", None)
    assert embeddings.get(IMAGE, task_id=TASK).size == ImageSize(20, 10)
    assert len(image_server.seen) == 1


def test_image_that_changed_is_noticed_once_it_is_fetched_again(
    embeddings: TaskEmbeddings, services: Services, image_server: ImageServer, sam: CountingSam
) -> None:
    embeddings.get(IMAGE, task_id=TASK)
    cache = MediaCache(services.settings.data_dir / "media", max_bytes=2**20, max_age=3600.0)
    cache.put(f"{image_server.url}{IMAGE}", png(40, 10))
    assert embeddings.get(IMAGE, task_id=TASK).size == ImageSize(40, 10)
    assert sam.encoded == [(20, 10), (40, 10)]


def test_image_that_changes_between_digest_and_file_is_no_other_images_embedding(
    embeddings: TaskEmbeddings, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.media.load(IMAGE, task_id=TASK)
    monkeypatch.setattr(MediaCache, "digest", lambda *_: "ab" * 32)  # of what lay there a moment ago
    assert embeddings.get(IMAGE, task_id=TASK).size == ImageSize(20, 10)
    cached = embeddings_in(services.settings.data_dir.parent)
    assert not cached.is_ready(KEY, "ab" * 32)


def test_equal_files_at_two_addresses_are_encoded_once(
    embeddings: TaskEmbeddings, sam: CountingSam, image_server: ImageServer
) -> None:
    image_server.serve("/data/copy.png", png(20, 10))
    embeddings.get(IMAGE, task_id=TASK)
    embeddings.get("/data/copy.png", task_id=TASK + 1)
    assert len(sam.encoded) == 1


def test_kept_file_that_the_disk_has_changed_is_fetched_anew(
    embeddings: TaskEmbeddings, services: Services, image_server: ImageServer
) -> None:
    embeddings.get(IMAGE, task_id=TASK)
    settings = services.settings
    MediaCache(settings.data_dir / "media", max_bytes=2**20, max_age=3600.0).put(
        f"{image_server.url}{IMAGE}", b"no image"
    )
    image_server.serve(IMAGE, png(30, 10))
    assert embeddings.get(IMAGE, task_id=TASK).size == ImageSize(30, 10)


def test_image_that_cannot_be_had_is_told_as_such(embeddings: TaskEmbeddings) -> None:
    with pytest.raises(MediaError, match="404"):
        embeddings.get("/data/missing.png", task_id=TASK)


def test_weights_that_are_missing_are_asked_for_and_told(
    embeddings: TaskEmbeddings, holder: CountingHolder
) -> None:
    holder.is_missing = True
    with pytest.raises(ModelError, match="counting.pt"):
        embeddings.prepare(IMAGE, task_id=TASK)
    assert holder.asked == 1
