"""Kafka nodes that do what a test says, on 127.0.0.1, and a clock that nobody waits for."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, NamedTuple

from ottla.client.connecting.connection import Connection
from ottla.client.connecting.waiting import Waiting
from ottla.wire import api
from ottla.wire.messages import metadata
from ottla.wire.messages.api_versions import ApiVersion, ApiVersionsRequest, ApiVersionsResponse
from ottla.wire.schema import decode, encode

HOST = "127.0.0.1"


class Asked(NamedTuple):
    """A request as it arrived."""

    key: int
    version: int
    correlation_id: int
    message: Any


class HangUp(Exception):
    """Raised by a script: close the connection."""


Script = Callable[[Asked], Any]
"""What to say to a request: a message, raw bytes, or None for nothing."""


def frame(asked: Asked, message: Any) -> bytes:
    """The whole answer to a request."""
    flexible = asked.version >= api.api(asked.key).first_flexible and asked.key != 18
    body = encode(message, asked.version)
    payload = struct.pack(">i", asked.correlation_id) + b"\0" * flexible + body
    return struct.pack(">i", len(payload)) + payload


def versions(_: Asked) -> ApiVersionsResponse:
    """All APIs that 4.3.1 serves."""
    rows = [
        ApiVersion(api_key=row.key, min_version=row.min_version, max_version=row.max_version)
        for row in api.apis()
    ]
    return ApiVersionsResponse(api_keys=rows)


def in_future(deadline_ms: int | None, now_ms: int) -> None:
    """What a machine that has just acted says of when to act again. If it lay behind, the client's
    thread would turn without a rest, and wake nobody.
    """
    assert deadline_ms is None or deadline_ms > now_ms, "it would turn for ever"


class Peer:
    """A listener that answers ApiVersions by itself and everything else by a script."""

    def __init__(self, script: Script, *, versions: Script = versions) -> None:
        self._script = script
        self._versions = versions
        self.requests: list[Asked] = []
        self.connections = 0
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def count(self, kind: Any) -> int:
        """How many requests of a kind arrived."""
        return len(self.of(kind))

    def of(self, kind: Any) -> list[Any]:
        """The requests of a kind, in order."""
        return [asked.message for asked in self.requests if isinstance(asked.message, kind)]

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._sockets.append(accepted)
            thread = threading.Thread(target=self._serve, args=(accepted,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, accepted: socket.socket) -> None:
        with accepted, contextlib.suppress(HangUp, OSError):
            while True:
                (size,) = struct.unpack(">i", _exactly(accepted, 4))
                asked = parse(_exactly(accepted, size))
                versions = isinstance(asked.message, ApiVersionsRequest)
                if not versions:
                    self.requests.append(asked)
                said = (self._versions if versions else self._script)(asked)
                if said is not None:
                    accepted.sendall(said if isinstance(said, bytes) else frame(asked, said))

    def close(self) -> None:
        """End the listener and all connections."""
        for one in [self._listener, *self._sockets]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _exactly(accepted: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        part = accepted.recv(count - len(received))
        if not part:
            raise HangUp
        received += part
    return received


def parse(payload: bytes) -> Asked:
    """A request, by what follows its length."""
    key, version, correlation_id, client = struct.unpack_from(">hhih", payload)
    at = 10 + max(0, client) + (version >= api.api(key).first_flexible)
    message = decode(api.request_class(key), payload[at:], version)
    return Asked(key, version, correlation_id, message)


class Leads(NamedTuple):
    """A row of a Metadata response."""

    topic: str
    partition: int
    leader: int
    epoch: int = 0


def metadata_of(
    ports: Sequence[int], leads: Iterable[Leads], asked: Asked
) -> metadata.MetadataResponse:
    """Metadata of nodes 1, 2, ... on these ports; of the topics that were asked for."""
    wanted = None if asked.message.topics is None else {t.name for t in asked.message.topics}
    topics: dict[str, metadata.MetadataResponseTopic] = {}
    for row in leads:
        if wanted is not None and row.topic not in wanted:
            continue
        topic = topics.setdefault(
            row.topic,
            metadata.MetadataResponseTopic(name=row.topic, topic_id=row.topic.encode() * 16),
        )
        topic.partitions.append(
            metadata.MetadataResponsePartition(
                partition_index=row.partition, leader_id=row.leader, leader_epoch=row.epoch
            )
        )
    brokers = [
        metadata.MetadataResponseBroker(node_id=number, host=HOST, port=port)
        for number, port in enumerate(ports, 1)
    ]
    return metadata.MetadataResponse(brokers=brokers, topics=list(topics.values()))


class Counted(Waiting):
    """Waits for answers in truth and for time not at all: it counts what would have been waited.

    An answer that does not come for `patience_ms`, in truth, is waited for until its deadline, by
    the counted clock.
    """

    def __init__(self, *, patience_ms: int = 10_000) -> None:
        super().__init__()
        self.at_ms = 1_000_000
        self.waits: list[int] = []
        self._patience_ms = patience_ms

    def now_ms(self) -> int:
        """The counted clock."""
        return self.at_ms

    def random(self) -> int:
        """The middle, which makes no back-off longer or shorter."""
        return 1 << 31

    def select(
        self, connections: Sequence[Connection], timeout_ms: int | None
    ) -> list[tuple[Connection, bool, bool]]:
        """What is ready; else the time passes at once."""
        busy = any(connection.deadline_ms is not None for connection in connections)
        began_ms = super().now_ms()
        found = super().select(connections, self._patience_ms if busy else 0)
        woken = busy and super().now_ms() - began_ms < self._patience_ms
        if not found and not woken:
            assert timeout_ms is not None
            self.waits.append(timeout_ms)
            self.at_ms += timeout_ms
        return found
