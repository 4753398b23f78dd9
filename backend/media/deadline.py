"""Connections for one request after another: made to checked addresses, read until the request's deadline.

httpx limits the time of every single read, so a host that sends a byte now and then holds a thread for ever.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from ssl import SSLContext
from time import monotonic
from typing import Any

import httpcore


@dataclass(slots=True)
class Exchange:
    """One request. `deadline` is a moment of `time.monotonic` in seconds.

    `has_connected` turns true when a connection was made for it, instead of one that was kept.
    """

    deadline: float
    has_connected: bool = False


_exchange: ContextVar[Exchange] = ContextVar("exchange")


@contextmanager
def exchanging(exchange: Exchange) -> Iterator[None]:
    """Let what this thread connects and reads belong to the request."""
    token = _exchange.set(exchange)
    try:
        yield
    finally:
        _exchange.reset(token)


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left = _exchange.get().deadline - monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("deadline")
        return self._inner.read(max_bytes, timeout=left)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class DeadlineBackend(httpcore.SyncBackend):
    """Makes the connections.

    Args:
        find_address: Returns the address to connect to for a host and port, or raises.
    """

    def __init__(self, find_address: Callable[[str, int], str]) -> None:
        self._find_address = find_address

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        _exchange.get().has_connected = True
        address = self._find_address(host, port)
        return _Stream(super().connect_tcp(address, port, timeout, local_address, socket_options))
