"""One connection against peers that are cut off, slow, silent, or lie."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from client.peers import HOST, Asked, Counted, HangUp, Peer, frame, metadata_of, versions
from ottla.client.connecting import connection as connection_module
from ottla.client.connecting.connection import Connection
from ottla.client.connecting.waiting import Waiting
from ottla.client.errors import (
    ApiNotSupported,
    BrokerError,
    ConnectionFailed,
    TimedOut,
)
from ottla.errors import BrokenInvariant
from ottla.wire.messages.api_versions import ApiVersion, ApiVersionsResponse
from ottla.wire.messages.describe_cluster import DescribeClusterRequest
from ottla.wire.messages.metadata import MetadataRequest
from ottla.wire.schema import ProtocolError

ASK = MetadataRequest(topics=[])


def connect(peer: Peer, waiting: Waiting | None = None) -> Connection:
    """An open connection."""
    return Connection(HOST, peer.port, client_id="test", timeout_ms=10_000, waiting=waiting)


def nobody(asked: Asked) -> object:
    """An empty cluster."""
    return metadata_of([], [], asked)


def test_several_requests_are_on_their_way_at_once() -> None:
    """If this failed, each request would cost a whole journey, however many there are to ask."""
    kept: list[Asked] = []

    def third_time_answers_all(asked: Asked) -> bytes | None:
        kept.append(asked)
        return b"".join(frame(a, nobody(a)) for a in kept) if len(kept) == 3 else None

    with Peer(third_time_answers_all) as peer:
        connection = connect(peer)
        answers = [connection.send(ASK, timeout_ms=10_000) for _ in range(3)]
        assert [answer.wait().brokers for answer in answers] == [[], [], []]
        connection.close()


def test_more_than_may_be_in_flight_wait_their_turn() -> None:
    """If this failed, a burst of requests would be refused, lost, or answered out of order."""
    with Peer(nobody) as peer:
        connection = connect(peer)
        answers = [connection.send(ASK, timeout_ms=10_000) for _ in range(50)]
        for answer in answers:
            answer.wait()
        ids = [asked.correlation_id for asked in peer.requests]
        assert ids == list(range(2, 52))
        connection.close()


def test_answers_may_come_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, an answer cut anywhere by the network would be misread."""
    monkeypatch.setattr("ottla.client.connecting.transport.RECEIVE_BYTES", 1)
    with Peer(nobody) as peer:
        connection = connect(peer)
        assert connection.request(ASK, timeout_ms=10_000).brokers == []
        connection.close()


