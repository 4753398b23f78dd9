"""A web server on this machine that plays image hosts and Label Studio, good ones and bad ones."""

import base64
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any

_DRIP_SECONDS = 0.02
_CHUNK = b"x" * 65536


@dataclass(frozen=True)
class Seen:
    """One request that came in."""

    path: str
    headers: dict[str, str]
    connection: int  # the caller's port: the same for requests that came over one connection


@dataclass
class ImageServer:
    """What to answer by path, and what was asked. Paths without an answer are 404."""

    port: int
    keeps_connections: bool = False
    seen: list[Seen] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)
    _answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def named_url(self) -> str:
        """The same server under another host name."""
        return f"http://localhost:{self.port}"

    def serve(
        self, path: str, body: bytes, *, status: int = 200, kind: str = "image/png", cookie: str = ""
    ) -> str:
        """Answer with `body`; return the address."""
        headers = {"Content-Type": kind} | ({"Set-Cookie": cookie} if cookie else {})
        return self._add(path, lambda handler: _send(handler, body, status, headers))

    def serve_to(self, authorization: str, path: str, body: bytes) -> str:
        """Answer with `body` to who names this authorization, and with 401 to others."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            is_known = handler.headers.get("Authorization") == authorization
            _send(handler, body if is_known else b"{}", 200 if is_known else 401)

        return self._add(path, answer)

    def presign(self, task_id: int, uri: str, location: str) -> str:
        """Play Label Studio for a task with a bucket: redirect to where its image is said to be."""
        encoded = base64.urlsafe_b64encode(uri.encode()).decode()
        return self.redirect(f"/tasks/{task_id}/presign/?fileuri={encoded}", location, status=303)

    def redirect(self, path: str, location: str, *, status: int = 302) -> str:
        """Answer with a redirect; return the address."""

        return self._add(path, lambda handler: _send(handler, b"", status, {"Location": location}))

    def silent(self, path: str) -> str:
        """Take the request and answer nothing."""
        return self._add(path, lambda handler: self.stopping.wait() and None)

    def drip(self, path: str) -> str:
        """Answer with a body that comes byte by byte and never ends."""
        return self._add(path, lambda handler: self._stream(handler, b"x", _DRIP_SECONDS))

    def drip_headers(self, path: str) -> str:
        """Answer with headers that come one by one and never end."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.close_connection = True
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while not self.stopping.wait(_DRIP_SECONDS):
                handler.wfile.write(b"X-More: 1\r\n")

        return self._add(path, answer)

    def endless(self, path: str) -> str:
        """Answer with a body that comes fast and never ends."""
        return self._add(path, lambda handler: self._stream(handler, _CHUNK, 0))

    def hang_up(self, path: str) -> str:
        """Take the request and close the connection."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.close_connection = True

        return self._add(path, answer)

    def tokens(self) -> list[str | None]:
        """The authorization header of each request that came in."""
        return [request.headers.get("authorization") for request in self.seen]

    def connections(self) -> int:
        """How many connections the requests came over."""
        return len({request.connection for request in self.seen})

    def _stream(self, handler: BaseHTTPRequestHandler, chunk: bytes, pause: float) -> None:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        while not self.stopping.wait(pause):
            handler.wfile.write(chunk)

    def _add(self, path: str, answer: Callable[[BaseHTTPRequestHandler], None]) -> str:
        self._answers[path] = answer
        return self.url + path

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Note one request, and answer it as told."""
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.seen.append(Seen(handler.path, headers, handler.client_address[1]))
        known = self._answers.get(handler.path)
        if known is None:
            handler.send_error(404)
            return
        try:
            known(handler)
        except OSError:  # the client had enough, as it should
            handler.close_connection = True


def _send(
    handler: BaseHTTPRequestHandler,
    body: bytes,
    status: int,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> None:
    handler.send_response(status)
    for name, value in {**headers, "Content-Length": str(len(body))}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def run_image_server() -> Iterator[ImageServer]:
    """Listen on a free port of this machine until the block ends."""
    state: list[ImageServer] = []

    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True  # else each body waits 40 ms for its headers to be acknowledged

        @property
        def protocol_version(self) -> str:  # type: ignore[override]
            return "HTTP/1.1" if state[0].keeps_connections else "HTTP/1.0"

        def do_GET(self) -> None:
            state[0].answer(self)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        state.append(ImageServer(http.server_port))
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield state[0]
        finally:
            state[0].stopping.set()
            http.shutdown()
            thread.join()
