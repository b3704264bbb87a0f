"""A conversation with a server in raw requests, written down so that two servers can be compared.

Requests are built by `ottla.wire` and sent as bytes over a plain socket; no client library stands
between. Every answer is decoded and turned into plain JSON, in which all that may differ between
two runs (identifiers, ports, the time, folders) is replaced by what it is: `<id 1>` for the first
uuid seen, `<now>` for a time while the server was asked, give or take a second. What is left has
to be equal. The texts of errors are left, each of them: clients put them into their exceptions,
Kafka's own tools print them ("Error while executing topic command : ..."), and scripts look for
what those print. Only where 4.3.1 gives no reason may Ottla give one (`WITHOUT_REASON`).
"""

from __future__ import annotations

import re
import socket
import struct
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from ottla.wire import frame
from ottla.wire.api import response_class
from ottla.wire.schema import Request, Response, Struct

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
SECOND_MS = 1000
TEXTS = {"error_message", "batch_index_error_message"}
"""The texts of errors in what is asked here; another name that is added to an answer is compared
as any field is.
"""
WITHOUT_REASON = {
    None,
    "This most likely occurs because of a request being malformed by the client library or the "
    "message was sent to an incompatible broker. See the broker logs for more details.",
}
"""What 4.3.1 sends where it has nothing to say but the error's code: null, or the sentence that its
clients have for the code themselves. Everything else in `TEXTS` is compared word for word.
"""
API_VERSIONS, MARKER = 18, 0x6D61726B
NUMBERED = {"producer_id": ("pid", 0), "session_id": ("session", 1)}
"""Numbers that a server hands out: what they are, and the least of them."""
ABOUT_NOW = re.compile(r"timestamp|append_time|_time_ms$|max_timestamp")
BOUNDS = re.compile(r"within \[(-?\d+), (-?\d+)\]")
"""The times that a record may have, in the text that refuses another."""
R = TypeVar("R", bound=Response)
Case = TypeVar("Case", bound="Callable[[Talk], None]")


Pairs = Collection[tuple[Any, Any]]
ON_PURPOSE: dict[Callable[[Talk], None], Mapping[str, Pairs]] = {}
"""Where we answer a case otherwise than 4.3.1, because we want to (`differs`)."""


def differs(because: str, **fields: Pairs) -> Callable[[Case], Case]:
    """Say of a case where our answers differ on purpose: by field, what 4.3.1 says and what we say.

    `because` is for people: why that is better for clients, or why it is harmless.
    """
    assert because, "a difference needs its reason"

    def note(case: Case) -> Case:
        ON_PURPOSE[case] = fields
        return case

    return note


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
        self._asked_at = 0.0
        """When the last frame was sent, by the wall clock that the server shares."""

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
            return self.receive()
        except Closed:
            self.hang_up()
            raise

    def send(self, raw: bytes) -> None:
        """Send bytes as they are."""
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), 15)
        self._asked_at = time.time()
        self._socket.sendall(raw)

    def is_closed_after(self, payload: bytes) -> bool:
        """Whether the server hangs up on this frame, without an answer."""
        try:
            self.exchange(payload)
        except Closed:
            return True
        return False

    def stays_silent(self, payload: bytes) -> bool:
        """Whether the frame gets no answer and the connection lives on.

        Answers come in the order of the requests, so the next frame after a silent request has to
        be the answer to the request that follows it.

        Raises:
            Closed: the server hung up.
        """
        marker = struct.pack(">hhih", API_VERSIONS, 0, MARKER, -1)
        both = (payload, marker)
        self.send(b"".join(struct.pack(">i", len(one)) + one for one in both))
        first: int = struct.unpack_from(">i", self.receive())[0]
        if first != MARKER:
            self.hang_up()  # the marker's own answer is still to come
        return first == MARKER

    def note(self, value: Any) -> None:
        """Have a value compared between the servers."""
        self.answers.append(self._plain(value, ""))

    def hang_up(self) -> None:
        """Close the connection; the next request opens a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def receive(self) -> bytes:
        """The next frame.

        Raises:
            Closed: the server hung up.
        """
        size = struct.unpack(">i", self._receive(4))[0]
        try:
            return self._receive(size)
        except Closed as closed:
            raise AssertionError("the server hung up in the middle of an answer") from closed

    def _receive(self, count: int) -> bytes:
        assert self._socket is not None
        parts = b""
        while len(parts) < count:
            try:
                part = self._socket.recv(count - len(parts))
            except ConnectionError as error:
                raise Closed from error
            if not part:
                assert not parts, "the server hung up in the middle of an answer"
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
        if field == "cluster_id":
            return "<cluster>"
        if field in TEXTS:
            value = BOUNDS.sub(self._plain_bounds, value)
        return UUID.sub(lambda found: self._named("uuid", found.group()), value)

    def _plain_number(self, value: int, field: str) -> Any:
        if field in NUMBERED:
            kind, least = NUMBERED[field]
            return self._named(kind, value) if value >= least else value
        if field == "port" and value == self._port:
            return "<port>"
        if ABOUT_NOW.search(field) and self._is_now(value):
            return "<now>"
        return value

    def _plain_bounds(self, found: re.Match[str]) -> str:
        least, most = map(int, found.groups())
        return "within [<times around now>]" if least <= self._asked_at * 1000 <= most else found[0]

    def _is_now(self, value_ms: int) -> bool:
        """Whether it is a time of the last exchange, give or take a second."""
        since = self._asked_at * 1000 - SECOND_MS
        return since <= value_ms <= time.time() * 1000 + SECOND_MS
