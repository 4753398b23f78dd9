"""The machine that this process runs on, by a name that all its containers share and no other machine has."""

import socket
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def machine_id() -> str:
    """Return Linux's name of this start of the machine; elsewhere the host's name.

    Containers of one machine have host names of their own, and those of two machines may be equal.
    """
    try:
        return _BOOT_ID.read_text().strip() or socket.gethostname()
    except OSError:
        return socket.gethostname()
