"""A web server on this machine that plays image hosts and Label Studio, good ones and bad ones."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_DRIP_SECONDS = 0.02
_CHUNK = b"x" * 65536


@dataclass(frozen=True)
class Seen:
    """One request that came in."""

    path: str
    headers: dict[str, str]


@dataclass
class ImageServer:
    """What to answer by path, and what was asked. Paths without an answer are 404."""

    port: int
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

    def serve(self, path: str, body: bytes, *, status: int = 200, kind: str = "image/png") -> str:
        """Answer with `body`; return the address."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            handler.send_header("Content-Type", kind)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

        return self._add(path, answer)

    def redirect(self, path: str, location: str, *, status: int = 302) -> str:
        """Answer with a redirect; return the address."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            handler.send_header("Location", location)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        return self._add(path, answer)

    def silent(self, path: str) -> str:
        """Take the request and answer nothing."""
        return self._add(path, lambda handler: self.stopping.wait() and None)

    def drip(self, path: str) -> str:
        """Answer with a body that comes byte by byte and never ends."""
        return self._add(path, lambda handler: self._stream(handler, b"x", _DRIP_SECONDS))

    def drip_headers(self, path: str) -> str:
        """Answer with headers that come one by one and never end."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while not self.stopping.wait(_DRIP_SECONDS):
                handler.wfile.write(b"X-More: 1\r\n")

        return self._add(path, answer)

    def endless(self, path: str) -> str:
        """Answer with a body that comes fast and never ends."""
        return self._add(path, lambda handler: self._stream(handler, _CHUNK, 0))

    def tokens(self) -> list[str | None]:
        """The authorization header of each request that came in."""
        return [request.headers.get("authorization") for request in self.seen]

    def _stream(self, handler: BaseHTTPRequestHandler, chunk: bytes, pause: float) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not self.stopping.wait(pause):
            handler.wfile.write(chunk)

    def _add(self, path: str, answer: Callable[[BaseHTTPRequestHandler], None]) -> str:
        self._answers[path] = answer
        return self.url + path

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Note one request, and answer it as told."""
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.seen.append(Seen(handler.path, headers))
        known = self._answers.get(handler.path)
        if known is None:
            handler.send_error(404)
            return
        try:
            known(handler)
        except OSError:  # the client had enough, as it should
            handler.close_connection = True


@contextmanager
def run_image_server() -> Iterator[ImageServer]:
    """Listen on a free port of this machine until the block ends."""
    state: list[ImageServer] = []

    class Handler(BaseHTTPRequestHandler):
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
