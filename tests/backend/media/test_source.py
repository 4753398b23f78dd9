"""What a task's image address means, and which addresses mean nothing."""

import base64
import time
from urllib.parse import quote

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
        pytest.param("s3://bucket", "bad_scheme", id="bucket without key"),
        pytest.param("s3:///a.png", "bad_scheme", id="key without bucket"),
        pytest.param("s3:a.png", "bad_scheme", id="bucket's scheme alone"),
        pytest.param("hdfs://bucket/a.png", "bad_scheme", id="another storage"),
        pytest.param("s3://bucket/\ud800.png", "bad_address", id="half a character"),
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
        resolve_source(value, label_studio_url=STUDIO, task_id=1)
    assert caught.value.reason == reason
    assert len(caught.value.message) < 400


@pytest.mark.parametrize(
    "uri",
    [
        pytest.param("s3://bucket/folder/a.png", id="S3"),
        pytest.param("gs://bucket/a.png", id="Google Cloud Storage"),
        pytest.param("azure-blob://container/a.png", id="Azure"),
        pytest.param("s3://bucket/a b/../ä+?#%2F.png", id="signs that keys may hold"),
    ],
)
def test_bucket_is_asked_for_through_label_studio(uri: str) -> None:
    encoded = base64.urlsafe_b64encode(uri.encode()).decode()
    found = resolve_source(uri, label_studio_url="https://host/ls", task_id=7)
    assert found == Source(f"https://host/ls/tasks/7/presign/?fileuri={encoded}", True, bucket_uri=uri)


@pytest.mark.parametrize("uri", ["s3://bucket/a.png", "gs://bucket/a.png", "azure-blob://bucket/a.png"])
def test_bucket_without_a_task_is_refused_and_the_message_says_why(uri: str) -> None:
    with pytest.raises(MediaError) as caught:
        resolve_source(uri, label_studio_url=STUDIO)
    assert (caught.value.reason, uri in caught.value.message) == ("no_task_id", True)
    assert "task with an id" in caught.value.message


URI = "s3://bucket/ä?.png"
ENCODED = base64.urlsafe_b64encode(URI.encode()).decode()


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(URI, id="bucket"),
        pytest.param(f"/tasks/5/presign/?fileuri={ENCODED}", id="presign"),
        pytest.param(f"/tasks/5/resolve/?fileuri={ENCODED}", id="resolve"),
        pytest.param(f"/projects/5/resolve/?fileuri={ENCODED}", id="of the project"),
        pytest.param(f"{STUDIO}/tasks/5/resolve/?fileuri={ENCODED}", id="absolute"),
        pytest.param("/tasks/5/presign/?fileuri=" + quote(URI, safe=""), id="quoted, not encoded"),
    ],
)
def test_object_of_a_bucket_is_known_as_one_however_it_is_asked_for(value: str) -> None:
    found = resolve_source(value, label_studio_url=STUDIO, task_id=9)
    assert (found.bucket_uri, found.is_own) == (URI, True)


def test_resolved_address_under_a_path_names_its_bucket_too() -> None:
    value = f"/ls/tasks/5/resolve/?fileuri={ENCODED}"
    found = resolve_source(value, label_studio_url="https://host/ls", task_id=9)
    assert (found.url, found.bucket_uri) == (f"https://host{value}", URI)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("/data/upload/a.png", id="upload"),
        pytest.param("https://example.com/a.png?X-Signature=1", id="signed"),
        pytest.param(f"https://example.com/tasks/5/resolve/?fileuri={ENCODED}", id="another host's resolve"),
        pytest.param("/tasks/5/resolve/?fileuri=" + quote("http://127.0.0.1/a", safe=""), id="no bucket"),
        pytest.param("/tasks/5/resolve/?fileuri=%FF", id="no text"),
        pytest.param("/tasks/5/resolve/", id="nothing to resolve"),
        pytest.param(f"/data/tasks/5/resolve/?fileuri={ENCODED}", id="another path"),
    ],
)
def test_any_other_image_is_in_no_bucket(value: str) -> None:
    found = resolve_source(value, label_studio_url=STUDIO)
    assert found.bucket_uri is None
    assert found.url == (value if value.startswith("http") else STUDIO + value)


@given(
    st.text(max_size=60)
    | st.text("/.:@%\\?#d2ef5c", max_size=40).map("http://localhost:8080".__add__)
    | st.text(max_size=20).map("s3://bucket/".__add__)
    | st.text("/.?=%az09", max_size=20).map("/tasks/1/resolve/?fileuri=".__add__)
)
def test_any_text_is_a_source_or_a_media_error(value: str) -> None:
    try:
        source = resolve_source(value, label_studio_url=STUDIO, task_id=1)
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


def test_long_value_costs_a_message_no_time() -> None:
    started = time.monotonic()
    assert len(shown("data:image/png;base64," + "//" * 1_000_000)) < 200
    assert time.monotonic() - started < 1.0
