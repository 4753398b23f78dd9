"""Fetch bytes over http(s) under limits, never from a private address that nobody allowed.

The name is resolved once, every address it has is checked, and the connection goes to a checked address:
a second answer of the name server cannot lead elsewhere. Each redirect is judged like a new address.
"""

import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic

import httpx

from backend.errors import MediaError
from backend.media.deadline import DeadlineBackend, deadline_at
from backend.media.source import Source, shown

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Limits of one fetch: bytes of the body, seconds in all, redirects followed."""

    max_bytes: int
    timeout: float
    max_redirects: int


class Fetcher:
    """HTTP client for images; safe for any number of threads.

    Args:
        limits: Of each fetch.
        label_studio_url: Its host may lie on a private address, and gets our token.
        allowed_hosts: Lower-case names of other hosts that may lie on private addresses.
        auth_headers: Called for each request to Label Studio; returns its authorization header.
    """

    def __init__(
        self,
        limits: FetchLimits,
        *,
        label_studio_url: str,
        allowed_hosts: Iterable[str],
        auth_headers: Callable[[], dict[str, str]],
    ) -> None:
        self._limits = limits
        self._own = httpx.URL(label_studio_url)
        self._allowed = frozenset(allowed_hosts)
        self._auth_headers = auth_headers
        # Proxies of the environment would resolve names again, behind the check.
        transport = httpx.HTTPTransport(verify=ssl.create_default_context(), trust_env=False)
        # httpx has no public way to choose httpcore's network backend.
        transport._pool._network_backend = DeadlineBackend()
        self._client = httpx.Client(
            transport=transport,
            follow_redirects=False,
            trust_env=False,
            timeout=limits.timeout,
        )

    def fetch(self, source: Source) -> bytes:
        """Return the body.

        Raises:
            MediaError: refused, out of reach, too large, too slow, or not found; says which.
        """
        url, is_own = _parse(source.url), source.is_own
        deadline = monotonic() + self._limits.timeout
        for _ in range(self._limits.max_redirects + 1):
            status, location, body = self._get(url, is_own, deadline)
            if status not in _REDIRECTS:
                return body
            url = _parse(location, base=url)
            # The token goes to Label Studio alone, also where it redirects to a storage.
            is_own = self._is_label_studio(url)
            if url.scheme not in ("http", "https"):
                raise MediaError("bad_scheme", f"{shown(source.url)} redirects to the scheme {url.scheme!r}.")
        raise MediaError(
            "too_many_redirects",
            f"{shown(source.url)} redirects more than {self._limits.max_redirects} times "
            "(MEDIA_MAX_REDIRECTS).",
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _is_label_studio(self, url: httpx.URL) -> bool:
        return (url.scheme, url.host, url.port) == (self._own.scheme, self._own.host, self._own.port)

    def _get(self, url: httpx.URL, is_own: bool, deadline: float) -> tuple[int, str, bytes]:
        address = self._checked_address(url)
        headers = {"Host": url.netloc.decode(), "Accept": "image/*,*/*;q=0.1"}
        if is_own:
            headers |= self._auth_headers()
        try:
            with (
                deadline_at(deadline),
                self._client.stream(
                    "GET",
                    url.copy_with(host=address, username=None, password=None),
                    headers=headers,
                    extensions={"sni_hostname": url.host},
                    timeout=max(0.1, deadline - monotonic()),
                ) as response,
            ):
                if response.status_code in _REDIRECTS:
                    return response.status_code, response.headers.get("location", ""), b""
                self._check_status(response, url)
                return response.status_code, "", self._read(response, url, deadline)
        except httpx.TimeoutException:
            raise self._too_slow(url) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise MediaError(
                "unreachable", f"{shown(url)} cannot be fetched: {error or type(error).__name__}."
            ) from None

    def _check_status(self, response: httpx.Response, url: httpx.URL) -> None:
        if response.status_code in (401, 403):
            raise MediaError(
                "access_denied",
                f"{shown(url)} answered {response.status_code}; check that LABEL_STUDIO_API_KEY belongs to a "
                "user who sees this project.",
            )
        if response.status_code != 200:
            raise MediaError("http_status", f"{shown(url)} answered {response.status_code}; expected 200.")

    def _read(self, response: httpx.Response, url: httpx.URL, deadline: float) -> bytes:
        parts, size = [], 0
        for chunk in response.iter_bytes():
            size += len(chunk)
            if size > self._limits.max_bytes:
                limit = self._limits.max_bytes // 2**20
                raise MediaError("too_large", f"{shown(url)} is larger than {limit} MB (MEDIA_MAX_MB).")
            if monotonic() > deadline:
                raise self._too_slow(url)
            parts.append(chunk)
        return b"".join(parts)

    def _too_slow(self, url: httpx.URL) -> MediaError:
        return MediaError(
            "timeout", f"{shown(url)} took longer than {self._limits.timeout:g} s (MEDIA_TIMEOUT)."
        )

    def _checked_address(self, url: httpx.URL) -> str:
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            found = socket.getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise MediaError("unreachable", f"The host of {shown(url)} cannot be found: {error}.") from None
        addresses = [str(entry[4][0]) for entry in found]
        if not self._is_label_studio(url) and url.host.lower() not in self._allowed:
            for address in addresses:
                if not _is_public(address):
                    raise MediaError(
                        "private_address",
                        f"{shown(url)} lies on the private address {address}. If images may come from there, "
                        f"add {url.host} to MEDIA_ALLOWED_HOSTS.",
                    )
        # Servers that listen on IPv4 alone are common on "localhost"; prefer it where both exist.
        return next((a for a in addresses if ":" not in a), addresses[0])


def _parse(text: str, base: httpx.URL | None = None) -> httpx.URL:
    try:
        return base.join(text) if base else httpx.URL(text)
    except (httpx.InvalidURL, UnicodeError, ValueError):
        raise MediaError("bad_address", f"{shown(text)} is not an address.") from None


def _is_public(text: str) -> bool:
    """Tell whether the address is one of the open internet, also where it wraps another one."""
    address = ipaddress.ip_address(text.split("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            wrapped = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if wrapped is not None:
            return _is_public(str(wrapped))
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast
