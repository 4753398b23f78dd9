"""Connect a project: make or update its backend entry and its webhook; running it again mends them."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from label_studio_sdk.client import LabelStudio
from label_studio_sdk.core.api_error import ApiError

from backend.errors import LabelConfigError, LabelStudioError
from backend.labelstudio.client import translate_errors
from backend.labelstudio.label_config import parse_label_config
from backend.sam.output import is_prompt_tag

PRIVATE_ADDRESS_HELP = (
    "Label Studio refuses addresses of private networks unless it is started with these two settings: "
    "ML_BLOCK_LOCAL_IP=false and SSRF_PROTECTION_ENABLED=false. Set both in Label Studio's environment, "
    "restart it, and run connect again."
)
# Words of Label Studio's own refusals (its core/utils/io.py).
_REFUSALS = ("reserved network", "reserved or private", "local ip", "blocked")


@dataclass(frozen=True, slots=True)
class Connector:
    """How Label Studio reaches us, and what it must send. Empty text: nothing."""

    url: str
    basic_auth_user: str
    basic_auth_pass: str
    secret_header: str
    webhook_secret: str

    @property
    def webhook_headers(self) -> dict[str, str]:
        """What webhooks must send: the secret, or the password where there is no secret."""
        if self.webhook_secret:
            return {self.secret_header: self.webhook_secret}
        if self.basic_auth_user:
            pair = f"{self.basic_auth_user}:{self.basic_auth_pass}"
            return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
        return {}

    @property
    def webhook_url(self) -> str:
        """Address for events: the one that Label Studio itself would register for this backend."""
        return f"{self.url}/webhook"


@dataclass(frozen=True, slots=True)
class Connection:
    """What `connect` found or made."""

    project_title: str
    backend_id: int
    is_new: bool
    model_version: str
    removed_webhooks: int
    other_backends: tuple[str, ...]


@translate_errors
def connect_project(sdk: LabelStudio, project_id: int, connector: Connector, *, title: str) -> Connection:
    """Make Label Studio's project use this server.

    With a new backend Label Studio registers a webhook of its own, without the secret: it becomes ours.
    Its project is told our model version too, once it holds predictions of it.

    Raises:
        LabelStudioError: no such project, or Label Studio cannot or may not reach us; says what to do.
    """
    project = sdk.projects.get(project_id)
    backends = sdk.ml.list(project=project_id)
    ours = next((b for b in backends if (b.url or "").rstrip("/") == connector.url), None)
    fields = _backend_fields(connector, title) | {"is_interactive": _has_smart_tools(project.label_config)}
    try:
        if ours is None:
            backend = sdk.ml.create(project=project_id, **fields)
        else:
            backend = sdk.ml.update(ours.id, project=project_id, **fields)
    except ApiError as error:
        raise LabelStudioError(explain_refusal(error, connector.url)) from error
    removed = _ensure_webhook(sdk, project_id, connector)
    # The answer to create and update carries no version; Label Studio asks /setup when it lists.
    listed = {b.id: b for b in sdk.ml.list(project=project_id)}
    version = listed[backend.id].model_version or ""
    if error_message := listed[backend.id].error_message:
        raise LabelStudioError(
            f"Label Studio is connected, but this server refused the project: {error_message}"
        )
    follow_version(sdk, project_id, version)
    return Connection(
        project_title=project.title or "",
        backend_id=backend.id,
        is_new=ours is None,
        model_version=version,
        removed_webhooks=removed,
        other_backends=tuple(b.url for b in listed.values() if b.id < backend.id),
    )


@translate_errors
def follow_version(sdk: LabelStudio, project_id: int, version: str) -> bool:
    """Make the version the project's own, so that its score column and choice of pre-labels follow it.

    Returns False where Label Studio does not know the version yet: it accepts one only if the project
    holds predictions of it.
    """
    is_known = version in prediction_versions(sdk, project_id)
    # The title as it is: a change that changes nothing, so that `connect` sees the webhook's way work.
    change = {"model_version": version} if is_known else {"title": sdk.projects.get(project_id).title}
    sdk.projects.update(project_id, **change)
    return is_known


@translate_errors
def adopt_version(sdk: LabelStudio, project_id: int, version: str) -> bool:
    """Make the version the project's own where it is not; False where Label Studio does not know it yet."""
    if version not in prediction_versions(sdk, project_id):
        return False
    if sdk.projects.get(project_id).model_version != version:
        sdk.projects.update(project_id, model_version=version)
    return True


