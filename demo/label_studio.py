"""How the demo and the end-to-end tests start a real Label Studio on this machine alone."""

import time
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent
EXECUTABLE = ROOT / ".venv-label-studio/bin/label-studio"


def label_studio_environment(
    data_dir: Path, *, user: str, password: str, token: str, secret_key: str
) -> dict[str, str]:
    """Return the environment variables of a Label Studio that may call this machine and nobody else's.

    Args:
        data_dir: Folder for its database and uploads.
        user: E-mail address of its first user.
        password: That user's.
        token: That user's legacy API token.
        secret_key: Signs its sessions; a new one logs everybody out.
    """
    return {
        "LABEL_STUDIO_BASE_DATA_DIR": str(data_dir.resolve()),
        "LABEL_STUDIO_USERNAME": user,
        "LABEL_STUDIO_PASSWORD": password,
        "LABEL_STUDIO_USER_TOKEN": token,
        "SECRET_KEY": secret_key,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        # The backend runs on this machine, which Label Studio else refuses to call.
        "ML_BLOCK_LOCAL_IP": "false",
        "SSRF_PROTECTION_ENABLED": "false",
        "COLLECT_ANALYTICS": "False",
        "LATEST_VERSION_CHECK": "False",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
    }


def wait_until_up(url: str, *, seconds: float) -> None:
    """Wait until the address answers 200.

    Raises:
        TimeoutError: it does not within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, timeout=2, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.3)
    raise TimeoutError(f"{url} did not answer within {seconds:g} s")
