"""Checks of Label Studio as such: does it answer, and does it take our token."""

import httpx

from backend.doctor.case import Case
from backend.doctor.check import Entry, Outcome, failed, ok
from backend.errors import LabelStudioError
from backend.labelstudio.client import translate_errors

_SECONDS = 5.0
_NEW_TOKEN = (
    "LABEL_STUDIO_API_KEY=<personal access token: in Label Studio, your picture, Account & Settings, "
    "Personal Access Token>"
)
# Words of Label Studio's refusals (jwt_auth/auth.py, simplejwt), and what to do.
_TOKEN_FIXES = {
    "legacy token authentication has been disabled": (
        f"{_NEW_TOKEN}. Or switch legacy tokens on under Organization, API Tokens Settings in Label Studio"
    ),
    "wrong type": f"That is a short-lived access token. {_NEW_TOKEN}",
    "expired": _NEW_TOKEN,
    "blacklisted": f"That token was revoked. {_NEW_TOKEN}",
}


def check_label_studio(case: Case) -> Outcome:
    """Ask for its version, which wants no token."""
    url = case.settings.label_studio_url
    try:
        answer = httpx.get(f"{url}/api/version/", timeout=_SECONDS, follow_redirects=True)
        release = answer.json()["release"]
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return failed(f"Nothing answers at {url} ({type(error).__name__}: {error}).")
    except (ValueError, KeyError, TypeError):
        return failed(f"What answers at {url} is no Label Studio (status {answer.status_code}).")
    reached = str(answer.url).removesuffix("/api/version/")
    if reached != url:
        return failed(
            f"{url} redirects to {reached}. A redirect turns what is sent into a mere question.",
            f"LABEL_STUDIO_URL={reached}",
        )
    return ok(f"{url}, version {release}")


def check_token(case: Case) -> Outcome:
    """See which kind of token it is, refresh it where it is one that must be, and ask who we are."""
    client = case.services.label_studio
    try:
        header = client.auth_headers().get("Authorization", "")
        user = _whoami(case)
    except LabelStudioError as error:
        words = error.message.lower()
        return failed(error.message, next((fix for key, fix in _TOKEN_FIXES.items() if key in words), ""))
    kind = "personal access token, refreshed" if header.startswith("Bearer") else "legacy token"
    return ok(f"{kind}; its user is {user}")


@translate_errors
def _whoami(case: Case) -> str:
    return str(case.services.label_studio.sdk.users.whoami().email)


LABEL_STUDIO: tuple[Entry[Case], ...] = (
    Entry(
        "label studio",
        check_label_studio,
        fix="LABEL_STUDIO_URL=<its address as seen from here>, and see that it runs",
    ),
    Entry("token", check_token, needs=("label studio",), fix=_NEW_TOKEN),
)
