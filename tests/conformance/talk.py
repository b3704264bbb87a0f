"""A conversation with a server in raw requests, written down so that two servers can be compared.

Requests are built by `ottla.wire` and sent as bytes over a plain socket; no client library stands
between. Every answer is decoded and turned into plain JSON, in which all that may differ between
two runs (identifiers, ports, the time, folders, wording of messages) is replaced by what it is:
`<id 1>` for the first uuid seen, `<now>` for a time within a day of now, `<text>` for a message.
What is left has to be equal.
"""

from __future__ import annotations

import re
import socket
import struct
import time
from typing import Any, TypeVar

from ottla.wire import frame
from ottla.wire.api import response_class
from ottla.wire.schema import Request, Response, Struct

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
DAY_MS = 86_400_000
TEXTS = {"error_message", "batch_index_error_message", "documentation"}
NUMBERED = {"producer_id": ("pid", 0), "session_id": ("session", 1)}
"""Numbers that a server hands out: what they are, and the least of them."""
ABOUT_NOW = re.compile(r"timestamp|append_time|_time_ms$|max_timestamp")
R = TypeVar("R", bound=Response)


class Closed(Exception):
    """The server closed the connection instead of answering."""


class Talk:
    """One client's connection, and what was said so far."""

    def __init__(self, port: int, case: str) -> None:
        self.case = case
        self.answers: list[Any] = []
        self._port = port
        self._socket: socket.socket | None = None
        self._names: dict[Any, str] = {}
        self._correlation_id = 0

    def topic(self, stem: str = "t") -> str:
        """A topic's name that no other case uses."""
        return f"{self.case}-{stem}"

    def ask(self, request: Request, version: int, *, note: bool = True) -> Any:
        """Send a request and return the decoded answer; `note` has it compared."""
        self._correlation_id += 1
        sent = frame.encode_request(
            request, version, correlation_id=self._correlation_id, client_id="conformance"
        )
        answer = self.exchange(sent)
        kind = response_class(request.api_key)
        correlation_id, response = frame.decode_response(kind, answer, version)
        assert correlation_id == self._correlation_id
        if note:
            self.note(response)
        return response

    def exchange(self, payload: bytes) -> bytes:
        """Send a frame of any bytes and return the next frame.

        Raises:
            Closed: the server hung up.
        """
        self.send(struct.pack(">i", len(payload)) + payload)
        try:
            size = struct.unpack(">i", self._receive(4))[0]
            return self._receive(size)
        except Closed:
            self.hang_up()
            raise

    def send(self, raw: bytes) -> None:
        """Send bytes as they are."""
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), 15)
        self._socket.sendall(raw)

    def is_closed_after(self, payload: bytes) -> bool:
        """Whether the server hangs up on this frame, without an answer."""
        try:
            self.exchange(payload)
        except Closed:
            return True
        return False

    def stays_silent(self, payload: bytes, *, for_s: float = 0.3) -> bool:
        """Whether the frame gets no answer for a while and the connection lives on."""
        self.send(struct.pack(">i", len(payload)) + payload)
        assert self._socket is not None
        self._socket.settimeout(for_s)
        try:
            self._socket.recv(1)
        except TimeoutError:
            return True
        finally:
            self._socket.settimeout(15)
        return False

    def note(self, value: Any) -> None:
        """Have a value compared between the servers."""
        self.answers.append(self._plain(value, ""))

    def hang_up(self) -> None:
        """Close the connection; the next request opens a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _receive(self, count: int) -> bytes:
        assert self._socket is not None
        parts = b""
        while len(parts) < count:
            try:
                part = self._socket.recv(count - len(parts))
            except ConnectionError as error:
                raise Closed from error
            if not part:
                raise Closed
            parts += part
        return parts

    def _named(self, kind: str, value: Any) -> str:
        number = sum(name.startswith(f"<{kind} ") for name in self._names.values()) + 1
        return self._names.setdefault((kind, value), f"<{kind} {number}>")

    def _plain(self, value: Any, field: str) -> Any:
        if isinstance(value, Struct):
            return {name: self._plain(getattr(value, name), name) for name in value.__fields__}
        if isinstance(value, list | tuple):
            return [self._plain(item, field) for item in value]
        if isinstance(value, dict):
            return {key: self._plain(item, key) for key, item in value.items()}
        if isinstance(value, bytes):
            if len(value) == 16 and field.endswith("id") and any(value):
                return self._named("id", value)
            return value.hex()
        if isinstance(value, str):
            return self._plain_text(value, field)
        if isinstance(value, int) and not isinstance(value, bool):
            return self._plain_number(value, field)
        return value

    def _plain_text(self, value: str, field: str) -> str:
        if field in TEXTS and value:
            return "<text>"
        if field == "cluster_id":
            return "<cluster>"
        return UUID.sub(lambda found: self._named("uuid", found.group()), value)

    def _plain_number(self, value: int, field: str) -> Any:
        if field in NUMBERED:
            kind, least = NUMBERED[field]
            return self._named(kind, value) if value >= least else value
        if field == "port" and value == self._port:
            return "<port>"
        if ABOUT_NOW.search(field) and abs(value - time.time() * 1000) < DAY_MS:
            return "<now>"
        return value
