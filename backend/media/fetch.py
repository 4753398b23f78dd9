"""Fetch bytes over http(s) under limits, never from a private address that nobody allowed.

A host's name is resolved once for a connection, every address it has is checked, and the connection goes to
a checked address. Connections belong to names, not addresses, and are kept for the next image of that host.
Each redirect is judged like a new address.
"""

import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from time import monotonic

import httpx

from backend.errors import MediaError
from backend.media.addresses import AddressGuard
from backend.media.deadline import DeadlineBackend, Exchange, exchanging
from backend.media.source import Source, shown

_REDIRECTS = (301, 302, 303, 307, 308)
_DRAINED_BYTES = 65536  # of an answer that is no image, read so that its connection can be kept
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Limits of one fetch: bytes of the body, seconds in all, redirects followed."""

    max_bytes: int
    timeout: float
    max_redirects: int


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    location: str
    body: bytes


class Fetcher:
    """HTTP client for images; safe for any number of threads.

    Args:
        limits: Of each fetch.
        label_studio_url: Its host may lie on a private address, and gets our token.
        allowed_hosts: Lower-case names of other hosts that may lie on private addresses.
        auth_headers: Called for each request to Label Studio; returns its authorization header.
        renew_auth: Called with such a header that Label Studio refused; returns a new one, or the same
            where there is no other.
        connections: Most connections that are kept; as many as there are threads.
    """

    def __init__(
        self,
        limits: FetchLimits,
        *,
        label_studio_url: str,
        allowed_hosts: Iterable[str],
        auth_headers: Callable[[], Mapping[str, str]],
        renew_auth: Callable[[Mapping[str, str]], Mapping[str, str]] = dict,
        connections: int = 8,
    ) -> None:
        self.limits = limits
        own = httpx.URL(label_studio_url)
        self._own_origin, self._own_folder = _origin(own), own.path.rstrip("/") + "/"
        self._auth_headers = auth_headers
        self._renew_auth = renew_auth
        guard = AddressGuard(label_studio=self._own_origin[1:], allowed_hosts=allowed_hosts)
        # Proxies of the environment would resolve names again, behind the check.
        transport = httpx.HTTPTransport(
            verify=ssl.create_default_context(),
            trust_env=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=connections),
        )
        # httpx has no public way to choose httpcore's network backend.
        transport._pool._network_backend = DeadlineBackend(guard.find)
        self._client = httpx.Client(
            transport=transport, follow_redirects=False, trust_env=False, timeout=limits.timeout
        )
        # Cookies know no ports: a session's would go to whatever else runs on Label Studio's host.
        self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def fetch(self, source: Source) -> bytes:
        """Return the body.

        Raises:
            MediaError: refused, out of reach, too large, too slow, or not found; says which.
        """
        url, is_own = _parse(source.url), source.is_own
        deadline = monotonic() + self.limits.timeout
        for _ in range(self.limits.max_redirects + 1):
            answer = self._ask(url, is_own, deadline)
            if answer.status not in _REDIRECTS:
                _check_status(answer.status, url, source if is_own else None)
                return answer.body
            url = _parse(answer.location, base=url)
            # The token goes to Label Studio alone, also where it redirects to a storage.
            is_own = _origin(url) == self._own_origin and url.path.startswith(self._own_folder)
            if url.scheme not in _DEFAULT_PORTS:
                raise MediaError("bad_scheme", f"{shown(source.url)} redirects to the scheme {url.scheme!r}.")
        raise MediaError(
            "too_many_redirects",
            f"{shown(source.url)} redirects more than {self.limits.max_redirects} times "
            "(MEDIA_MAX_REDIRECTS).",
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _ask(self, url: httpx.URL, is_own: bool, deadline: float) -> _Answer:
        headers = self._auth_headers() if is_own else {}
        answer = self._get(url, headers, deadline)
        if answer.status == 401 and headers:
            renewed = self._renew_auth(headers)
            if renewed != headers:
                answer = self._get(url, renewed, deadline)
        return answer

    def _get(self, url: httpx.URL, headers: Mapping[str, str], deadline: float) -> _Answer:
        exchange = Exchange(deadline)
        try:
            with (
                exchanging(exchange),
                self._client.stream(
                    "GET",
                    url.copy_with(username=None, password=None),
                    headers={"Accept": "image/*,*/*;q=0.1", **headers},
                    timeout=max(0.1, deadline - monotonic()),
                ) as response,
            ):
                body = self._read(response, url, deadline)
                return _Answer(response.status_code, response.headers.get("location", ""), body)
        except httpx.TimeoutException:
            raise self._too_slow(url) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            if isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError):
                if not exchange.has_connected:
                    # The host hung up a kept connection just then. That ends, as each one fails once.
                    return self._get(url, headers, deadline)
            raise MediaError(
                "unreachable", f"{shown(url)} cannot be fetched: {error or type(error).__name__}."
            ) from None

    def _read(self, response: httpx.Response, url: httpx.URL, deadline: float) -> bytes:
        is_image = response.status_code == 200
        parts, size = [], 0
        for chunk in response.iter_bytes():
            size += len(chunk)
            if not is_image and size > _DRAINED_BYTES:
                break
            if size > self.limits.max_bytes:
                limit = self.limits.max_bytes // 2**20
                raise MediaError("too_large", f"{shown(url)} is larger than {limit} MB (MEDIA_MAX_MB).")
            if monotonic() > deadline:
                raise self._too_slow(url)
            parts.append(chunk)
        return b"".join(parts) if is_image else b""

    def _too_slow(self, url: httpx.URL) -> MediaError:
        return MediaError(
            "timeout", f"{shown(url)} took longer than {self.limits.timeout:g} s (MEDIA_TIMEOUT)."
        )


def _check_status(status: int, url: httpx.URL, own: Source | None) -> None:
    """Raise unless it is 200; `own` is the source where the status is Label Studio's."""
    if status == 200:
        return
    if own and own.bucket_uri and status in (404, 424):
        raise MediaError(
            "http_status",
            f"Label Studio answered {status} for {shown(own.bucket_uri)}; expected its image. Check that the "
            "task's project has a source storage for this bucket (Settings, Cloud Storage), whose "
            "credentials still hold.",
        )
    if status in (401, 403):
        raise MediaError(
            "access_denied",
            f"{shown(url)} answered {status}; "
            + (
                "check that LABEL_STUDIO_API_KEY belongs to a user who sees this project."
                if own
                else "its host wants credentials, or the signature in the address has run out."
            ),
        )
    raise MediaError("http_status", f"{shown(url)} answered {status}; expected 200.")


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    return url.scheme, url.raw_host.decode("ascii"), url.port or _DEFAULT_PORTS.get(url.scheme, 0)


def _parse(text: str, base: httpx.URL | None = None) -> httpx.URL:
    try:
        url = base.join(text) if base else httpx.URL(text)
        _ = url.host  # read as a name on access, and refused there
        return url
    except (httpx.InvalidURL, UnicodeError, ValueError):
        raise MediaError("bad_address", f"{shown(text)} is not an address.") from None
