"""From a name and a port to a socket that is being connected, without waiting for it.

A name may have several addresses (`localhost` has two almost everywhere); they are tried in the
order in which the system gives them. Looking up a name can take as long as a name server that does
not answer, and nobody can call it off: so that is done by a thread of its own.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
from collections.abc import Callable
from typing import Any

from ottla.client.errors import BadAddress, ConnectionFailed
from ottla.errors import OttlaError

HINT_REFUSED = "is a node running there? `ottla up` starts one on localhost:9092"
HINT_REFUSED_ELSEWHERE = "is a node running there, and is that its port?"
_UNDER_WAY = (0, errno.EINPROGRESS, errno.EINTR)


Address = tuple[int, int, int, Any]
"""One of a name's addresses: family, kind, protocol, and what to connect to."""


def resolve(host: str, port: int) -> list[Address]:
    """All addresses of a name, at least one.

    Raises:
        BadAddress: the name resolves to nothing.
        ConnectionFailed: it can't be looked up.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise BadAddress(
            f"the name '{host}' can't be resolved ({error.strerror})",
            hint="check its spelling, or use an IP address",
        ) from None
    except (OSError, UnicodeError) as error:
        raise ConnectionFailed(host, port, getattr(error, "strerror", None) or str(error)) from None
    return [(family, kind, protocol, place) for family, kind, protocol, _, place in found]


def at_hand(host: str, port: int) -> list[Address] | None:
    """The addresses of a name that the system knows without asking anybody, or None.

    Raises:
        OttlaError: it should, and does not.
    """
    if host == "localhost":
        return resolve(host, port)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return None
    return [(family, kind, protocol, place) for family, kind, protocol, _, place in found]


def look_up(host: str, port: int, tell: Callable[[list[Address] | OttlaError], object]) -> None:
    """What `resolve` gives or raises is told later, by another thread."""

    def run() -> None:
        try:
            outcome: list[Address] | OttlaError = resolve(host, port)
        except OttlaError as error:
            outcome = error
        tell(outcome)

    threading.Thread(target=run, name=f"ottla-lookup-{host}", daemon=True).start()


def begin(address: Address, fit: Callable[[socket.socket], object]) -> socket.socket:
    """A socket that connects, and that `fit` was shown before; when it can be written to, `outcome`
    says how that went.

    Raises:
        OSError: it failed at once.
    """
    *kind, place = address
    found = socket.socket(*kind)
    try:
        found.setblocking(False)
        with contextlib.suppress(OSError):
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        fit(found)
        raise_number(found.connect_ex(place))
    except BaseException:
        found.close()
        raise
    return found


def raise_outcome(connecting: socket.socket) -> None:
    """Raise why the connection was not made.

    Raises:
        OSError: it failed.
    """
    raise_number(connecting.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))


def raise_number(number: int) -> None:
    """Raise what an error number means, unless it only says that the connecting goes on.

    Raises:
        OSError: of the kind that belongs to the number.
    """
    if number not in _UNDER_WAY:
        raise OSError(number, os.strerror(number))


def failure(host: str, port: int, error: OSError) -> OttlaError:
    """A failed dial in our words."""
    if isinstance(error, ConnectionRefusedError):
        hint = HINT_REFUSED if _is_here(host) else HINT_REFUSED_ELSEWHERE
        return ConnectionFailed(host, port, "connection refused", hint=hint)
    return ConnectionFailed(host, port, error.strerror or str(error))


def _is_here(host: str) -> bool:
    """Whether a node that is started now would be found there."""
    return host in ("localhost", "::1") or host.startswith("127.")