LIES = {
    "another's answer": (
        lambda asked: frame(asked._replace(correlation_id=99), nobody(asked)),
        ProtocolError,
        r"answered another request than the one that was sent \(correlation id 99, not 2\)",
    ),
    "a size below zero": (lambda _: struct.pack(">i", -5), ProtocolError, "a response of -5 bytes"),
    "a size too small": (lambda _: struct.pack(">i", 3), ProtocolError, "a response of 3 bytes"),
    "HTTP": (lambda _: b"HTTP/1.1 400", ProtocolError, "does not speak Kafka's protocol"),
    "tags without end": (
        lambda asked: struct.pack(">iiBB", 6, asked.correlation_id, 255, 255),
        ProtocolError,
        "a response header that ends too early",
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_lies_end_the_connection(lie: str) -> None:
    """If this failed, a peer that lies would be believed, waited for, or fill the memory."""
    said, error, text = LIES[lie]
    with Peer(said) as peer:
        connection = connect(peer)
        other = connection.send(ASK, timeout_ms=10_000)
        with pytest.raises(error, match=text):
            connection.request(ASK, timeout_ms=10_000)
        assert connection.closed
        with pytest.raises(error, match=text):
            other.wait()
        with pytest.raises(ConnectionFailed, match="the connection is closed"):
            connection.send(ASK, timeout_ms=10_000)


def test_an_answer_that_nobody_asked_for() -> None:
    """If this failed, one answer too many would be taken for the next request's."""
    with Peer(lambda asked: frame(asked, nobody(asked)) * 2) as peer:
        connection = connect(peer)
        connection.request(ASK, timeout_ms=10_000)
        with pytest.raises((ProtocolError, ConnectionFailed)):
            connection.request(ASK, timeout_ms=10_000)
        # It came while nothing was asked, or only after the next request was sent.
        assert "never sent" in str(connection.failure) or "another" in str(connection.failure)


def hang_up(_: Asked) -> None:
    """Close at any request."""
    raise HangUp


def test_a_cut_answer_is_lost() -> None:
    """If this failed, half an answer would be waited for until the time-out, or decoded."""

    def half(asked: Asked) -> bytes:
        return frame(asked, nobody(asked))[:9]

    said = [half, hang_up]
    with Peer(lambda asked: said.pop(0)(asked)) as peer:
        connection = connect(peer)
        first = connection.send(ASK, timeout_ms=10_000)
        second = connection.send(ASK, timeout_ms=10_000)
        for answer in (first, second):
            with pytest.raises(ConnectionFailed, match="the other side closed the connection"):
                answer.wait()


def test_a_late_answer_names_its_own_time_out() -> None:
    """If this failed, a slow node would hold its callers longer than they said, or all callers
    would be told a time-out that one of them had set.
    """
    with Peer(lambda _: None) as peer:
        connection = connect(peer, Counted(patience_ms=20))
        patient = connection.send(ASK, timeout_ms=60_000)
        hasty = connection.send(ASK, timeout_ms=700)
        with pytest.raises(TimedOut, match="did not answer within 700 ms"):
            hasty.wait()
        with pytest.raises(ConnectionFailed, match="a request was not answered in time"):
            patient.wait()
        assert connection.closed


def test_a_slow_answer_in_time_is_taken() -> None:
    """If this failed, what arrived while the caller waited for another would count as late."""
    with Peer(nobody) as peer:
        waiting = Counted()
        connection = connect(peer, waiting)
        answer = connection.send(ASK, timeout_ms=500)
        with waiting:
            assert waiting.select([connection], 10_000), "it is there, and nobody has read it"
        waiting.at_ms += 100_000
        assert answer.wait().brokers == []
        connection.close()


def test_back_off_grows_until_somebody_answers() -> None:
    """If this failed, a node that fails would be pressed by its clients, or left alone too long."""
    failing = [True] * 6
    with Peer(
        nobody, versions=lambda asked: hang_up(asked) if failing else versions(asked)
    ) as peer:
        waiting = Counted()
        connection = Connection(HOST, peer.port, client_id="test", waiting=waiting)
        waits = []
        while failing:
            connection.begin(10_000)
            with pytest.raises(ConnectionFailed):
                connection.wait_open()
            waits.append(connection.dial_at_ms - waiting.at_ms)
            waiting.at_ms = connection.dial_at_ms
            failing.pop()
        assert waits == [100, 200, 400, 800, 1000, 1000]
        connection.begin(10_000)
        connection.wait_open()
        connection.request(ASK, timeout_ms=10_000)
        peer._script = hang_up
        with pytest.raises(ConnectionFailed):
            connection.request(ASK, timeout_ms=10_000)
        assert connection.dial_at_ms - waiting.at_ms == 100
        assert peer.connections == 7


def test_old_nodes_are_asked_for_versions_again() -> None:
    """If this failed, nodes older than this client could not be talked to (KIP-511)."""

    def old(asked: Asked) -> object:
        rows = [ApiVersion(api_key=18, min_version=0, max_version=2)]
        rows.append(ApiVersion(api_key=3, min_version=0, max_version=5))
        if asked.version <= 2:
            return ApiVersionsResponse(api_keys=rows)
        refused = ApiVersionsResponse(error_code=35, api_keys=rows)
        return frame(asked._replace(version=0), refused)

    with Peer(nobody, versions=old) as peer:
        connection = connect(peer)
        assert connection.version_for(MetadataRequest) == 5
        assert connection.request(ASK, timeout_ms=10_000).brokers == []
        with pytest.raises(ApiNotSupported, match="does not serve DescribeCluster"):
            connection.request(DescribeClusterRequest(), timeout_ms=10_000)
        connection.close()


def test_versions_that_are_none_end_the_connection() -> None:
    """If this failed, a first answer without sense would be a traceback, or asked for for ever."""
    for said in (b"", b"\0", b"\0\x23", b"\0\x23\0\0\0\0"):
        with (
            Peer(
                nobody,
                versions=lambda a, said=said: (
                    struct.pack(">ii", 4 + len(said), a.correlation_id) + said
                ),
            ) as peer,
            pytest.raises((ProtocolError, ConnectionFailed, BrokerError)),
        ):
            connect(peer)


def test_losses_are_told_once_and_closing_is_none() -> None:
    """If this failed, a client would doubt what it knows without a reason, or not doubt it."""
    told: list[Connection] = []
    with Peer(hang_up) as peer:
        connection = Connection(HOST, peer.port, client_id="test", on_lost=told.append)
        connection.begin(10_000)
        connection.wait_open()
        with pytest.raises(ConnectionFailed):
            connection.request(ASK, timeout_ms=10_000)
        assert told == [connection]
        connection.begin(10_000)
        connection.wait_open()
        connection.close()
        connection.close()
        assert told == [connection]


def _awake(file: Path) -> str:
    """A file without the sleep that is none: it lets others of an event loop have their turn."""
    return file.read_text("utf-8").replace("asyncio.sleep(0)", "")


def test_nothing_in_the_client_sleeps() -> None:
    """If this failed, a client would be deaf while it waits, and its tests would take its time."""
    room = Path(connection_module.__file__).parents[1]
    assert not [file.name for file in room.rglob("*.py") if "sleep(" in _awake(file)]


def test_a_wait_for_nothing_is_refused() -> None:
    """If this failed, a mistake of ours would hang instead of being seen."""
    with pytest.raises(BrokenInvariant):
        Waiting().wait_for(lambda: False)
