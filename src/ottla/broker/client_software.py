"""What the clients on open connections said that they are (KIP-511).

A client says it once, with ApiVersions; what is asked about later needs it by its connection. No
event tells that one is gone, so those that are not there any more are left out when as many again
have come.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

AT_LEAST: Final = 256
"""So many are kept before it is looked whose connection is gone."""

Software = tuple[str, str]
"""Name and version."""


class ClientSoftware:
    """By connection."""

    __slots__ = ("_connections", "_look_at", "_said")

    def __init__(self, connections: Callable[[], Collection[int]]) -> None:
        self._connections = connections
        self._said: dict[int, Software] = {}
        self._look_at = AT_LEAST

    def heard(self, connection: int, name: str, version: str) -> None:
        """What the client on a connection says of itself."""
        self._said[connection] = (name, version)
        if len(self._said) >= self._look_at:
            there = set(self._connections())
            self._said = {one: said for one, said in self._said.items() if one in there}
            self._look_at = max(AT_LEAST, 2 * len(self._said))

    def of(self, connection: int) -> Software | None:
        """What it said; None if it did not."""
        return self._said.get(connection)
