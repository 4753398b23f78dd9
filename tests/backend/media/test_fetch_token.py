"""The token: to Label Studio alone, renewed once where it was refused."""

from collections.abc import Mapping
from contextlib import closing
from typing import Any

import pytest

from backend.errors import LabelStudioError
from backend.media.fetch import Fetcher, FetchLimits
from backend.media.source import Source, resolve_source
from tests.backend.image_server import ImageServer
from tests.backend.media.fetching import BODY, TOKEN, MakeFetcher, fetch, refusal


def test_label_studio_may_lie_on_a_private_address_and_gets_the_token(
    make_fetcher: MakeFetcher, image_server: ImageServer
) -> None:
    image_server.serve("/data/upload/a.png", BODY)
    assert fetch(make_fetcher(), image_server, "/data/upload/a.png") == BODY
    assert image_server.tokens() == [f"Token {TOKEN}"]
    assert image_server.seen[0].headers["host"] == f"127.0.0.1:{image_server.port}"


def test_allowed_host_on_a_private_address_gets_no_token(
    make_fetcher: MakeFetcher, image_server: ImageServer, other_server: ImageServer
) -> None:
    other_server.serve("/a.png", BODY)
    fetcher = make_fetcher(allowed=("localhost",))
    assert fetch(fetcher, image_server, f"{other_server.named_url}/a.png") == BODY
    assert other_server.tokens() == [None]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_token_is_not_sent_to_another_host_after_a_redirect(
    make_fetcher: MakeFetcher, image_server: ImageServer, other_server: ImageServer, status: int
) -> None:
    other_server.serve("/signed.png", BODY)
    image_server.redirect("/data/a.png", f"{other_server.named_url}/signed.png", status=status)
    assert fetch(make_fetcher(allowed=("localhost",)), image_server, "/data/a.png") == BODY
    assert image_server.tokens() == [f"Token {TOKEN}"]
    assert other_server.tokens() == [None]


def test_token_is_not_sent_to_another_port_after_a_redirect(
    make_fetcher: MakeFetcher, image_server: ImageServer, other_server: ImageServer
) -> None:
    other_server.serve("/a.png", BODY)
    image_server.redirect("/data/a.png", f"{other_server.url}/a.png")
    fetcher = make_fetcher(allowed=("127.0.0.1",))
    assert fetch(fetcher, image_server, "/data/a.png") == BODY
    assert other_server.tokens() == [None]


def test_user_and_password_of_an_address_are_not_sent(
    make_fetcher: MakeFetcher, image_server: ImageServer, other_server: ImageServer
) -> None:
    other_server.serve("/a.png", BODY)
    address = f"http://user:password@localhost:{other_server.port}/a.png"
    fetch(make_fetcher(allowed=("localhost",)), image_server, address)
    assert other_server.tokens() == [None]
    assert "password" not in str(other_server.seen)


def test_relative_redirect_stays_with_label_studio(
    make_fetcher: MakeFetcher, image_server: ImageServer
) -> None:
    image_server.serve("/data/b.png", BODY)
    image_server.redirect("/data/a.png", "b.png")
    assert fetch(make_fetcher(), image_server, "/data/a.png") == BODY
    assert image_server.tokens() == [f"Token {TOKEN}"] * 2


def test_token_is_not_sent_to_another_application_on_label_studios_host(
    make_fetcher: MakeFetcher, image_server: ImageServer
) -> None:
    image_server.redirect("/ls/data/a.png", "/other/a.png")
    image_server.serve("/other/a.png", BODY)
    fetcher = make_fetcher(url=f"{image_server.url}/ls")
    source = resolve_source("/data/a.png", label_studio_url=f"{image_server.url}/ls")
    assert fetcher.fetch(source) == BODY
    assert image_server.tokens() == [f"Token {TOKEN}", None]


def test_cookies_are_not_sent_back(make_fetcher: MakeFetcher, image_server: ImageServer) -> None:
    image_server.serve("/data/a.png", BODY, cookie="sessionid=1")
    fetcher = make_fetcher()
    fetch(fetcher, image_server, "/data/a.png")
    fetch(fetcher, image_server, "/data/a.png")
    assert [request.headers.get("cookie") for request in image_server.seen] == [None, None]


class ExpiringToken:
    """A personal access token whose first access token Label Studio no longer takes."""

    def __init__(self, *accepted: str) -> None:
        self.header = {"Authorization": "Bearer old"}
        self.accepted = list(accepted)
        self.refused: list[Mapping[str, str]] = []

    def renew(self, refused: Mapping[str, str]) -> Mapping[str, str]:
        self.refused.append(refused)
        if self.accepted:
            self.header = {"Authorization": f"Bearer {self.accepted.pop(0)}"}
        return self.header

    @property
    def auth(self) -> dict[str, Any]:
        return {"auth_headers": lambda: self.header, "renew_auth": self.renew}


def test_access_token_that_ran_out_in_between_is_renewed_and_the_image_asked_for_once_more(
    make_fetcher: MakeFetcher, image_server: ImageServer
) -> None:
    token = ExpiringToken("new", "never needed")
    image_server.serve_to("Bearer new", "/data/a.png", BODY)
    fetcher = make_fetcher(auth=token.auth)
    assert fetch(fetcher, image_server, "/data/a.png") == BODY
    assert fetch(fetcher, image_server, "/data/a.png") == BODY
    assert image_server.tokens() == ["Bearer old", "Bearer new", "Bearer new"]
    assert token.refused == [{"Authorization": "Bearer old"}]


def test_renewed_token_that_is_refused_too_is_not_renewed_again(
    make_fetcher: MakeFetcher, image_server: ImageServer
) -> None:
    token = ExpiringToken("also old", "never tried")
    image_server.serve_to("Bearer new", "/data/a.png", BODY)
    error = refusal(make_fetcher(auth=token.auth), Source(f"{image_server.url}/data/a.png", is_own=True))
    assert (error.reason, "LABEL_STUDIO_API_KEY" in error.message) == ("access_denied", True)
    assert image_server.tokens() == ["Bearer old", "Bearer also old"]


def test_token_that_cannot_be_another_is_sent_once(
    make_fetcher: MakeFetcher, image_server: ImageServer
) -> None:
    image_server.serve_to("Token another", "/data/a.png", BODY)
    source = Source(f"{image_server.url}/data/a.png", is_own=True)
    assert refusal(make_fetcher(), source).reason == "access_denied"
    assert len(image_server.seen) == 1


def test_refusal_of_another_host_renews_nothing_and_does_not_blame_our_token(
    make_fetcher: MakeFetcher, image_server: ImageServer, other_server: ImageServer
) -> None:
    token = ExpiringToken("new")
    other_server.serve("/a.png", b"", status=401)
    fetcher = make_fetcher(allowed=("localhost",), auth=token.auth)
    error = refusal(fetcher, Source(f"{other_server.named_url}/a.png", is_own=False))
    assert (error.reason, "LABEL_STUDIO_API_KEY" in error.message) == ("access_denied", False)
    assert (token.refused, other_server.tokens()) == ([], [None])


def test_token_that_cannot_be_refreshed_is_label_studios_error(image_server: ImageServer) -> None:
    def fail() -> dict[str, str]:
        raise LabelStudioError("refused")

    limits = FetchLimits(1000, 5.0, 3)
    fetcher = Fetcher(limits, label_studio_url=image_server.url, allowed_hosts=(), auth_headers=fail)
    with closing(fetcher), pytest.raises(LabelStudioError):
        fetcher.fetch(Source(f"{image_server.url}/data/a.png", is_own=True))
    assert image_server.seen == []
