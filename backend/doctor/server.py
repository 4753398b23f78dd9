"""Checks of our own server: does it answer where it should, is it ready, has it these settings."""

from http import HTTPStatus

import httpx

from backend.doctor.case import Case
from backend.doctor.check import Entry, Outcome, failed, ok, unknown
from backend.errors import AppError

_SECONDS = 3.0
_RESTART = "Restart the server with these settings: make run (in a container: docker compose up -d)"


class _NoAnswer(AppError):
    """Our server does not answer."""


def check_server(case: Case) -> Outcome:
    """Ask for /health at the address that Label Studio is told."""
    settings = case.settings
    local = f"http://localhost:{settings.port}"
    try:
        answer = _ask("GET", f"{settings.public_url}/health")
    except _NoAnswer as error:
        if settings.public_url != local and _answers(local):
            return unknown(
                f"it runs ({local}), but BACKEND_URL={settings.public_url} does not answer from here; "
                '"reach" of each project tells whether it does from Label Studio'
            )
        return failed(error.message)
    if not _is_ours(answer):
        return failed(
            f"Another program answers at {settings.public_url} (status {answer.status_code}).",
            "PORT=<a free port>, or BACKEND_URL=<this server's address>; then restart and run connect",
        )
    return ok(f"answers at {settings.public_url}")


def check_credentials(case: Case) -> Outcome:
    """See that the running server takes the password and the secret that these settings hold.

    The webhook is sent an empty body, which is refused after the secret was looked at.
    """
    settings = case.settings
    auth = None
    if settings.has_basic_auth:
        auth = (settings.basic_auth_user, settings.basic_auth_pass.get_secret_value())
    answer = _ask("GET", f"{settings.public_url}/versions", auth=auth)
    if answer.status_code == HTTPStatus.UNAUTHORIZED:
        return failed(
            "The running server has another BASIC_AUTH_USER or BASIC_AUTH_PASS than these settings."
        )
    if answer.status_code == HTTPStatus.FORBIDDEN:
        return failed(
            f"Without a password the server answers its own machine alone, not {settings.public_url}.",
            "BASIC_AUTH_USER=label-studio and BASIC_AUTH_PASS=<a password>, then restart and run connect",
        )
    hook = _ask("POST", case.connector.webhook_url, headers=case.connector.webhook_headers)
    if hook.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return failed("The running server has another WEBHOOK_SECRET than these settings.")
    parts = ("password" if auth else "", "webhook secret" if settings.webhook_secret else "")
    return ok(" and ".join(filter(None, parts)) + " accepted" if any(parts) else "none are set, none wanted")


def check_ready(case: Case) -> Outcome:
    """Ask for /ready: database and model must answer."""
    answer = _ask("GET", f"{case.settings.public_url}/ready")
    try:
        checks = dict(answer.json()["checks"])
    except (ValueError, KeyError, TypeError):
        return failed(f"/ready answered {answer.status_code} without its checks.")
    if answer.status_code == HTTPStatus.OK:
        return ok(", ".join(f"{name} {state}" for name, state in checks.items()))
    bad = ", ".join(f"{name} ({state})" for name, state in checks.items() if state != "ok")
    return failed(f"The server cannot predict; not in order: {bad}. Its log says why.")


def _ask(
    method: str, url: str, *, auth: tuple[str, str] | None = None, headers: dict[str, str] | None = None
) -> httpx.Response:
    try:
        return httpx.request(
            method, url, auth=auth, headers=headers, timeout=_SECONDS, trust_env=False, follow_redirects=False
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _NoAnswer(f"Nothing answers at {url} ({type(error).__name__}: {error}).") from None


def _answers(url: str) -> bool:
    try:
        return _is_ours(_ask("GET", f"{url}/health"))
    except _NoAnswer:
        return False


def _is_ours(answer: httpx.Response) -> bool:
    try:
        return answer.status_code == HTTPStatus.OK and "model_class" in answer.json()
    except (ValueError, TypeError):
        return False


SERVER: tuple[Entry[Case], ...] = (
    Entry(
        "server",
        check_server,
        fix="make run (or, if it runs elsewhere: BACKEND_URL=<its address as seen from Label Studio>)",
    ),
    Entry("server's credentials", check_credentials, needs=("server",), fix=_RESTART),
    Entry("server's parts", check_ready, needs=("server",), fix=_RESTART),
)
