"""Answers of Python's, which whoever makes them sends past the connection's task."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path

import pytest
from node_peer import METADATA, Peer, Served, eventually, serving

BUFFER_BYTES = 4096
LARGE = bytes(range(256)) * 240
"""More than any socket takes at once here, and less than what is left to the task anyway."""


def unanswered(node: Served) -> int:
    """The token of the one request that Python holds."""
    (request,) = eventually(lambda: node.asked)
    return request.token


@pytest.mark.parametrize("size", [1, len(LARGE), 3 * len(LARGE)])
def test_a_peer_that_takes_its_time_gets_all_of_it(tmp_path: Path, size: int) -> None:
    """What a full socket did not take would be missing from the reply, or come twice."""
    body = (LARGE * 3)[:size]
    with serving(tmp_path, socket_send_buffer_bytes=BUFFER_BYTES) as node, Peer(node.port) as peer:
        node.answer = lambda request: body + request.body
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        for last in (b"a", b"b"):
            peer.send(METADATA, 1, last)
            eventually(lambda: node.core.metrics()["request.held"] == 0)
            assert peer.receive_frame()[4:] == body + last
        assert node.core.metrics()["response.bytes.3"] == 2 * (4 + 4 + size + 1)
        assert node.core.metrics()["request.total_ms.3"] > 0


@pytest.mark.parametrize("closed_first", [True, False])
def test_a_peer_that_sends_nothing_more_is_answered(tmp_path: Path, closed_first: bool) -> None:
    """A client that closes its sending side behind a request would miss the answer, or its
    connection would stay.
    """
    with serving(tmp_path) as node, Peer(node.port) as peer:
        node.answer = lambda request: None
        peer.send(METADATA, 1, b"late")
        token = unanswered(node)
        if closed_first:
            peer.socket.shutdown(socket.SHUT_WR)
        node.core.reply(token, b"answer")
        assert peer.receive_frame()[4:] == b"answer"
        if not closed_first:
            peer.socket.shutdown(socket.SHUT_WR)
        assert peer.receive_frame() == b""
        eventually(lambda: node.core.metrics()["connection.count"] == 0)


def test_who_is_not_answered_is_not_idle(tmp_path: Path) -> None:
    """A client whose request is parked for long would lose its connection meanwhile."""
    with (
        serving(tmp_path, connection_idle_ms_max=200) as node,
        Peer(node.port) as other,
        Peer(node.port) as peer,
    ):
        node.answer = lambda request: None
        peer.send(METADATA, 1, b"parked")
        token = unanswered(node)
        assert other.receive_frame() == b"", "it is idle for as long"
        node.core.reply(token, b"answer")
        assert peer.receive_frame()[4:] == b"answer"


def test_who_was_answered_is_idle(tmp_path: Path) -> None:
    """A connection that Python has answered once would never be closed for its idleness."""
    with (
        serving(tmp_path, connection_idle_ms_max=300) as node,
        Peer(node.port) as peer,
        Peer(node.port) as other,
    ):
        node.answer = lambda request: None if request.body == b"late" else request.body
        peer.send(METADATA, 1, b"late")
        token = unanswered(node)
        for _ in range(3):  # meanwhile its task waits
            other.send(METADATA, 1, b"other")
            assert other.receive_frame()
        node.core.reply(token, b"answer")
        assert peer.receive_frame()[4:] == b"answer"
        assert peer.receive_frame() == b""


def test_an_answer_wakes_who_hears_nothing_else(tmp_path: Path) -> None:
    """While memory is short a task waits without a buffer, and hears its peer by the ring of the
    answer alone: what comes behind it would lie unread until somebody looks, seconds later.
    """
    large = b"x" * 200_000
    memory = 1 << 20
    with ExitStack() as stack:
        node = stack.enter_context(serving(tmp_path, request_memory_bytes_max=memory))
        for _ in range(5):
            half = stack.enter_context(Peer(node.port))
            half.socket.sendall(half.frame(METADATA, 1, large[:150_000])[:-10])
        eventually(lambda: node.core.metrics()["memory.used_bytes"] > memory // 2)
        peer = stack.enter_context(Peer(node.port))
        peer.socket.settimeout(4)  # somebody looks after five seconds
        node.answer = lambda request: b"k"
        for _ in range(10):
            peer.send(METADATA, 1, large)
            assert peer.receive_frame()[4:] == b"k"


def test_what_comes_behind_an_answer_is_served(tmp_path: Path) -> None:
    """The task that sleeps on would not be woken by the next request, or by a part of it."""
    with serving(tmp_path) as node, Peer(node.port) as peer:
        for n in range(50):
            frame = peer.frame(METADATA, 1, b"%d" % n)
            for part in (frame[:3], frame[3:9], frame[9:]):
                peer.socket.sendall(part)
            assert peer.receive_frame()[4:] == b"%d" % n
        held = peer.frame(METADATA, 1, b"first") + peer.frame(METADATA, 1, b"second")[:7]
        peer.socket.sendall(held)
        assert peer.receive_frame()[4:] == b"first"
