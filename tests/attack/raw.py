"""A peer that speaks bytes to a broker: one connection, one request at a time."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

import ottla

TIMEOUT_S = 20

FLEXIBLE_FROM = {3: 9, 18: 3, 19: 5, 20: 4}
"""API key to the first version whose request and response headers are flexible."""


class HungUp(ConnectionError):
    """The broker closed the connection."""


class Peer:
    """One connection to a broker's first listener."""

    def __init__(self, broker: ottla.Broker) -> None:
        self.socket = socket.create_connection(("127.0.0.1", broker.port), timeout=TIMEOUT_S)

    def ask(self, api_key: int, version: int, body: bytes) -> bytes:
        """The body of the response.

        Raises:
            HungUp: the broker closed the connection instead.
        """
        flexible = version >= FLEXIBLE_FROM[api_key]
        header = struct.pack(">hhih", api_key, version, 7, -1) + (b"\0" if flexible else b"")
        try:
            self.socket.sendall(struct.pack(">i", len(header) + len(body)) + header + body)
            size = struct.unpack(">i", self._exactly(4))[0]
            answer = self._exactly(size)
        except (ConnectionResetError, BrokenPipeError) as problem:
            raise HungUp("reset") from problem
        return answer[4 + (flexible and api_key != 18) :]

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                raise HungUp("closed")
            data += piece
        return data

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.socket.close()


@contextmanager
def hung_up() -> Iterator[list[bool]]:
    """Catch the end of a connection; what it gives is [True] if there was one."""
    closed: list[bool] = []
    try:
        yield closed
    except HungUp:
        closed.append(True)
