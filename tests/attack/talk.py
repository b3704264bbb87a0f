"""A raw socket to a node, and a request with its fields one by one at their extremes.

Nothing here knows what a node should answer.
"""

from __future__ import annotations

import math
import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ottla.wire import frame
from ottla.wire.api import response_class
from ottla.wire.schema import Request, Struct
from ottla.wire.types import Field

BITS = {"int8": 8, "int16": 16, "int32": 32, "int64": 64}
UNSIGNED = {"uint16": 16, "uint32": 32}

Build = Callable[[], Any]


class Closed(Exception):
    """The node hung up instead of answering, or is not there."""


class Silent(Exception):
    """No answer came in time."""


class Line:
    """One connection; opened anew after the node hung up."""

    def __init__(self, port: int, *, client_id: str = "attack", timeout_s: float = 10) -> None:
        self._port = port
        self._client_id = client_id
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None
        self._correlation = 0

    def ask(self, request: Request, version: int, *, timeout_s: float | None = None) -> Any:
        """The decoded answer.

        Raises:
            Closed: the node hung up.
            Silent: it did not answer in time.
        """
        body = frame.encode_request(
            request, version, correlation_id=self._correlation, client_id=self._client_id
        )
        return self.ask_bytes(request.api_key, version, body, timeout_s=timeout_s)

    def ask_bytes(
        self, key: int, version: int, payload: bytes, *, timeout_s: float | None = None
    ) -> Any:
        """As `ask`, for a frame that is encoded already."""
        answer = self.exchange(payload, timeout_s=timeout_s)
        return frame.decode_response(response_class(key), answer, version)[1]

    def exchange(self, payload: bytes, *, timeout_s: float | None = None) -> bytes:
        """Send one frame and give back the next."""
        self.send(payload)
        assert self._socket is not None
        self._socket.settimeout(self._timeout_s if timeout_s is None else timeout_s)
        try:
            size = struct.unpack(">i", self._exactly(4))[0]
            return self._exactly(size)
        except (Closed, Silent):
            self.close()
            raise

    def send(self, payload: bytes) -> None:
        """Send one frame and do not wait for what comes of it."""
        try:
            if self._socket is None:
                self._socket = socket.create_connection(("127.0.0.1", self._port), self._timeout_s)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.sendall(struct.pack(">i", len(payload)) + payload)
        except ConnectionError as error:
            self.close()
            raise Closed from error

    def close(self) -> None:
        """Hang up; the next request opens a new connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _exactly(self, count: int) -> bytes:
        assert self._socket is not None
        parts = bytearray()
        while len(parts) < count:
            try:
                part = self._socket.recv(count - len(parts))
            except ConnectionError as error:
                raise Closed from error
            except TimeoutError as error:
                raise Silent from error
            if not part:
                raise Closed
            parts += part
        return bytes(parts)


class Extreme(NamedTuple):
    """One request with one field changed: which and to what, and the message."""

    path: str
    value: Any
    message: Any

    def __str__(self) -> str:
        shown = repr(self.value)
        return f"{self.path} = {shown if len(shown) < 60 else shown[:57] + '...'}"


def extremes(build: Build, version: int) -> Iterator[Extreme]:
    """The message that `build` makes, each time with one field at one of its extremes."""
    for path in _paths(build(), version, ()):
        owner = _at(build(), path[:-1])
        field = type(owner).__fields__[path[-1]]
        for value in _values(field, getattr(owner, path[-1]), version):
            message = build()
            setattr(_at(message, path[:-1]), path[-1], value)
            yield Extreme(".".join(map(str, path)), value, message)


def _paths(found: Any, version: int, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    for name, field in type(found).__fields__.items():
        if not _within(field.versions, version):
            continue
        yield (*path, name)
        inner = getattr(found, name)
        if isinstance(inner, Struct):
            yield from _paths(inner, version, (*path, name))
        elif field.kind == "[]struct" and inner:
            yield from _paths(inner[0], version, (*path, name, 0))


def _at(found: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        found = found[step] if isinstance(step, int) else getattr(found, step)
    return found


def _values(field: Field, now: Any, version: int) -> list[Any]:
    null = [None] if _within(field.nullable, version) else []
    if not field.kind.startswith("[]"):
        return null + _single(field.kind, now)
    kind = field.kind[2:]
    if kind == "struct":
        return [*null, [], *([now * 2, now * 300] if now else [])]
    return [*null, [], *([one] for one in _single(kind, None)), *([now * 2] if now else [])]


def _single(kind: str, now: Any) -> list[Any]:
    if kind in BITS:
        half = 1 << (BITS[kind] - 1)
        return [-half, -1, 0, 1, half - 1]
    if kind in UNSIGNED:
        return [0, 1, (1 << UNSIGNED[kind]) - 1]
    if kind == "bool":
        return [False, True]
    if kind == "float64":
        return [0.0, -1.0, math.inf, -math.inf, math.nan, 1.7e308]
    if kind == "uuid":
        return [bytes(16), b"\xff" * 16]
    if kind == "string":
        # The last: more digits than Python makes a number of, and as long as a text may be.
        return ["", "\0", "\N{LATIN SMALL LETTER SHARP S}.*\U0010ffff", "-1", "9" * 32767]
    if kind in ("bytes", "records"):
        return [b"", b"\0", b"\xff" * 61, (now or b"") * 2]
    return []


def _within(span: tuple[int, int], version: int) -> bool:
    return span[0] <= version <= span[1]
