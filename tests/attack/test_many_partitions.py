"""Fetches of very many partitions: what is made of them is several times what was sent, and they
may be parked for as long as their peers like.
"""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

import ottla
from attack.line import HOST, Closed, Line
from attack.test_bombs import Peak
from ottla.wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from ottla.wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from servers import OttlaProcess, eventually

MEMORY = 8 << 20
SHARE = 8
VERSION = 12
LONG_MS = 300_000
"""How long requests are parked here: far longer than any test waits."""
MANY = 5_000
TOO_MANY = 250_001
GROWTH_MAX = 96 << 20


@pytest.fixture
def broker() -> Iterator[ottla.Broker]:
    """A node with little memory for requests, and a topic of a thousand partitions."""
    config = {"queued.max.request.bytes": MEMORY, "socket.request.max.bytes": MEMORY}
    with ottla.Broker(config=config) as broker:
        topics = [CreatableTopic(name="t", num_partitions=1_000, replication_factor=1)]
        answer = Line(broker.port).ask(CreateTopicsRequest(topics=topics), 7)
        assert [topic.error_code for topic in answer.topics] == [0]
        yield broker


def core_metric(broker: ottla.Broker, name: str) -> float:
    """One of the core's numbers."""
    assert broker._node is not None
    return broker._node._core.metrics()[name]


def frame_of(topic: str, indexes: range, *, wait_ms: int) -> bytes:
    """A Fetch (v4) of these partitions; those of "t" are all its partition 0."""
    parts = b"".join(struct.pack(">iqi", 0 if topic == "t" else index, 0, 1) for index in indexes)
    head = struct.pack(">hhih", 1, 4, 1, 1) + b"a"
    head += struct.pack(">iiiibi", -1, wait_ms, 1 << 30, 1 << 20, 0, 1)
    name = topic.encode()
    frame = head + struct.pack(">h", len(name)) + name + struct.pack(">i", len(indexes)) + parts
    return struct.pack(">i", len(frame)) + frame


@contextmanager
def peers(port: int, count: int) -> Iterator[list[socket.socket]]:
    """So many connections."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(socket.create_connection((HOST, port), 30)) for _ in range(count)
        ]


def take_answer(peer: socket.socket) -> int:
    """Take a whole answer: its size."""
    (size,) = struct.unpack(">i", peer.recv(4, socket.MSG_WAITALL))
    left = size
    while left > 0:
        left -= len(peer.recv(min(left, 1 << 16)))
    return int(size)


def test_what_is_parked_is_bounded(broker: ottla.Broker) -> None:
    """If this failed, each peer that parks a Fetch of many partitions would hold tens of megabytes
    for as long as it likes; where there is no room, those that came first are answered early.
    """
    asked = frame_of("t", range(MANY), wait_ms=LONG_MS)
    with peers(broker.port, 12) as all_of_them:
        for peer in all_of_them:
            peer.sendall(asked)
        first = all_of_them[0]
        assert take_answer(first) > MANY
        assert core_metric(broker, "fetch.bytes") <= 2 * MEMORY / SHARE
        few = MEMORY // SHARE // (MANY * 56)
        assert eventually(lambda: core_metric(broker, "fetch.parked") <= few, "few are parked")
        assert core_metric(broker, "memory.used_bytes") < MEMORY
    assert eventually(lambda: core_metric(broker, "fetch.bytes") == 0, "nothing is kept")


def test_a_few_partitions_stay_parked(broker: ottla.Broker) -> None:
    """If this failed, others' large requests would make small ones poll."""
    small, large = (frame_of("t", range(count), wait_ms=LONG_MS) for count in (10, MANY))
    with peers(broker.port, 10) as [consumer, *others]:
        consumer.sendall(small)
        assert eventually(lambda: core_metric(broker, "fetch.parked") == 1, "it is parked")
        for peer in others:
            peer.sendall(large)
        assert take_answer(others[0]) > MANY
        assert core_metric(broker, "fetch.parked") >= 1
        assert select.select([consumer], [], [], 0) == ([], [], []), "it was not answered early"


def test_a_session_is_not_parked_without_end(broker: ottla.Broker) -> None:
    """If this failed, sixty bytes from each of a thousand peers would park all that one session
    remembers a thousand times.
    """
    parts = [FetchPartition(partition=i, partition_max_bytes=1) for i in range(1_000)]
    begin = FetchRequest(
        max_wait_ms=0,
        session_id=0,
        session_epoch=0,
        topics=[FetchTopic(topic="t", partitions=parts)],
    )
    session = Line(broker.port).ask(begin, VERSION).session_id
    assert session > 0
    lines = [Line(broker.port) for _ in range(40)]
    for epoch, line in enumerate(lines, 1):
        parked = FetchRequest(
            max_wait_ms=LONG_MS, min_bytes=1, session_id=session, session_epoch=epoch
        )
        line.send(parked, VERSION)
        handled(broker, lines[:epoch])  # else the next one's epoch might come first
    assert lines[0].answer().error_code == 0, "it is answered early"
    assert 0 < core_metric(broker, "fetch.parked") <= MEMORY / SHARE / 56_000
    for line in lines:
        line.close()


def handled(broker: ottla.Broker, lines: list[Line]) -> None:
    """Wait until the fetches that were sent are parked or answered."""
    sockets = [line._socket for line in lines]

    def is_so() -> bool:
        answered, _, _ = select.select(sockets, [], [], 0)
        return core_metric(broker, "fetch.parked") + len(answered) == len(lines)

    assert eventually(is_so, f"{len(lines)} fetches are parked or answered")


def test_what_was_asked_is_forgotten(tmp_path: Path) -> None:
    """If this failed, a connection that once asked for many partitions would hold their list for
    ever.
    """
    config = {"queued.max.request.bytes": f"{24 << 20}", "socket.request.max.bytes": f"{8 << 20}"}
    node = OttlaProcess(tmp_path / "data", config)
    node.start()
    try:
        peak = Peak(node.pid)
        with peers(node.port, 30) as all_of_them:
            for peer in all_of_them:
                peer.sendall(frame_of("unknown", range(100_000), wait_ms=0))
                assert take_answer(peer) > 100_000
            assert peak.growth() < GROWTH_MAX
    finally:
        node.stop()


def test_one_request_names_so_many(broker: ottla.Broker) -> None:
    """If this failed, a hundred megabytes of partitions would become gigabytes in one go."""
    line = Line(broker.port)
    with pytest.raises(Closed):
        line.exchange(frame_of("unknown", range(TOO_MANY), wait_ms=0)[4:])
    assert len(line.exchange(frame_of("unknown", range(TOO_MANY - 2), wait_ms=0)[4:])) > TOO_MANY


def test_an_end_behind_more_than_is_taken_in_is_found(broker: ottla.Broker) -> None:
    """If this failed, who sends more behind a parked Fetch than any buffer takes, and goes, would
    keep memory and a place for as long as it once said.
    """
    asked = frame_of("t", range(1), wait_ms=LONG_MS)
    with socket.create_connection((HOST, broker.port), 30) as peer:
        peer.sendall(asked)
        assert eventually(lambda: core_metric(broker, "fetch.parked") == 1, "it is parked")
        peer.setblocking(False)
        with suppress(BlockingIOError):
            peer.sendall(asked * 200_000)
    assert eventually(lambda: core_metric(broker, "connection.count") == 0, "it is gone")
