"""Clients that mean no good: the node hangs up on them or lets them wait, serves everybody else at
once, and does not grow.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

import ottla
from oracle import answers_api_versions

GROWTH_MIB_MAX = 200
NETWORK_THREADS = 3
"""The default of num.network.threads."""
ROUNDS = 30
"""So often would somebody who goes on reading have come by the socket."""
ANNOUNCED = 90 * 1024 * 1024


def frame(key: int, version: int, body: bytes = b"") -> bytes:
    """A request with an old header."""
    message = struct.pack(">hhih", key, version, 1, 1) + b"x" + body
    return struct.pack(">i", len(message)) + message


def resident_mib() -> int:
    """What this process, and so the node in it, has in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // (1024 * 1024)


@pytest.fixture(scope="module")
def broker() -> Iterator[ottla.Broker]:
    """One node for all of them: what one client does must not hurt the next."""
    with ottla.Broker() as broker:
        yield broker


def connect(broker: ottla.Broker) -> socket.socket:
    """A socket that gives up soon."""
    return socket.create_connection(("127.0.0.1", broker.port), timeout=5)


@pytest.mark.parametrize(
    "words",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
        b"\x7f\xff\xff\xff" + b"a" * 100,
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x00",
        frame(9999, 0),
        frame(3, 99),
        frame(3, 1, b"\x7f\xff\xff\xff"),
        frame(0, 12, b"\x00" * 20),
        frame(1, 12, b"\xff" * 40),
    ],
)
def test_nonsense_is_hung_up_on(broker: ottla.Broker, words: bytes) -> None:
    """If this failed, one stray client could hold a connection, or take the node down."""
    with connect(broker) as peer:
        peer.sendall(words)
        with contextlib.suppress(ConnectionResetError):
            assert peer.recv(100) == b""
    assert answers_api_versions(broker.port)


def test_what_is_announced_is_not_set_aside(broker: ottla.Broker) -> None:
    """If this failed, a few bytes from each of some clients would take all memory."""
    before = resident_mib()
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            peer = stack.enter_context(connect(broker))
            peer.sendall(struct.pack(">i", ANNOUNCED) + b"\x00\x00\x00\x09" + b"x" * 1000)
        assert answers_api_versions(broker.port)
        assert resident_mib() - before < GROWTH_MIB_MAX


def sent_until_full(peer: socket.socket, words: bytes) -> int:
    """How many bytes a socket takes at once."""
    peer.setblocking(False)
    sent = 0
    with contextlib.suppress(BlockingIOError):
        while sent < len(words):
            sent += peer.send(words[sent:])
    return sent


def threads_came_by(broker: ottla.Broker) -> None:
    """The node has served more connections than it has threads for them, since this began."""
    for _ in range(2 * NETWORK_THREADS):
        assert answers_api_versions(broker.port)


def test_who_never_reads_waits(broker: ottla.Broker) -> None:
    """If this failed, requests without reading a reply would fill the node's memory."""
    before = resident_mib()
    words = frame(3, 1, struct.pack(">i", -1)) * 1_000_000
    with connect(broker) as peer:
        sent, quiet = 0, 0
        while quiet < ROUNDS:
            more = sent_until_full(peer, words[sent : sent + (1 << 20)])
            sent += more
            quiet = 0 if more else quiet + 1
            assert sent < len(words), "the node has read all of it"
            threads_came_by(broker)
        assert resident_mib() - before < GROWTH_MIB_MAX
        # It is not deaf: as replies are read, so are requests.
        while not sent_until_full(peer, words[:1]):
            peer.settimeout(20)
            assert peer.recv(1 << 20)


def test_slow_readers_of_big_fetches(broker: ottla.Broker) -> None:
    """If this failed, replies that nobody takes would be held in memory."""
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
    for _ in range(40):
        producer.produce("big", b"x" * 900_000)
    assert producer.flush(20) == 0
    before = resident_mib()
    topic = struct.pack(">ih3siiqi", 1, 3, b"big", 1, 0, 0, 100_000_000)
    fetch = frame(1, 4, struct.pack(">iiiib", -1, 0, 1, 100_000_000, 0) + topic)
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            peer = stack.enter_context(connect(broker))
            peer.sendall(fetch * 3)
            assert peer.recv(4)  # the reply has begun
        assert answers_api_versions(broker.port)
        assert resident_mib() - before < GROWTH_MIB_MAX


def test_who_leaves_in_the_middle(broker: ottla.Broker) -> None:
    """If this failed, connections cut in a request would leave something behind."""
    for _ in range(100):
        with connect(broker) as peer:
            reset = struct.pack("ii", 1, 0)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            peer.sendall(frame(3, 1, struct.pack(">i", -1)) * 20 + b"\x00\x00")
    assert answers_api_versions(broker.port)
