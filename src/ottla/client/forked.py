"""What becomes of clients in a process that was forked: they are the parent's.

Their threads did not come along, and their sockets are shared: a byte from here would break what
the parent says there. So whoever uses one is told to make another, and the sockets are closed on
this side alone, without a word to the nodes.
"""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING

from ottla.client.errors import Closed

if TYPE_CHECKING:
    from ottla.client.client import Client

_clients: weakref.WeakSet[Client] = weakref.WeakSet()


def tell(client: Client) -> None:
    """This one is to hear of a fork."""
    _clients.add(client)


def _after() -> None:
    for client in list(_clients):
        client.let_go(
            Closed(
                "this client was made before fork(): it is the parent's",
                hint="make it in the process that uses it, after fork()",
            )
        )
    _clients.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after)
