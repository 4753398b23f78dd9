"""Label Studio's API as far as the doctor asks it, over real HTTP, as healthy or broken as a test wants."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from flask import Flask, Response, jsonify, request
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.backend.label_configs import BOXES

PROJECT = 7
RESERVED = "URL resolves to a reserved network address (block: 127.0.0.0/8)"
LEGACY_REFUSED = "Token no longer valid: legacy token authentication has been disabled for this organization"
_SIGNED_WITH = "a key of thirty-two bytes or more"


def personal_token(kind: str = "refresh", *, seconds: float = 3600) -> str:
    """Return a token as Label Studio makes them."""
    return jwt.encode({"token_type": kind, "exp": time.time() + seconds}, _SIGNED_WITH, algorithm="HS256")


@dataclass
class FakeLabelStudio:
    """What it answers. `asked` are the changes that somebody tried, as method and path."""

    url: str = ""
    takes_legacy: bool = True
    refresh_answer: tuple[int, dict[str, str]] = (200, {})
    refuses_backends: bool = False
    refuses_webhooks: bool = False
    project: dict[str, Any] = field(
        default_factory=lambda: {
            "id": PROJECT,
            "title": "Street scenes",
            "task_number": 3,
            "label_config": BOXES,
            "model_version": "",
            "show_collab_predictions": True,
        }
    )
    backends: list[dict[str, Any]] = field(default_factory=list)
    webhooks: list[dict[str, Any]] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=dict)

    def add_backend(self, url: str, **fields: Any) -> dict[str, Any]:
        """Register a backend of the project."""
        common = {"id": len(self.backends) + 1, "project": PROJECT, "title": "ours", "state": "CO"}
        common["is_interactive"] = True
        self.backends.append({**common, "url": url, "auth_method": "NONE", **fields})
        return self.backends[-1]

    def add_webhook(self, url: str, **fields: Any) -> dict[str, Any]:
        """Register a webhook of the project, made as Label Studio makes them."""
        common = {"id": len(self.webhooks) + 1, "project": PROJECT, "headers": {}, "is_active": True}
        common |= {"send_payload": True, "send_for_all_actions": True}
        self.webhooks.append({**common, "url": url, **fields})
        return self.webhooks[-1]

    def app(self) -> Flask:
        """Return the application that answers so."""
        app = Flask("fake")
        app.url_map.strict_slashes = False
        app.before_request(self._refuse_token)
        routes: dict[str, Callable[..., Any]] = {
            "GET /api/version": lambda: {"release": "1.23.2"},
            "POST /api/token/refresh": self._refresh,
            "GET /api/current-user/whoami": lambda: {"id": 1, "email": "me@example.com"},
            f"GET /api/projects/{PROJECT}": lambda: self.project,
            f"GET /api/projects/{PROJECT}/model-versions": lambda: Response(_json(self.versions)),
            "GET /api/ml": lambda: jsonify(self.backends),
            "POST /api/ml": lambda: self._create(self.refuses_backends, "user and password are required"),
            "GET /api/webhooks": lambda: jsonify(self.webhooks),
            "POST /api/webhooks": lambda: self._create(self.refuses_webhooks, "organization-only action"),
        }
        for route, answer in routes.items():
            method, path = route.split(" ")
            app.add_url_rule(path, route, answer, methods=[method])
        return app

    def _refuse_token(self) -> Any:
        header = request.headers.get("Authorization", "")
        if header.startswith("Token ") and not self.takes_legacy:
            return {"detail": LEGACY_REFUSED}, 401
        return None

    def _refresh(self) -> Any:
        status, body = self.refresh_answer
        return ({"access": personal_token("access")} if status == 200 else body), status

    def _create(self, is_refused: bool, otherwise: str) -> Any:
        # The real one looks at the address first, then misses what the doctor left out on purpose.
        return ({"detail": RESERVED}, 403) if is_refused else ({"detail": otherwise}, 400)


@contextmanager
def serve(app: Flask, *, port: int = 0) -> Iterator[str]:
    """Run the application on this machine until the block ends; yields its address."""
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=_Quiet)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Quiet(WSGIRequestHandler):
    def log_request(self, *_: object) -> None:
        pass


def _json(versions: dict[str, int]) -> str:
    # Flask would sort the keys, whose order means something.
    return "{" + ", ".join(f'"{name}": {count}' for name, count in versions.items()) + "}"
