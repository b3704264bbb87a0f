"""Requests of one connection behind each other: a reply that is ready is its peer's."""

from __future__ import annotations

import resource
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from node_peer import FETCH, METADATA, TOPIC, Peer, Served, batch, eventually, serving

from ottla import _core

CROWD = 1_000
BAD_FRAMES = {
    "a header that breaks off": struct.pack(">ihhih", 10, METADATA, 1, 1, 500),
    "a size that is none": struct.pack(">i", -1),
    "an API that is not served": struct.pack(">ihhih", 10, 1234, 0, 1, -1),
    "a Fetch that breaks off": struct.pack(">ihhih", 10, FETCH, 11, 1, -1),
}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Served]:
    """One that answers what it is asked, but leaves what says `parked` and hangs up on `bad`."""
    with serving(tmp_path, config={"flush.messages": "1"}) as served:

        def answer(request: _core.Request) -> bytes | None:
            if request.body == b"bad":
                served.core.hang_up(request.token)
            return None if request.body in (b"bad", b"parked") else request.body

        served.answer = answer
        yield served


def pipelined(peer: Peer, *bodies: bytes) -> bytes:
    """So many requests, as they are sent in one go."""
    return b"".join(peer.frame(METADATA, 1, body) for body in bodies)


def test_who_sends_nothing_more_gets_what_is_ready(node: Served) -> None:
    """If this failed, a client that closes its sending half behind two requests would wait a second
    for the first reply, and lose it where the second is not made by then.
    """
    with Peer(node.port) as peer:
        peer.socket.sendall(pipelined(peer, b"first", b"parked"))
        peer.socket.shutdown(socket.SHUT_WR)
        assert peer.receive_frame()[4:] == b"first"
        assert peer.receive_frame() == b""


def test_a_request_that_ends_its_connection_ends_no_reply(node: Served) -> None:
    """If this failed, what can't be decoded would take the reply before it along: one who was told
    of a commit, say, in Apache Kafka would not be told here.
    """
    with Peer(node.port) as peer:
        peer.socket.sendall(pipelined(peer, b"first", b"bad"))
        assert peer.receive_frame()[4:] == b"first"
        assert peer.receive_frame() == b""


@pytest.mark.parametrize("bad", sorted(BAD_FRAMES))
def test_a_frame_that_is_refused_ends_no_reply(node: Served, bad: str) -> None:
    """If this failed, a producer would send acknowledged records again because of what it sent
    behind them.
    """
    with Peer(node.port) as peer, Peer(node.port) as other:
        peer.socket.sendall(pipelined(peer, b"first") + BAD_FRAMES[bad])
        assert peer.receive_frame()[4:] == b"first"
        assert peer.receive_frame() == b""
        # The same behind a reply that the core makes: the frames arrive in one piece.
        other.socket.sendall(other.produce_frame(batch(), acks=1) + BAD_FRAMES[bad])
        assert other.receive_frame()
        assert other.receive_frame() == b""


def test_a_reply_does_not_wait_for_the_disk_of_the_next(node: Served) -> None:
    """If this failed, whatever was answered before a Produce would lie here until its records are
    synced: half a minute where a disk hangs.
    """
    slow = _core.DiskFault("sync", f"{TOPIC}-0/*.log", delay_ms=None)
    with Peer(node.port) as peer:
        node.core.set_disk_faults([slow])
        try:
            peer.socket.sendall(pipelined(peer, b"first") + peer.produce_frame(batch()))
            assert peer.receive_frame()[4:] == b"first"
            eventually(lambda: node.core.metrics()["produce.parked"] == 1)
        finally:
            node.core.set_disk_faults([])
        assert peer.receive_frame()


def test_a_crowd_that_is_owed_replies_leaves_nothing(node: Served) -> None:
    """If this failed, replies that wait for others would be lost among many connections, or what
    they took of the memory for requests.
    """
    wanted = 2 * CROWD + 200
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
    with ExitStack() as stack:
        peers = [stack.enter_context(Peer(node.port)) for _ in range(CROWD)]
        for peer in peers:
            peer.socket.sendall(pipelined(peer, b"first", b"second", b"parked", b"last"))
        for peer in peers:
            assert [peer.receive_frame()[4:] for _ in range(2)] == [b"first", b"second"]
        eventually(lambda: node.core.metrics()["request.held"] == CROWD)
        for request in [asked for asked in node.asked if asked.body == b"parked"]:
            node.core.reply(request.token, b"late")
        for peer in peers:
            assert [peer.receive_frame()[4:] for _ in range(2)] == [b"late", b"last"]
        eventually(lambda: node.core.metrics()["request.held"] == 0)
    eventually(lambda: node.core.metrics()["connection.count"] == 0)
    assert node.core.metrics()["memory.used_bytes"] == 0
