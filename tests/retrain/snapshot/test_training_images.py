"""Images: kept once by content, as files from which ultralytics reads the pixels that we do."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from backend.entities import Image, ImageSize
from backend.errors import ArtifactError
from backend.labelstudio.client import LabelStudioClient
from backend.media.decode import decode_image
from backend.media.fetch import Fetcher, FetchLimits
from backend.media.loader import MediaLoader
from backend.store.artifacts import ArtifactStore
from backend.training.names import image_artifact
from retrain.snapshot.examples import StoredImage
from retrain.snapshot.images import ImageStore, training_file
from tests.backend.image_server import ImageServer
from tests.backend.pictures import encoded, picture, png

_ORIENTATION = 0x0112


def turned(kind: str, orientation: int, **options: object) -> bytes:
    exif = PillowImage.Exif()
    exif[_ORIENTATION] = orientation
    return encoded(picture(), kind, exif=exif, **options)


def sixteen_bit() -> bytes:
    values = np.linspace(0, 65535, 64 * 48).reshape(48, 64).astype(np.uint16)
    return encoded(PillowImage.fromarray(values), "PNG")


FILES = {
    "JPEG": encoded(picture(), "JPEG"),
    "grey JPEG": encoded(picture().convert("L"), "JPEG"),
    "turned JPEG": turned("JPEG", 6),
    "CMYK JPEG": encoded(picture().convert("CMYK"), "JPEG"),
    "PNG": png(),
    "PNG with alpha": encoded(picture().convert("RGBA"), "PNG"),
    "turned PNG": turned("PNG", 6),
    "upside-down PNG": turned("PNG", 3),
    "16-bit PNG": sixteen_bit(),
    "WebP": encoded(picture(), "WEBP", lossless=True),
    "turned WebP": turned("WEBP", 6, lossless=True),
    "upside-down WebP": turned("WEBP", 3, lossless=True),
    "GIF": encoded(picture().convert("P"), "GIF"),
    "TIFF": encoded(picture(), "TIFF"),
    "BMP": encoded(picture(), "BMP"),
}
KEPT = {
    "JPEG": ".jpg",
    "grey JPEG": ".jpg",
    "turned JPEG": ".jpg",
    "CMYK JPEG": ".jpg",
    "PNG": ".png",
    "PNG with alpha": ".png",
    "upside-down PNG": ".png",
    "16-bit PNG": ".png",
    "WebP": ".webp",
}


def read_by_ultralytics(data: bytes, suffix: str, folder: Path) -> tuple[Image, tuple[int, int]]:
    """Return the pixels, and the (height, width) that the data set is told."""
    from ultralytics.data.utils import check_image
    from ultralytics.utils.patches import imread

    path = folder / f"image{suffix}"
    path.write_bytes(data)
    message, shape = check_image(str(path))
    assert message == ""
    pixels = imread(str(path))
    assert pixels is not None
    return pixels, shape


@pytest.mark.parametrize("name", FILES)
def test_ultralytics_reads_the_pixels_that_we_read(
    name: str, quiet_ultralytics: None, tmp_path: Path
) -> None:
    image = decode_image(FILES[name], max_pixels=10**6)
    data, suffix = training_file(FILES[name], image)
    pixels, shape = read_by_ultralytics(data, suffix, tmp_path)
    assert np.array_equal(pixels, image) and shape == image.shape[:2]


@pytest.mark.parametrize("name", FILES)
def test_file_is_kept_as_it_is_where_it_can_be(name: str) -> None:
    data, suffix = training_file(FILES[name], decode_image(FILES[name], max_pixels=10**6))
    assert (data == FILES[name]) == (name in KEPT)
    assert suffix == KEPT.get(name, ".png")


@pytest.fixture
def artifacts(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(str(tmp_path / "artifacts"), cache=tmp_path / "cache")


@pytest.fixture
def media(image_server: ImageServer) -> Iterator[MediaLoader]:
    url = image_server.url
    fetcher = Fetcher(
        FetchLimits(2**20, 5.0, 3),
        label_studio_url=url,
        allowed_hosts=(),
        auth_headers=LabelStudioClient(url, "token").auth_headers,
    )
    made = MediaLoader(fetcher, label_studio_url=url, max_pixels=10**6)
    yield made
    made.close()


@pytest.fixture
def store(media: MediaLoader, artifacts: ArtifactStore) -> ImageStore:
    return ImageStore(media, artifacts, threads=3)


def keep(
    store: ImageStore, addresses: dict[int, object], check: Callable[[], None] = lambda: None
) -> dict[int, StoredImage | str]:
    return dict(store.keep_all(addresses, check=check))


def test_image_is_kept_by_its_content(
    store: ImageStore, artifacts: ArtifactStore, image_server: ImageServer
) -> None:
    addresses: dict[int, object] = {
        1: image_server.serve("/a.png", png(20, 30)),
        2: image_server.serve("/b.png", png(20, 30)),
        3: image_server.serve("/c.png", png(20, 30, seed=2)),
    }
    found = keep(store, addresses)
    assert list(found) == [1, 2, 3] and found[1] == found[2] != found[3]
    one = found[1]
    assert isinstance(one, StoredImage) and one.size == ImageSize(20, 30)
    assert artifacts.read(image_artifact(one.digest, one.suffix)) == png(20, 30)
    assert len(artifacts.names("images")) == 2


def test_image_that_is_kept_already_is_not_written_again(
    store: ImageStore,
    artifacts: ArtifactStore,
    image_server: ImageServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    addresses: dict[int, object] = {1: image_server.serve("/a.png", png())}
    first = keep(store, addresses)
    monkeypatch.setattr(artifacts, "put_bytes", lambda *_: pytest.fail("written again"))
    assert keep(store, addresses) == first


def test_image_that_cannot_be_had_has_its_reason(store: ImageStore, image_server: ImageServer) -> None:
    found = keep(
        store,
        {
            1: image_server.url + "/gone.png",
            2: None,
            3: image_server.serve("/text.png", b"no image"),
            4: image_server.serve("/good.png", png()),
            5: image_server.serve("/tiny.png", png(9, 40)),
        },
    )
    words = {1: "404", 2: "expected an address", 3: "no readable image", 5: "9 x 40"}
    for task_id, word in words.items():
        assert word in str(found[task_id])
    assert isinstance(found[4], StoredImage)


def test_work_ends_between_two_images(store: ImageStore, image_server: ImageServer) -> None:
    class Stopped(Exception):
        pass

    addresses: dict[int, object] = {n: image_server.serve(f"/{n}.png", png()) for n in range(40)}
    left = iter([None, None])

    def check() -> None:
        if next(left, "over") == "over":
            raise Stopped

    with pytest.raises(Stopped):
        keep(store, addresses, check)
    assert len(image_server.seen) < len(addresses)


def test_image_that_cannot_be_stored_ends_the_attempt(
    store: ImageStore,
    artifacts: ArtifactStore,
    image_server: ImageServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(data: bytes, name: str) -> None:
        raise ArtifactError("The disk is full.")

    monkeypatch.setattr(artifacts, "put_bytes", full)
    with pytest.raises(ArtifactError, match="full"):
        keep(store, {1: image_server.serve("/a.png", png())})
