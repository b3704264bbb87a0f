"""One connection to a node in raw requests, which may wait for their answer while others go on."""

from __future__ import annotations

import socket
import struct
from typing import Any

from ottla.wire import frame
from ottla.wire.api import response_class
from ottla.wire.schema import Request


class Line:
    """A client's connection; `send` and `answer` are apart, so that a JoinGroup may wait."""

    def __init__(self, port: int, client_id: str = "attack", *, timeout_s: float = 20) -> None:
        self._client_id = client_id
        self._sent: list[tuple[Request, int]] = []
        self._count = 0
        self._socket = socket.create_connection(("127.0.0.1", port), timeout_s)

    def send(self, request: Request, version: int) -> None:
        """Send a request; its answer is taken later."""
        self._count += 1
        payload = frame.encode_request(
            request, version, correlation_id=self._count, client_id=self._client_id
        )
        self._sent.append((request, version))
        self._socket.sendall(struct.pack(">i", len(payload)) + payload)

    def answer(self) -> Any:
        """The answer to the oldest request that has none yet; TimeoutError if it does not come."""
        request, version = self._sent.pop(0)
        size = struct.unpack(">i", self._receive(4))[0]
        kind = response_class(request.api_key)
        return frame.decode_response(kind, self._receive(size), version)[1]

    def ask(self, request: Request, version: int) -> Any:
        """Send a request and wait for its answer."""
        self.send(request, version)
        return self.answer()

    def hang_up(self) -> None:
        """Close the connection; it closes itself when nobody holds it any more."""
        self._socket.close()

    __del__ = hang_up

    def _receive(self, count: int) -> bytes:
        parts = b""
        while len(parts) < count:
            part = self._socket.recv(count - len(parts))
            if not part:
                raise ConnectionError("the node hung up")
            parts += part
        return parts
