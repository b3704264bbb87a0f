"""Throttles and principals: what a connection is besides its bytes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from node_peer import (
    METADATA,
    PRODUCE,
    TOPIC_ID,
    Peer,
    batch,
    eventually,
    serving,
)

from ottla import _core
from ottla.wire import schema
from ottla.wire.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    ProduceResponse,
    TopicProduceData,
)

THROTTLE_MS = 300
HOUR_MS = 3_600_000


def test_a_throttled_reply_is_sent_at_once_and_the_next_request_is_not_read(tmp_path: Path) -> None:
    """A client over its quota would go on as before (KIP-219): the core has to make it wait."""
    with serving(tmp_path) as node, Peer(node.port) as peer:
        replied: list[float] = []
        asked: list[float] = []

        def answer(request: _core.Request) -> None:
            asked.append(time.monotonic())
            replied.append(time.monotonic())
            node.core.reply(request.token, request.body, THROTTLE_MS)

        node.answer = answer
        # One after the other, and both at once: the second lies in the node's buffer already.
        peer.socket.sendall(peer.frame(METADATA, 1, b"a") + peer.frame(METADATA, 1, b"b"))
        assert peer.receive_frame().endswith(b"a")
        assert len(asked) == 1
        assert peer.receive_frame().endswith(b"b")
        peer.send(METADATA, 1, b"c")
        assert peer.receive_frame().endswith(b"c")
        waits = [later - before for before, later in zip(replied, asked[1:], strict=False)]
        assert len(waits) == 2
        assert min(waits) * 1000 >= THROTTLE_MS


@pytest.mark.parametrize("kind", ["produce", "fetch"])
def test_a_throttled_produce_or_fetch_is_told_and_the_next_is_not_read(
    tmp_path: Path, kind: str
) -> None:
    """A quota of bytes would be told to clients and not be held, or held and not be told."""
    with (
        serving(tmp_path, hot_throttle_ms=THROTTLE_MS) as node,
        Peer(node.port) as peer,
        Peer(node.port) as other,
    ):
        told: list[int] = []
        began = time.monotonic()
        for _ in range(3):
            if kind == "fetch":
                peer.ask_fetch({0: 0})
                told.append(peer.fetched().throttle_time_ms)
                continue
            topic = TopicProduceData(
                topic_id=TOPIC_ID,
                partition_data=[PartitionProduceData(index=0, records=batch())],
            )
            request = ProduceRequest(acks=1, timeout_ms=1000, topic_data=[topic])
            peer.send(PRODUCE, 13, schema.encode(request, 13))
            told.append(peer.reply(ProduceResponse, PRODUCE, 13).throttle_time_ms)
            other.send(METADATA, 1, b"another's")
            assert other.receive_frame().endswith(b"another's")
        assert told == [THROTTLE_MS] * 3
        assert (time.monotonic() - began) * 1000 >= 2 * THROTTLE_MS


def test_a_throttle_is_one_connections_and_on_real_time(tmp_path: Path) -> None:
    """One client's quota would hold up others, or a test's clock would take it away."""
    with serving(tmp_path) as node, Peer(node.port) as muted, Peer(node.port) as other:
        node.answer = lambda request: (
            node.core.reply(request.token, request.body, HOUR_MS)  # type: ignore[func-returns-value]
            if request.body == b"much"
            else request.body
        )
        muted.send(METADATA, 1, b"much")
        assert muted.receive_frame().endswith(b"much")
        muted.send(METADATA, 1, b"more")
        node.core.advance_clock(2 * HOUR_MS)
        for number in range(100):
            other.send(METADATA, 1, b"%d" % number)
            assert other.receive_frame().endswith(b"%d" % number)
        assert b"more" not in {request.body for request in node.asked}


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_throttle_holds_up_no_end(tmp_path: Path, end: str) -> None:
    """A node would not end before its most throttled client may go on."""
    with serving(tmp_path) as node, Peer(node.port) as peer:
        node.answer = lambda request: node.core.reply(request.token, b"", HOUR_MS)  # type: ignore[func-returns-value]
        peer.send(METADATA, 1, b"much")
        assert peer.receive_frame()
        if end == "stop":
            node.core.stop(5000, -1)
        else:
            node.core.kill()
        assert peer.receive_frame() == b""


def test_a_throttled_peer_that_goes_is_noticed(tmp_path: Path) -> None:
    """Connections of clients that gave up would stay open for as long as their throttle."""
    with serving(tmp_path) as node:
        node.answer = lambda request: node.core.reply(request.token, b"", HOUR_MS)  # type: ignore[func-returns-value]
        with Peer(node.port) as peer:
            peer.send(METADATA, 1, b"much")
            assert peer.receive_frame()
        eventually(lambda: node.core.metrics()["connection.count"] == 0)


def test_a_throttle_of_any_size_is_taken(tmp_path: Path) -> None:
    """A number from a quota's arithmetic would break the node."""
    with serving(tmp_path) as node, Peer(node.port) as peer, Peer(node.port) as other:
        node.answer = lambda request: node.core.reply(request.token, b"", int(request.body))  # type: ignore[func-returns-value]
        other.send(METADATA, 1, b"-2147483648")
        other.receive_frame()
        peer.send(METADATA, 1, b"2147483647")
        assert peer.receive_frame()
        other.send(METADATA, 1, b"0")
        assert other.receive_frame()


def test_who_speaks_is_the_connections(tmp_path: Path) -> None:
    """Rights would be given to another client's requests, or change under a client's hands."""
    with serving(tmp_path) as node, Peer(node.port) as alice, Peer(node.port) as nobody:
        alice.send(METADATA, 1, b"1")
        alice.receive_frame()
        assert node.asked[0].principal == "User:ANONYMOUS"
        node.core.identify(node.asked[0].connection_id, "User:alice")
        for peer, expected in ((alice, "User:alice"), (nobody, "User:ANONYMOUS")):
            peer.send(METADATA, 1, b"2")
            peer.receive_frame()
            assert node.asked[-1].principal == expected
        node.core.identify(node.asked[0].connection_id, "User:alice")
        with pytest.raises(_core.CoreError, match="somebody else's"):
            node.core.identify(node.asked[0].connection_id, "User:bob")
        node.core.identify(123456, "User:bob")
