"""One connection to a node in raw requests: nothing is retried, no client library is between.

An answer may be taken later (`send`, `answer`), so that a request can be parked while others go on.
A connection that broke is opened anew by the next request.
"""

from __future__ import annotations

import select
import socket
import struct
from typing import Any

from ottla.wire import frame
from ottla.wire.api import response_class
from ottla.wire.schema import Request

HOST = "127.0.0.1"


class Gone(Exception):
    """There is no answer; what was asked for may have been done or not."""


class Closed(Gone):
    """The node hung up, or nobody listens."""


class Silent(Gone):
    """Time was up."""


class Line:
    """A client's connection; it closes itself when nobody holds it any more."""

    def __init__(self, port: int, client_id: str = "attack", *, timeout_s: float = 20) -> None:
        self._port = port
        self._client_id = client_id
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None
        self._sent: list[tuple[int, int, int]] = []
        self._count = 0

    def ask(self, request: Request, version: int, *, timeout_s: float | None = None) -> Any:
        """Send a request and wait for its answer, decoded.

        Raises:
            Closed: the node hung up.
            Silent: it did not answer in time.
        """
        self.send(request, version)
        return self.answer(timeout_s=timeout_s)

    def send(self, request: Request, version: int) -> None:
        """Send a request; its answer is taken later."""
        self._count += 1
        self.send_frame(
            frame.encode_request(
                request, version, correlation_id=self._count, client_id=self._client_id
            )
        )
        self._sent.append((request.api_key, version, self._count))

    def answer(self, *, timeout_s: float | None = None) -> Any:
        """The answer to the oldest request that has none yet."""
        key, version, correlation_id = self._sent.pop(0)
        answer = self.next_frame(timeout_s=timeout_s)
        assert int.from_bytes(answer[:4], "big") == correlation_id, "the answer to another request"
        return decoded(key, version, answer)

    def exchange(self, payload: bytes, *, timeout_s: float | None = None) -> bytes:
        """Send a frame of any bytes and return the next frame."""
        self.send_frame(payload)
        return self.next_frame(timeout_s=timeout_s)

    def send_frame(self, payload: bytes) -> None:
        """Send one frame and do not wait for what comes of it."""
        self.send_bytes(struct.pack(">i", len(payload)) + payload)

    def send_bytes(self, raw: bytes) -> None:
        """Send bytes as they are."""
        try:
            if self._socket is None:
                self._socket = socket.create_connection((HOST, self._port), self._timeout_s)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.settimeout(self._timeout_s)
            self._socket.sendall(raw)
        except OSError as problem:
            self.close()
            raise _as_gone(problem) from problem

    def next_frame(self, *, timeout_s: float | None = None) -> bytes:
        """The next frame that the node sends."""
        if self._socket is None:
            raise Closed("the connection is closed")
        self._socket.settimeout(self._timeout_s if timeout_s is None else timeout_s)
        try:
            (size,) = struct.unpack(">i", self._exactly(4))
            return self._exactly(size)
        except OSError as problem:
            self.close()
            raise _as_gone(problem) from problem

    def has_more(self, within_s: float) -> bool:
        """Whether something can be read, be it the end, at once or that soon."""
        return self._socket is None or bool(select.select([self._socket], [], [], within_s)[0])

    def close(self, *, reset: bool = False) -> None:
        """Hang up; with a reset the node learns that nobody waits for answers."""
        if self._socket is not None:
            if reset:
                linger = struct.pack("ii", 1, 0)
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self._socket.close()
            self._socket = None
        self._sent.clear()

    __del__ = close

    def _exactly(self, count: int) -> bytes:
        assert self._socket is not None
        received = bytearray()
        while len(received) < count:
            part = self._socket.recv(count - len(received))
            if not part:
                raise ConnectionResetError("the node hung up")
            received += part
        return bytes(received)


def decoded(api_key: int, version: int, answer: bytes) -> Any:
    """The response in a frame."""
    return frame.decode_response(response_class(api_key), answer, version)[1]


def _as_gone(problem: OSError) -> Gone:
    kind = Silent if isinstance(problem, TimeoutError) else Closed
    return kind(str(problem))