@translate_errors
def prediction_versions(sdk: LabelStudio, project_id: int) -> dict[str, int]:
    """Return how many predictions the project holds by version, the version of the newest one first.

    The project's own version comes last where it has none. Empty where Label Studio does not tell.
    """
    # Not among the SDK's methods.
    answer = sdk._client_wrapper.httpx_client.request(
        f"api/projects/{project_id}/model-versions/", method="GET"
    )
    return dict(answer.json()) if answer.status_code == 200 else {}


def explain_refusal(error: ApiError, url: str) -> str:
    """Say why Label Studio did not take our address, and what to do about it."""
    text = _flatten(error.body)
    if any(word in text.lower() for word in _REFUSALS):
        return f"Label Studio may not call {url}: {text} {PRIVATE_ADDRESS_HELP}"
    if "health check failed" in text:
        return (
            f"Label Studio cannot reach {url}. Is this server running, and is that its address as seen from "
            f"Label Studio (BACKEND_URL)? In a container, localhost is the container itself. {text}"
        )
    return f"Label Studio did not accept {url} as a backend (status {error.status_code}): {text}"


def _ensure_webhook(sdk: LabelStudio, project_id: int, connector: Connector) -> int:
    fields: dict[str, Any] = {
        "url": connector.webhook_url,
        "headers": connector.webhook_headers,
        "is_active": True,
        "send_payload": True,
        "send_for_all_actions": True,
    }
    ours = [w for w in sdk.webhooks.list(project=project_id) if is_our_webhook(w, project_id, connector)]
    try:
        if not ours:
            sdk.webhooks.create(project=project_id, **fields)
            return 0
        sdk.webhooks.update(ours[0].id, **fields)
    except ApiError as error:
        raise LabelStudioError(explain_refusal(error, connector.webhook_url)) from error
    for extra in ours[1:]:
        sdk.webhooks.delete(extra.id)
    return len(ours) - 1


def is_our_webhook(webhook: Any, project_id: int, connector: Connector) -> bool:
    """Tell whether the webhook is the project's, and leads to us."""
    # The list also holds webhooks of the whole organisation, which are not ours to change.
    return bool(webhook.project == project_id) and str(webhook.url).rstrip("/") == connector.webhook_url


def _has_smart_tools(label_config: str | None) -> bool:
    """Tell whether Label Studio is to ask us for masks while people draw.

    Else it would send every box that is drawn by hand: it takes all tags for smart that do not say otherwise.
    """
    try:
        return any(map(is_prompt_tag, parse_label_config(label_config or "")))
    except LabelConfigError:
        return False  # /setup refuses this config, and Label Studio shows why


def _backend_fields(connector: Connector, title: str) -> dict[str, Any]:
    fields: dict[str, Any] = {"url": connector.url, "title": title}
    if connector.basic_auth_user:
        return {
            **fields,
            "auth_method": "BASIC_AUTH",
            "basic_auth_user": connector.basic_auth_user,
            "basic_auth_pass": connector.basic_auth_pass,
        }
    return {**fields, "auth_method": "NONE"}


def _flatten(body: Any) -> str:
    if isinstance(body, dict):
        return " ".join(_flatten(value) for value in body.values())
    if isinstance(body, Sequence) and not isinstance(body, str):
        return " ".join(map(_flatten, body))
    return str(body)
