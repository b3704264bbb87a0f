"""Tell whoever supervises this process how it goes: systemd's sd_notify, without its library.

A service manager that wants to know names a datagram socket in NOTIFY_SOCKET, and takes lines like
`READY=1` there. This is not a watchdog, and asks nothing of anybody: without that variable nothing
happens, and a manager that is not there, or does not read, holds up no server for long.
"""

from __future__ import annotations

import os
from contextlib import suppress

PATIENCE_S = 1.0


def serving(where: str) -> None:
    """Clients can connect; units that are ordered after this one may start."""
    _notify(f"READY=1\nSTATUS=serves {where}")


def stopping() -> None:
    """A clean stop has begun; it ends with the process."""
    _notify("STOPPING=1\nSTATUS=stops: writes what a quick start needs")


def _notify(text: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    import socket

    if address.startswith("@"):  # how an abstract socket is spelt in an environment
        address = "\0" + address[1:]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.settimeout(PATIENCE_S)
        told.connect(address)
        told.send(text.encode())
