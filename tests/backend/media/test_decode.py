"""Decoding: whatever the file, the pixels are upright BGR of one byte each, or there is a reason why not."""

import io
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image as PillowImage

from backend.entities import Image
from backend.errors import MediaError
from backend.media.decode import decode_image
from tests.backend.pictures import encoded, picture, png, png_header

LIMIT = 100_000_000
_ORIENTATION = 0x0112
# How a picture must be stored so that a viewer who follows the orientation sees it upright.
STORED = {
    1: None,
    2: PillowImage.Transpose.FLIP_LEFT_RIGHT,
    3: PillowImage.Transpose.ROTATE_180,
    4: PillowImage.Transpose.FLIP_TOP_BOTTOM,
    5: PillowImage.Transpose.TRANSPOSE,
    6: PillowImage.Transpose.ROTATE_90,
    7: PillowImage.Transpose.TRANSVERSE,
    8: PillowImage.Transpose.ROTATE_270,
}


def bgr(image: PillowImage.Image) -> Image:
    return np.asarray(image.convert("RGB"))[..., ::-1]


def assert_alike(found: Image, expected: Image, *, tolerance: float = 0.0) -> None:
    assert (found.shape, found.dtype) == (expected.shape, np.uint8)
    assert found.flags.c_contiguous
    assert np.abs(found.astype(int) - expected).mean() <= tolerance


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("kind", "options", "tolerance"),
    [
        pytest.param("JPEG", {"quality": 95, "subsampling": 0}, 3.0, id="JPEG"),
        pytest.param("PNG", {}, 0.0, id="PNG"),
        pytest.param("WEBP", {"lossless": True}, 0.0, id="WebP"),
    ],
)
def test_picture_is_turned_upright_as_its_exif_says(
    kind: str, options: dict[str, object], tolerance: float, orientation: int
) -> None:
    upright = picture(64, 40)
    way = STORED[orientation]
    stored = upright if way is None else upright.transpose(way)
    exif = PillowImage.Exif()
    exif[_ORIENTATION] = orientation
    data = encoded(stored, kind, exif=exif, **options)
    assert_alike(decode_image(data, max_pixels=LIMIT), bgr(upright), tolerance=tolerance)


@pytest.mark.parametrize(
    ("mode", "kind", "tolerance"),
    [
        pytest.param("L", "PNG", 0.0, id="grayscale PNG"),
        pytest.param("L", "JPEG", 3.0, id="grayscale JPEG"),
        pytest.param("1", "PNG", 0.0, id="black and white"),
        pytest.param("P", "PNG", 0.0, id="palette"),
        pytest.param("CMYK", "JPEG", 6.0, id="CMYK JPEG"),
        pytest.param("P", "GIF", 0.0, id="GIF"),
        pytest.param("RGB", "BMP", 0.0, id="BMP"),
        pytest.param("RGB", "TIFF", 0.0, id="TIFF"),
        pytest.param("RGB", "PPM", 0.0, id="PPM"),
    ],
)
def test_every_kind_of_colour_becomes_bgr(mode: str, kind: str, tolerance: float) -> None:
    image = picture().convert(mode)
    assert_alike(decode_image(encoded(image, kind), max_pixels=LIMIT), bgr(image), tolerance=tolerance)


def test_transparency_is_dropped() -> None:
    image = picture()
    image.putalpha(128)
    assert_alike(decode_image(encoded(image), max_pixels=LIMIT), bgr(picture()))


def test_sixteen_bits_become_eight_without_losing_the_dark_half() -> None:
    ramp = np.linspace(0, 65535, 64 * 48).reshape(48, 64).astype(np.uint16)
    found = decode_image(encoded(PillowImage.fromarray(ramp)), max_pixels=LIMIT)
    expected = np.repeat((ramp >> 8).astype(np.uint8)[..., None], 3, axis=2)
    assert_alike(found, expected, tolerance=1.0)


def test_first_picture_of_an_animation_is_taken() -> None:
    first, second = picture(seed=1).convert("P"), picture(seed=2).convert("P")
    data = encoded(first, "GIF", save_all=True, append_images=[second])
    assert_alike(decode_image(data, max_pixels=LIMIT), bgr(first))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html><body>Log in</body></html>", id="HTML"),
        pytest.param(b'{"detail": "not found"}', id="JSON"),
        pytest.param(b"\x00" * 1000, id="zeros"),
        pytest.param(b"%PDF-1.7\n", id="PDF"),
        pytest.param(b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', id="SVG"),
        pytest.param(png()[:20], id="PNG cut in its header"),
        pytest.param(png()[:200], id="PNG cut in its pixels"),
        pytest.param(encoded(picture(), "JPEG")[:30], id="JPEG cut in its header"),
        pytest.param(encoded(picture(), "JPEG")[:800], id="JPEG cut in its pixels"),
        pytest.param(encoded(picture(), "WEBP")[:100], id="WebP cut in its pixels"),
        pytest.param(encoded(picture().convert("P"), "GIF")[:800], id="GIF cut in its pixels"),
        pytest.param(png_header(64, 48), id="PNG without pixels"),
        pytest.param(png_header(0, 0), id="PNG of no size"),
    ],
)
def test_file_that_is_no_whole_image_is_unreadable(data: bytes) -> None:
    with pytest.raises(MediaError) as caught:
        decode_image(data, max_pixels=LIMIT)
    assert caught.value.reason == "unreadable"


def test_file_that_is_no_image_is_unreadable_after_ultralytics_has_changed_pillow(
    quiet_ultralytics: None,
) -> None:
    import ultralytics  # noqa: F401  it puts another function in the place of Image.open

    with pytest.raises(MediaError) as caught:
        decode_image(b"<html></html>", max_pixels=LIMIT)
    assert caught.value.reason == "unreadable"


def test_image_of_200_megapixels_is_refused_by_its_header(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(*_: object) -> None:
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr("cv2.imdecode", decode)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decode)
    with pytest.raises(MediaError) as caught:
        decode_image(png_header(20_000, 10_000), max_pixels=LIMIT)
    assert caught.value.reason == "too_many_pixels"
    assert "20000 x 10000" in caught.value.message and "MEDIA_MAX_MEGAPIXELS" in caught.value.message


def test_limit_of_pixels_is_inclusive() -> None:
    data = png(10, 10)
    assert decode_image(data, max_pixels=100).shape == (10, 10, 3)
    with pytest.raises(MediaError):
        decode_image(data, max_pixels=99)


def test_limit_may_be_set_above_pillows_own() -> None:
    with pytest.raises(MediaError) as caught:
        decode_image(png_header(20_000, 10_000), max_pixels=300_000_000)
    assert "DecompressionBomb" not in caught.value.message and "exceeds limit" not in caught.value.message


def test_many_threads_refuse_large_images_and_leave_the_warnings_as_they_were() -> None:
    data = png_header(15_000, 10_000)  # Pillow warns of this one

    def reason(_: int) -> str:
        try:
            decode_image(data, max_pixels=LIMIT)
        except MediaError as error:
            return error.reason
        except Warning as warning:
            return f"warning: {warning}"
        return "decoded"

    before = list(warnings.filters)
    try:
        with ThreadPoolExecutor(8) as pool:
            reasons = set(pool.map(reason, range(2000)))
        assert reasons == {"too_many_pixels"}
        assert warnings.filters == before
    finally:
        warnings.filters[:] = before


def test_result_is_what_pillow_reads() -> None:
    data = png(50, 30)
    with PillowImage.open(io.BytesIO(data)) as image:
        assert_alike(decode_image(data, max_pixels=LIMIT), bgr(image))
