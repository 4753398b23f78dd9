"""Images in the task's data itself: read as RFC 2397 says, and never more bytes than allowed."""

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import MediaError
from backend.media.data_uri import is_data_uri, read_data_uri

BODY = bytes(range(256))
BASE64 = base64.b64encode(BODY).decode()
LIMIT = 256


@pytest.mark.parametrize(
    "uri",
    [
        pytest.param(f"data:image/png;base64,{BASE64}", id="base64"),
        pytest.param(f"DATA:image/png;BASE64,{BASE64}", id="capitals"),
        pytest.param(f" \ndata:image/png;base64,{BASE64}\n", id="spaces around"),
        pytest.param(f"data:image/png;name=a.png;base64,{BASE64}", id="with a parameter"),
        pytest.param(f"data:;base64,{BASE64}", id="without media type"),
        pytest.param(f"data:image/png;base64,{quote(BASE64, safe='')}", id="base64, percent-encoded"),
        pytest.param(f"data:image/png;base64,{BASE64.rstrip('=')}", id="base64 without its closing signs"),
        pytest.param("data:image/png;base64," + "\r\n".join([BASE64[:76], BASE64[76:]]), id="in lines"),
        pytest.param(f"data:image/png,{quote(BODY, safe='')}", id="percent-encoded"),
    ],
)
def test_data_is_read_however_it_is_written(uri: str) -> None:
    assert is_data_uri(uri)
    assert read_data_uri(uri, max_bytes=LIMIT) == BODY


@pytest.mark.parametrize(
    "value",
    [None, 5, ["data:,a"], "", "/data/upload/a.png", "http://host/data:a", "datax:,a", "s3://data:/a"],
)
def test_other_values_are_no_data(value: object) -> None:
    assert not is_data_uri(value)


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        pytest.param("data:image/png;base64", "bad_address", id="no comma"),
        pytest.param("data:image/png;base64,%%%", "unreadable", id="no base64"),
        pytest.param("data:image/png;base64,AAAAA", "unreadable", id="one sign too many"),
        pytest.param("data:image/png;base64,A-_A", "unreadable", id="another alphabet"),
        pytest.param("data:image/png,\ud800", "unreadable", id="half a character"),
    ],
)
def test_data_that_cannot_be_read_is_a_media_error(uri: str, reason: str) -> None:
    with pytest.raises(MediaError) as caught:
        read_data_uri(uri, max_bytes=LIMIT)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "uri",
    [
        pytest.param(f"data:image/png;base64,{BASE64}", id="base64"),
        pytest.param(f"data:image/png,{quote(BODY, safe='')}", id="percent-encoded"),
    ],
)
def test_limit_of_bytes_is_inclusive(uri: str) -> None:
    assert len(read_data_uri(uri, max_bytes=256)) == 256
    with pytest.raises(MediaError) as caught:
        read_data_uri(uri, max_bytes=255)
    assert (caught.value.reason, "MEDIA_MAX_MB" in caught.value.message) == ("too_large", True)


def test_too_much_base64_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(*_: object, **__: object) -> bytes:
        raise AssertionError("base64 was decoded")

    monkeypatch.setattr("base64.b64decode", decode)
    with pytest.raises(MediaError) as caught:
        read_data_uri(f"data:image/png;base64,{'A' * 1_000_000}", max_bytes=LIMIT)
    assert caught.value.reason == "too_large"


@given(st.binary(max_size=200))
def test_any_bytes_come_back_from_both_forms(body: bytes) -> None:
    encoded = base64.b64encode(body).decode()
    for uri in (f"data:image/png;base64,{encoded}", f"data:image/png,{quote(body, safe='')}"):
        assert read_data_uri(uri, max_bytes=200) == body
