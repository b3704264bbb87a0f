"""Hangs up on the clients of a server of this process, whoever holds their sockets.

A server in native code can be told to end, but not to leave a client that does not read what it is
answered: it would wait for it for ever. Here its sockets are found by their own address and shut
down; whoever holds them then sees that the client has gone. Sockets of clients that are in the
same process have other addresses of their own, and are left alone.
"""

from __future__ import annotations

import os
import socket
import stat
from contextlib import ExitStack, suppress

OPEN_FILES = "/dev/fd"


def hang_up(host: str, port: int) -> None:
    """Shut down every connection that was taken at an address; an empty host means any."""
    try:
        files = [int(name) for name in os.listdir(OPEN_FILES) if name.isdigit()]
    except OSError:  # the system does not tell
        return
    for file in files:
        with suppress(OSError), ExitStack() as open_here:
            if not stat.S_ISSOCK(os.fstat(file).st_mode):
                continue
            own_number = os.dup(file)  # whoever holds it may close it meanwhile
            open_here.callback(os.close, own_number)
            found = socket.socket(fileno=own_number)
            open_here.callback(found.detach)
            if found.family in (socket.AF_INET, socket.AF_INET6) and found.getpeername():
                own = found.getsockname()
                if own[1] == port and host in ("", own[0]):
                    found.shutdown(socket.SHUT_RDWR)
