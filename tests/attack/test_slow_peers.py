"""Peers that leave things unfinished: half frames, trickles, replies that nobody reads.

They must not keep memory from those who mean it, nor may memory grow with them.
"""

from __future__ import annotations

import resource
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

import ottla
from attack.line import HOST, Line
from attack.partition_client import PartitionClient
from ottla.client.connecting.connection import Connection
from ottla.client.errors import ConnectionFailed
from ottla.wire import frame
from ottla.wire.messages.api_versions import ApiVersionsRequest
from ottla.wire.messages.metadata import MetadataRequest
from ottla.wire.schema import Request
from servers import eventually

MEMORY = 3 << 20
SOON_S = 10
"""What a small request may take at most; it proves that nobody waits for the attackers' end."""
LATER_S = 40
"""The same of one that has to wait for memory."""


@pytest.fixture(params=[300, pytest.param(1400, marks=pytest.mark.long)])
def count(request: pytest.FixtureRequest) -> int:
    """How many peers attack, as far as this process may open sockets: each takes two."""
    return min(request.param, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 3)


CONFIG = {"queued.max.request.bytes": MEMORY, "socket.request.max.bytes": MEMORY}


@pytest.fixture
def broker() -> Iterator[ottla.Broker]:
    """A node with little memory for requests."""
    with ottla.Broker(config=CONFIG) as broker:
        yield broker


@pytest.fixture
def client(broker: ottla.Broker) -> Iterator[PartitionClient]:
    """A client that was there before, and a topic."""
    connection = Connection(HOST, broker.port, client_id="early", timeout_ms=30_000)
    client = PartitionClient(connection)
    assert client.create("t") == [0]
    yield client
    connection.close()


def core_metric(broker: ottla.Broker, name: str) -> float:
    """One of the core's numbers."""
    assert broker._node is not None
    return broker._node._core.metrics()[name]


@contextmanager
def attackers(
    port: int, count: int, bytes_of: Callable[[int], bytes]
) -> Iterator[list[socket.socket]]:
    """Connections that have sent so much, as far as it was taken."""
    with ExitStack() as stack:
        sockets = []
        for number in range(count):
            peer = stack.enter_context(socket.create_connection((HOST, port), 30))
            peer.setblocking(False)
            with suppress(BlockingIOError):
                peer.send(bytes_of(number))
            sockets.append(peer)
        yield sockets


def half_frame(number: int) -> bytes:
    """The beginning of a frame, of one of many sizes, each of them more than what is sent."""
    sent = (10, 5_000, 20_000, 70_000, 4_096 - 4, 16_384 - 4, 65_536 - 4)[number % 7]
    announced = (sent + 1, 1 << 20, MEMORY)[number % 3]
    return struct.pack(">i", announced) + b"\0" * sent


def assert_served(broker: ottla.Broker, client: PartitionClient) -> None:
    """A new client's ApiVersions and a Produce of 500 KB, of one who was there and of a new one."""
    began = time.monotonic()
    assert Line(broker.port, timeout_s=LATER_S).ask(ApiVersionsRequest(), 0).error_code == 0
    assert client.produce("t", b"small") == 0
    assert time.monotonic() - began < SOON_S
    for _ in range(2):
        eventually(lambda: takes_much(broker.port), "500 KB are taken", timeout_s=LATER_S)


def takes_much(port: int) -> bool:
    """Whether a large Produce passes. Who sends slowly while memory is short is cut off as the
    attackers are (this machine may be busy), and tries again as every client does.
    """
    connection = Connection(HOST, port, client_id="late", timeout_ms=30_000)
    try:
        return PartitionClient(connection).produce("t", b"w" * 500_000) == 0
    except ConnectionFailed:
        return False
    finally:
        connection.close()


def test_half_frames(broker: ottla.Broker, client: PartitionClient, count: int) -> None:
    """If this failed, a thousand connections that begin a request and do not finish it would keep
    all others waiting for a minute.
    """
    with attackers(broker.port, count, half_frame):
        assert core_metric(broker, "memory.used_bytes") < 2 * MEMORY + count * 4096
        assert_served(broker, client)
        eventually(lambda: core_metric(broker, "connection.stalled") > 0, "one was cut off")


def test_half_frames_that_trickle(
    broker: ottla.Broker, client: PartitionClient, count: int
) -> None:
    """If this failed, a byte a second would be enough to keep memory for ever."""
    done = threading.Event()

    def trickle(peers: list[socket.socket]) -> None:
        while not done.wait(1):
            for peer in peers:
                with suppress(OSError):
                    peer.send(b"\0")

    with attackers(broker.port, count, half_frame) as peers:
        thread = threading.Thread(target=trickle, args=(peers,))
        thread.start()
        try:
            assert_served(broker, client)
            assert_served(broker, client)
        finally:
            done.set()
            thread.join()


def test_frames_of_which_not_even_the_size_has_come(broker: ottla.Broker) -> None:
    """If this failed, a byte or four would be enough to keep a buffer until the idle limit."""
    size = struct.pack(">i", MEMORY)
    with (
        attackers(broker.port, 3, lambda _: size + bytes(MEMORY // 2)) as greedy,
        attackers(broker.port, 40, lambda number: size[: number % 4 + 1]) as few,
    ):

        def all_dropped() -> bool:
            for peer in greedy:  # fast enough to be borne, so that memory stays short
                with suppress(OSError):
                    peer.send(bytes(1000))
            return all(is_dropped(peer) for peer in few)

        eventually(all_dropped, "they are dropped", timeout_s=LATER_S)


def is_dropped(peer: socket.socket) -> bool:
    """Whether the node has closed the connection, on which it never sends anything."""
    try:
        return peer.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def test_peers_that_do_not_read(broker: ottla.Broker, client: PartitionClient, count: int) -> None:
    """If this failed, clients that ask for much and read nothing would fill the memory."""
    assert client.create(*(f"{'x' * 200}-{number}" for number in range(300))) == [0] * 300
    request = framed(MetadataRequest(topics=None), 1)
    with attackers(broker.port, count, lambda _: request * 20):
        assert core_metric(broker, "memory.used_bytes") < 2 * MEMORY + count * 4096
        assert_served(broker, client)
        assert core_metric(broker, "memory.used_bytes") < 2 * MEMORY + count * 4096


def test_a_slow_peer_is_borne_while_there_is_memory(broker: ottla.Broker, count: int) -> None:
    """If this failed, a client behind a bad line would be cut off for nothing: it is served still
    when another node, which has no memory left, has cut off those who came later.
    """
    request = framed(ApiVersionsRequest(), 0)
    with socket.create_connection((HOST, broker.port), 30) as slow:
        slow.sendall(request[:-1])
        eventually(lambda: core_metric(broker, "memory.used_bytes") > 0, "it arrived")
        with ottla.Broker(config=CONFIG) as short, attackers(short.port, count, half_frame):
            eventually(
                lambda: core_metric(short, "connection.stalled") > 0,
                "others would be cut off by now",
                timeout_s=LATER_S,
            )
        slow.sendall(request[-1:])
        assert len(slow.recv(4)) == 4
        assert core_metric(broker, "connection.stalled") == 0


def framed(request: Request, version: int) -> bytes:
    """A request as it is sent."""
    sent = frame.encode_request(request, version, correlation_id=1, client_id="attacker")
    return struct.pack(">i", len(sent)) + sent
