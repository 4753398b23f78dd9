"""Check of the webhook: without it predictions work, but what annotators do is never heard of."""

from collections.abc import Mapping
from typing import Any

from backend.doctor.check import Outcome, failed, ok
from backend.doctor.project import ProjectCase
from backend.labelstudio.connect import PRIVATE_ADDRESS_HELP
from backend.store.event_log import count_events

_PATH = "/webhook"


def check_webhook(project: ProjectCase) -> Outcome:
    """See that there is one, that it sends everything with the right secret, and none that nobody needs."""
    url = project.case.connector.webhook_url
    if not project.may_be_called("webhook"):
        return failed(f"Label Studio may not send events to {url}.", PRIVATE_ADDRESS_HELP)
    ours = project.our_webhooks
    if not ours:
        return failed(f"There is no webhook to {url}: what annotators do is not heard of.")
    if len(ours) > 1:
        return failed(f"There are {len(ours)} webhooks to {url}: every event is sent as often.")
    if faults := _faults(ours[0], project.case.connector.webhook_headers):
        return failed(f"The webhook to {url} {', '.join(faults)}.")
    if orphans := [str(webhook.url) for webhook in project.webhooks if _is_orphan(webhook, project)]:
        return failed(
            f"A webhook leads to {orphans[0]}, where no backend of this project is: Label Studio waits for "
            "it whenever somebody saves.",
            f"Delete it on {project.settings_page}/webhooks",
        )
    counts = count_events(project.case.services.database)
    events = sum(count for (owner, _), count in counts.items() if owner == project.project_id)
    return ok(f"active, all actions; events so far: {events}")


def _faults(webhook: Any, wanted: Mapping[str, str]) -> list[str]:
    """Return what is wrong with it, in words that show no secret."""
    sent = {name.lower(): value for name, value in (webhook.headers or {}).items()}
    checks = {
        "is switched off": not webhook.is_active,
        "sends no content": not webhook.send_payload,
        "sends some actions only": not webhook.send_for_all_actions,
        **{f"sends no {name}": name.lower() not in sent for name in wanted},
        **{
            f"sends another {name} than this server wants": sent.get(name.lower(), value) != value
            for name, value in wanted.items()
        },
    }
    return [words for words, is_so in checks.items() if is_so]


def _is_orphan(webhook: Any, project: ProjectCase) -> bool:
    """Tell whether it was made for a backend that is gone: by us, or by Label Studio itself.

    Label Studio makes one without headers at a backend's address plus "/webhook", and leaves it behind when
    the backend is removed or moves. Other webhooks are somebody else's.
    """
    url, connector = str(webhook.url).rstrip("/"), project.case.connector
    bases = {connector.url, *((backend.url or "").rstrip("/") for backend in project.backends)}
    if not url.endswith(_PATH) or url.removesuffix(_PATH) in bases:
        return False
    names = {name.lower() for name in webhook.headers or {}}
    is_made_for_backend = not names and webhook.send_payload and webhook.send_for_all_actions
    return connector.secret_header.lower() in names or bool(is_made_for_backend)
