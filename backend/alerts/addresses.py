"""Addresses that alerts are sent to, and how apprise sends to one.

An address holds secrets, so it is named by its place in ALERT_URLS alone, in logs and messages alike.
"""

import hashlib
import logging
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from backend.alerts.messages import Message
from backend.errors import SettingsError

if TYPE_CHECKING:
    from apprise import NotifyBase

# How apprise's services write the status of an answer into their log.
_STATUS = re.compile(r"error=(\d{3})\b")
_UNKNOWN = "is none that apprise can send to"


@dataclass(frozen=True, slots=True)
class Address:
    """One address. `place` counts from 1, `name` stays the same while the address does."""

    place: int
    name: str
    url: str = field(repr=False)


def read_addresses(text: str) -> tuple[Address, ...]:
    """Return the addresses of ALERT_URLS, which spaces or line ends part; each once."""
    urls = dict.fromkeys(text.split())
    return tuple(
        Address(place, hashlib.sha256(url.encode()).hexdigest()[:12], url)
        for place, url in enumerate(urls, start=1)
    )


def check_addresses(text: str) -> None:
    """Make sure that apprise can send to every address; calls none.

    Raises:
        SettingsError: it cannot.
    """
    addresses = read_addresses(text)
    unknown = [str(address.place) for address in addresses if _service(address) is None]
    if unknown:
        raise SettingsError(
            f"ALERT_URLS has {len(addresses)} addresses, of which number {', '.join(unknown)} {_UNKNOWN}. "
            "Write each as https://appriseit.com/services shows, such as mailto://user:password@host or "
            "json://host/path, with a space between two, and %20 for a space inside of one."
        )


def send(address: Address, message: Message, *, timeout: float, file: Path | None = None) -> str | None:
    """Send a message; return None where it was taken, else why not, as the end of a sentence.

    Args:
        address: To whom.
        message: Plain text.
        timeout: Seconds after which it counts as not sent.
        file: Sent along, to those services of apprise's that take files.
    """
    # Imported here: apprise takes a second, and mostly there is nothing to send.
    import apprise
    from apprise.result import AppriseResultStatus

    service = _service(address)
    if service is None:
        return _UNKNOWN
    to = apprise.Apprise(service)
    result = to.notify(
        title=message.title,
        body=message.body,
        body_format=apprise.NotifyFormat.TEXT,
        notify_type=apprise.NotifyType.SUCCESS if message.is_resolved else apprise.NotifyType.WARNING,
        timeout=timeout,
        attach=str(file) if file else None,
    )
    if result:
        return None
    if result.status == AppriseResultStatus.TIMEOUT:
        return f"has not taken it within {timeout:g} seconds"
    statuses = [found[1] for line in result.logs() if (found := _STATUS.search(line.message))]
    return f"refused it with HTTP status {statuses[-1]}" if statuses else "is out of reach, or refused it"


def _service(address: Address) -> "NotifyBase | None":
    import apprise

    # What apprise itself logs may name parts of an address; what matters of it is in our own words.
    logging.getLogger("apprise").propagate = False
    asset = apprise.AppriseAsset(
        app_id="Label Studio backend", storage_mode=apprise.PersistentStoreMode.MEMORY
    )
    return apprise.Apprise.instantiate(address.url, asset=asset)
