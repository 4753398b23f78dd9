"""Decide which network address an image may come from: a public one, or one that somebody allowed."""

import ipaddress
import socket
from collections.abc import Iterable

from backend.errors import MediaError

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class AddressGuard:
    """Looks a host up once and checks every address it has, so that a second answer cannot lead elsewhere.

    Args:
        label_studio: Host and port that may lie on a private address whatever `allowed_hosts` says.
        allowed_hosts: Lower-case names of other hosts that may lie on private addresses.
    """

    def __init__(self, *, label_studio: tuple[str, int], allowed_hosts: Iterable[str]) -> None:
        self._label_studio = label_studio
        self._allowed = frozenset(allowed_hosts)

    def find(self, host: str, port: int) -> str:
        """Return an address of the host that may be connected to.

        Raises:
            MediaError: no such host, or one of its addresses is private and the host not allowed.
        """
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise MediaError("unreachable", f"The host {host[:120]!r} cannot be found: {error}.") from None
        addresses = [str(entry[4][0]) for entry in found]
        if (host, port) != self._label_studio and host.lower() not in self._allowed:
            for address in addresses:
                if not _is_public(address):
                    raise MediaError(
                        "private_address",
                        f"The host {host!r} lies on the private address {address}. If images may come from "
                        f"there (from a MinIO next door, for one), add {host} to MEDIA_ALLOWED_HOSTS.",
                    )
        # Servers that listen on IPv4 alone are common on "localhost"; prefer it where both exist.
        return next((a for a in addresses if ":" not in a), addresses[0])


def _is_public(text: str) -> bool:
    """Tell whether the address is one of the open internet, also where it wraps another one."""
    address = ipaddress.ip_address(text.split("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            wrapped = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if wrapped is not None:
            return _is_public(str(wrapped))
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast
