"""A `_core.Node` that answers by itself, and a raw socket that talks to it."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import servers
from ottla import _core
from ottla.wire import schema
from ottla.wire.api import api
from ottla.wire.messages.fetch import (
    FetchPartition,
    FetchRequest,
    FetchResponse,
    FetchTopic,
    ForgottenTopic,
)
from ottla.wire.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    ProduceResponse,
    TopicProduceData,
)
from ottla.wire.records import Record, build_batch

PRODUCE, FETCH, METADATA, API_VERSIONS = 0, 1, 3, 18


def first_flexible(key: int) -> int:
    """The first flexible version of an API that the tests' node serves."""
    return api(key).first_flexible


TOPIC, TOPIC_ID = "events", bytes(range(16))
APIS = [
    _core.Api(
        key=key,
        version_min=api(key).min_version,
        version_max=api(key).max_version,
        first_flexible=first_flexible(key),
        on_brokers="broker" in api(key).listeners,
        on_controllers="controller" in api(key).listeners,
    )
    for key in (PRODUCE, FETCH, METADATA, API_VERSIONS)
]


def led(
    topic: str,
    topic_id: bytes,
    partition: int = 0,
    leader_epoch: int = 0,
    config: dict[str, Any] | None = None,
    *,
    internal: bool = False,
) -> _core.PartitionState:
    """The state of a partition that node 1 leads alone."""
    return _core.PartitionState(
        topic=topic,
        topic_id=topic_id,
        partition=partition,
        leader=1,
        leader_epoch=leader_epoch,
        partition_epoch=leader_epoch,
        replicas=[1],
        isr=[1],
        log_dir=0,
        config=_core.TopicConfig(config or {}),
        internal=internal,
    )


def place(core: _core.Node, *states: _core.PartitionState) -> None:
    """Host these, and wait until they are as wanted or were told to fail."""
    core.place(states)
    assert core.await_wanted(timeout_ms=20_000)


def bounds(core: _core.Node) -> tuple[int, int, int, int]:
    """(log start, high watermark, last stable, log end) of the first partition."""
    found = core.partition_offsets(TOPIC, 0)
    return found.log_start, found.high_watermark, found.last_stable, found.log_end


class Served:
    """A node that serves on a free port; a thread echoes what Python is asked, until it ends."""

    def __init__(self, folder: Path, partitions: int = 2, **options: Any) -> None:
        config = options.pop("config", {})
        self.core = _core.Node(node_id=1, log_dirs=[str(folder)], **options)
        self.port = self.core.listen("PLAINTEXT", "127.0.0.1", 0)
        self.core.set_apis(APIS)
        self.core.bind(
            produce_request=schema.plan_of(ProduceRequest),
            produce_response=schema.plan_of(ProduceResponse),
            fetch_request=schema.plan_of(FetchRequest),
            fetch_response=schema.plan_of(FetchResponse),
        )
        place(
            self.core,
            *(led(TOPIC, TOPIC_ID, index, config=config) for index in range(partitions)),
        )
        self.asked: list[_core.Request] = []
        self.events: list[_core.Event] = []
        self.answer: Callable[[_core.Request], bytes | None] = lambda request: request.body
        self.core.serve()
        self._thread = threading.Thread(target=self._decide)
        self._thread.start()

    def _decide(self) -> None:
        try:
            while True:
                for item in self.core.next(None):
                    if isinstance(item, _core.Event):
                        self.events.append(item)
                        continue
                    self.asked.append(item)
                    body = self.answer(item)
                    if body is not None:
                        self.core.reply(item.token, body)
        except _core.CoreError as end:
            self.end = end.args

    def close(self) -> None:
        self.core.kill()
        self._thread.join(5)
        assert not self._thread.is_alive(), "next() did not notice the end"


@contextmanager
def serving(folder: Path, **options: Any) -> Iterator[Served]:
    node = Served(folder, **options)
    try:
        yield node
    finally:
        node.close()


