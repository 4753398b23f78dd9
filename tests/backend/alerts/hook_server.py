"""A web server on this machine that takes apprise's JSON messages, or refuses them."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class HookServer:
    """What came in, and with which status the next ones are answered, by path; those not named get 200.

    A status of 0 is no answer at all until the server stops.
    """

    port: int
    taken: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)

    def address(self, path: str = "/hook") -> str:
        """Return what ALERT_URLS says for a path; it holds secrets."""
        return f"json://robot:s3cret-word@127.0.0.1:{self.port}{path}"

    def titles(self, path: str = "/hook") -> list[str]:
        """The titles of the messages that a path has taken, in order."""
        return [message["title"] for where, message in self.taken if where == path]

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Take or refuse one message."""
        message = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        status = self.statuses.get(handler.path, 200)
        if status == 0:
            self.stopping.wait()
            return
        if status == 200:
            self.taken.append((handler.path, message))
        else:
            self.refused.append(handler.path)
        handler.send_response(status)
        handler.send_header("Content-Length", "0")
        handler.end_headers()


@contextmanager
def run_hook_server() -> Iterator[HookServer]:
    """Listen on a free port of this machine until the block ends."""
    state: list[HookServer] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            state[0].answer(self)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        state.append(HookServer(http.server_port))
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield state[0]
        finally:
            state[0].stopping.set()
            http.shutdown()
            thread.join()
