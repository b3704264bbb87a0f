"""The name of this machine, for listeners that are bound to all of its addresses and say no other.

It is not of the world that a node is given: a resolver is asked, which may take as long as one
takes. So a process asks once, while a node starts or a folder is formatted, and never after that.
"""

from __future__ import annotations

from functools import cache


@cache
def host_name() -> str:
    """The fully qualified name under which other nodes and clients may dial this machine."""
    import socket

    return socket.getfqdn()
