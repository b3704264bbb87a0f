"""A client of a few lines: one socket, one request at a time, every answer decoded.

It hides nothing: no retry, no metadata, no second connection. A broken connection is `Gone`, and
the next request opens a new one.
"""

from __future__ import annotations

import socket
import struct
from typing import Any

from ottla.wire import frame
from ottla.wire.api import response_class
from ottla.wire.schema import Request

HOST = "127.0.0.1"


class Gone(Exception):
    """No answer: nobody listened, the connection broke, or time was up. What was asked for may
    have been done or not.
    """


class Peer:
    """One connection to a node's port, opened when it is needed."""

    def __init__(self, port: int, *, client_id: str = "peer", timeout_s: float = 10) -> None:
        self._port = port
        self._client_id = client_id
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None
        self._correlation_id = 0

    def ask(self, request: Request, version: int) -> Any:
        """Send a request and return the decoded answer."""
        self._correlation_id += 1
        sent = frame.encode_request(
            request, version, correlation_id=self._correlation_id, client_id=self._client_id
        )
        try:
            self.send(struct.pack(">i", len(sent)) + sent)
            (size,) = struct.unpack(">i", self._receive(4))
            answer = self._receive(size)
        except OSError as problem:
            self.close()
            raise Gone(str(problem)) from problem
        correlation_id, response = frame.decode_response(
            response_class(request.api_key), answer, version
        )
        assert correlation_id == self._correlation_id
        return response

    def send(self, raw: bytes) -> None:
        """Send bytes as they are."""
        if self._socket is None:
            self._socket = socket.create_connection((HOST, self._port), self._timeout_s)
        self._socket.sendall(raw)

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _receive(self, count: int) -> bytes:
        assert self._socket is not None
        received = bytearray()
        while len(received) < count:
            part = self._socket.recv(count - len(received))
            if not part:
                raise ConnectionResetError("the node hung up")
            received += part
        return bytes(received)
