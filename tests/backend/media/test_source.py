"""What a task's image address means, and which addresses mean nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import MediaError
from backend.media.source import Source, resolve_source, shown

STUDIO = "http://localhost:8080"


@pytest.mark.parametrize(
    ("value", "url"),
    [
        pytest.param("/data/upload/1/a.png", f"{STUDIO}/data/upload/1/a.png", id="upload"),
        pytest.param(
            "/data/local-files/?d=a/b.png", f"{STUDIO}/data/local-files/?d=a/b.png", id="local file"
        ),
        pytest.param(
            "/storage-data/uploaded/?filepath=u/a", f"{STUDIO}/storage-data/uploaded/?filepath=u/a", id="new"
        ),
        pytest.param(
            "/tasks/1/presign/?fileuri=czM6", f"{STUDIO}/tasks/1/presign/?fileuri=czM6", id="presigned"
        ),
        pytest.param(f"{STUDIO}/data/upload/a.png", f"{STUDIO}/data/upload/a.png", id="absolute"),
        pytest.param("http://LOCALHOST:8080/data/a.png", "http://LOCALHOST:8080/data/a.png", id="capitals"),
        pytest.param("  /data/a.png\n", f"{STUDIO}/data/a.png", id="spaces around"),
        pytest.param("/data/a b..c.png", f"{STUDIO}/data/a b..c.png", id="two dots within a name"),
    ],
)
def test_label_studios_own_addresses_get_its_token(value: str, url: str) -> None:
    assert resolve_source(value, label_studio_url=STUDIO) == Source(url, is_own=True)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("https://example.com/a.png", id="another host"),
        pytest.param("http://localhost:8080@evil.com/data/a.png", id="host as user name"),
        pytest.param("http://localhost:8080%40evil.com/data/a.png", id="host as encoded user name"),
        pytest.param("http://label-studio.evil.com/data/a.png", id="name that begins alike"),
        pytest.param("http://localhost:8080.evil.com/data/a.png", id="port and dot"),
        pytest.param("http://localhost.:8080/data/a.png", id="closing dot"),
        pytest.param("http://localhost:8081/data/a.png", id="another port"),
        pytest.param("http://localhost/data/a.png", id="no port"),
        pytest.param("https://localhost:8080/data/a.png", id="another scheme"),
        pytest.param("http://127.0.0.1:8080/data/a.png", id="another name of the host"),
        pytest.param("http://evil.com#@localhost:8080/data/a.png", id="fragment"),
        pytest.param("http://evil.com?@localhost:8080/data/a.png", id="query"),
        pytest.param("http://evil.com/http://localhost:8080/data/a.png", id="path"),
        pytest.param("http://localhost:8080\\@evil.com/data/a.png", id="backslash"),
    ],
)
def test_look_alike_address_gets_no_token(value: str) -> None:
    try:
        assert not resolve_source(value, label_studio_url=STUDIO).is_own
    except MediaError as error:
        assert error.reason == "bad_address"


@pytest.mark.parametrize(
    ("value", "url", "is_own"),
    [
        ("/data/upload/a.png", "https://host/ls/data/upload/a.png", True),
        ("/ls/data/upload/a.png", "https://host/ls/data/upload/a.png", True),
        ("https://host/ls/data/a.png", "https://host/ls/data/a.png", True),
        ("https://host/other/a.png", "https://host/other/a.png", False),
        ("https://host/lsx/data/a.png", "https://host/lsx/data/a.png", False),
    ],
)
def test_label_studio_under_a_path_keeps_that_path(value: str, url: str, is_own: bool) -> None:
    assert resolve_source(value, label_studio_url="https://host/ls") == Source(url, is_own)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param(None, "no_image", id="null"),
        pytest.param(12, "no_image", id="number"),
        pytest.param(["/data/a.png"], "no_image", id="list"),
        pytest.param("", "no_image", id="empty"),
        pytest.param(" \t", "no_image", id="blank"),
        pytest.param("file:///etc/passwd", "bad_scheme", id="file"),
        pytest.param("FILE:///etc/passwd", "bad_scheme", id="file in capitals"),
        pytest.param("s3://bucket/a.png", "bad_scheme", id="bucket"),
        pytest.param("ftp://host/a.png", "bad_scheme", id="ftp"),
        pytest.param("data:image/png;base64,AAAA", "bad_scheme", id="data"),
        pytest.param("javascript:alert(1)", "bad_scheme", id="script"),
        pytest.param("http:///data/a.png", "bad_scheme", id="no host"),
        pytest.param("//evil.com/data/a.png", "bad_scheme", id="host without scheme"),
        pytest.param("C:\\images\\a.png", "bad_scheme", id="Windows drive"),
        pytest.param("C:/images/a.png", "bad_scheme", id="Windows drive with slashes"),
        pytest.param("\\\\server\\share\\a.png", "bad_scheme", id="Windows share"),
        pytest.param("images/a.png", "bad_scheme", id="relative path"),
        pytest.param("/etc/passwd", "bad_address", id="path of this machine"),
        pytest.param("/database/a.png", "bad_address", id="path that begins alike"),
        pytest.param("http://host:port/a.png", "bad_address", id="port a word"),
        pytest.param("http://host:99999/a.png", "bad_address", id="port too high"),
        pytest.param("http://[::1/a.png", "bad_address", id="half an IPv6 address"),
        pytest.param("/data/../etc/passwd", "bad_path", id="dots"),
        pytest.param("/data/..", "bad_path", id="dots at the end"),
        pytest.param("/data/%2e%2e/etc/passwd", "bad_path", id="dots encoded"),
        pytest.param("/data/%252e%252e/etc/passwd", "bad_path", id="dots encoded twice"),
        pytest.param("/data/..%2f..%2fetc/passwd", "bad_path", id="slashes encoded"),
        pytest.param("/data/..%252f..%252fetc/passwd", "bad_path", id="slashes encoded twice"),
        pytest.param("/data/..\\..\\etc", "bad_path", id="backslashes"),
        pytest.param("/data/..%5c..%5cetc", "bad_path", id="backslashes encoded"),
        pytest.param("/data/local-files/?d=../../etc/passwd", "bad_path", id="dots in the query"),
        pytest.param("/data/local-files/?d=%2e%2e/etc", "bad_path", id="dots encoded in the query"),
        pytest.param("/data/local-files/?d=%252e%252e/etc", "bad_path", id="dots encoded twice in the query"),
        pytest.param("/data/a%00.png", "bad_path", id="NUL encoded"),
        pytest.param("http://host/a/../b.png", "bad_path", id="dots on another host"),
    ],
)
def test_what_is_no_place_of_images_is_refused_with_its_reason(value: object, reason: str) -> None:
    with pytest.raises(MediaError) as caught:
        resolve_source(value, label_studio_url=STUDIO)
    assert caught.value.reason == reason
    assert len(caught.value.message) < 400


@given(st.text(max_size=60) | st.text("/.:@%\\?#d2ef5c", max_size=40).map("http://localhost:8080".__add__))
def test_any_text_is_a_source_or_a_media_error(value: str) -> None:
    try:
        source = resolve_source(value, label_studio_url=STUDIO)
    except MediaError:
        return
    assert source.url.lower().startswith(("http://", "https://"))


def test_messages_leave_out_the_query_which_may_hold_a_signature() -> None:
    assert shown("https://host/a.png?X-Signature=secret") == "'https://host/a.png'"
    with pytest.raises(MediaError) as caught:
        resolve_source("ftp://host/a.png?token=secret", label_studio_url=STUDIO)
    assert "secret" not in caught.value.message


def test_messages_leave_out_user_and_password() -> None:
    with pytest.raises(MediaError) as caught:
        resolve_source("ftp://user:secret@host/a.png", label_studio_url=STUDIO)
    assert "secret" not in caught.value.message