class Peer:
    """A client that sends what it likes."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._correlation = 0

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def frame(self, key: int, version: int, body: bytes, client: bytes = b"me") -> bytes:
        self._correlation += 1
        flexible = b"\0" if version >= first_flexible(key) else b""
        header = struct.pack(">hhih", key, version, self._correlation, len(client)) + client
        payload = header + flexible + body
        return struct.pack(">i", len(payload)) + payload

    def send(self, key: int, version: int, body: bytes, client: bytes = b"me") -> None:
        self.socket.sendall(self.frame(key, version, body, client))

    def receive_frame(self) -> bytes:
        """One reply after its size; empty if the node closed the connection."""
        size = self._exactly(4)
        return self._exactly(struct.unpack(">i", size)[0]) if size else b""

    def _exactly(self, count: int) -> bytes:
        parts = b""
        while len(parts) < count:
            try:
                part = self.socket.recv(count - len(parts))
            except ConnectionResetError:
                return b""
            if not part:
                return b""
            parts += part
        return parts

    def reply(self, kind: Any, key: int, version: int) -> Any:
        frame = self.receive_frame()
        assert frame, "the node closed the connection"
        header = 5 if version >= first_flexible(key) and key != API_VERSIONS else 4
        return schema.decode(kind, frame[header:], version)

    def produce_frame(
        self,
        records: bytes | None,
        *,
        partition: int = 0,
        acks: int = -1,
        version: int = 13,
        client: bytes = b"me",
        **extra: Any,
    ) -> bytes:
        topic = {"topic_id": TOPIC_ID} if version >= 13 else {"name": TOPIC}
        data = [PartitionProduceData(index=partition, records=records)]
        request = ProduceRequest(
            acks=acks,
            timeout_ms=1000,
            topic_data=[TopicProduceData(**{**topic, **extra}, partition_data=data)],
        )
        return self.frame(PRODUCE, version, schema.encode(request, version), client)

    def produce(
        self, records: bytes | None, *, acks: int = -1, version: int = 13, **asked: Any
    ) -> Any:
        self.socket.sendall(self.produce_frame(records, acks=acks, version=version, **asked))
        if acks == 0:
            return None
        response = self.reply(ProduceResponse, PRODUCE, version)
        return response.responses[0].partition_responses[0]

    def ask_fetch(
        self,
        offsets: dict[int, int],
        *,
        version: int = 18,
        session: tuple[int, int] = (0, -1),
        forget: list[int] | None = None,
        part: dict[str, Any] | None = None,
        topic: dict[str, Any] | None = None,
        **head: Any,
    ) -> None:
        named = topic or ({"topic_id": TOPIC_ID} if version >= 13 else {"topic": TOPIC})
        parts = [
            FetchPartition(
                **{
                    "partition": index,
                    "fetch_offset": offset,
                    "partition_max_bytes": 1 << 20,
                    **(part or {}),
                }
            )
            for index, offset in offsets.items()
        ]
        request = FetchRequest(
            **{"max_wait_ms": 0, "min_bytes": 1, "max_bytes": 50 << 20, **head},
            session_id=session[0],
            session_epoch=session[1],
            topics=[FetchTopic(**named, partitions=parts)] if parts else [],
            forgotten_topics_data=[ForgottenTopic(**named, partitions=forget)] if forget else [],
        )
        self.send(FETCH, version, schema.encode(request, version))

    def fetched(self, version: int = 18) -> Any:
        return self.reply(FetchResponse, FETCH, version)

    def fetch(self, offsets: dict[int, int], *, version: int = 18, **asked: Any) -> Any:
        self.ask_fetch(offsets, version=version, **asked)
        return self.fetched(version)


def batch(count: int = 1, size: int = 10, **header: Any) -> bytes:
    records = [Record(None, b"v" * size, [], 1000 + place, place) for place in range(count)]
    return build_batch(records, **header)


def eventually(condition: Callable[[], Any], seconds: float = 10) -> Any:
    """Poll until the condition holds."""
    return servers.eventually(condition, "what the test waits for", timeout_s=seconds)
