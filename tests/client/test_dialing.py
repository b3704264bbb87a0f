"""From a name to a connection: names that are none or slow, addresses behind which nobody is."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from client.peers import HOST, Asked, Counted, Peer, metadata_of
from ottla.client.client import Client
from ottla.client.connecting import dialing
from ottla.client.connecting.connection import Connection
from ottla.client.connecting.dialing import Address
from ottla.client.connecting.paces import Paces
from ottla.client.connecting.waiting import Waiting
from ottla.client.errors import BadAddress, TimedOut
from ottla.client.network import NEXT_ADDRESS_MS
from ottla.client.settings import Settings
from ottla.wire.messages.metadata import MetadataRequest

ASK = MetadataRequest(topics=[])


def nobody(asked: Asked) -> object:
    """An empty cluster."""
    return metadata_of([], [], asked)


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port whose queue of connections is full: packets to it vanish."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((HOST, 0), backlog=0))
        port: int = listener.getsockname()[1]
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex((HOST, port))
        yield port


def test_a_black_hole_honours_the_named_time_out(black_hole: int) -> None:
    """If this failed, an address where packets vanish would hold its callers for minutes."""
    waiting = Counted(patience_ms=50)
    with pytest.raises(TimedOut, match="no connection within 1234 ms"):
        Connection(HOST, black_hole, client_id="test", timeout_ms=1234, waiting=waiting)
    assert sum(waiting.waits) == 1234


def test_each_try_to_connect_has_twice_the_time(black_hole: int) -> None:
    """If this failed, socket.connection.setup.timeout.ms would not do what it says."""
    waiting = Counted(patience_ms=50)
    paces = Paces(setup_ms=100, setup_ms_max=350, backoff_ms=0, backoff_ms_max=0)
    connection = Connection(HOST, black_hole, client_id="test", waiting=waiting, paces=paces)
    for tried_ms in (100, 200, 350, 350):
        assert connection.dial_at_ms <= waiting.now_ms(), "no back-off"
        waiting.waits.clear()
        connection.begin(10_000)
        with pytest.raises(TimedOut, match=f"no connection within {tried_ms} ms"):
            connection.wait_open()
        assert sum(waiting.waits) == tried_ms
    connection.begin(10)
    with pytest.raises(TimedOut, match="no connection within 10 ms"):
        connection.wait_open()


def buffers(of: socket.socket) -> list[int]:
    """A socket's, for what it receives and sends."""
    return [of.getsockopt(socket.SOL_SOCKET, n) for n in (socket.SO_RCVBUF, socket.SO_SNDBUF)]


FITTED = [40_000, 60_000]
"""Linux gives twice what is asked for, and counts its own records of it."""


def test_sockets_have_the_buffers_that_are_asked_for() -> None:
    """If this failed, receive.buffer.bytes and send.buffer.bytes would be dropped."""
    with socket.socket() as plain, socket.socket() as fitted:
        usual = buffers(plain)
        Paces(receive_buffer_bytes=-1, send_buffer_bytes=0).fit(plain)
        assert buffers(plain) == usual
        Paces(receive_buffer_bytes=20_000, send_buffer_bytes=30_000).fit(fitted)
        assert buffers(fitted) == FITTED


def test_what_the_settings_say_reaches_the_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, the settings of connections would be taken and ignored."""
    made: list[socket.socket] = []
    begin = dialing.begin

    def seen(address: dialing.Address, fit: Any) -> socket.socket:
        made.append(begin(address, fit))
        return made[-1]

    monkeypatch.setattr(dialing, "begin", seen)
    given = {
        "socket.receive.buffer.bytes": 20_000,
        "send.buffer.bytes": "30000",
        "reconnect.backoff.ms": 17,
        "socket.connection.setup.timeout.ms": 900,
    }
    with Peer(nobody) as peer:
        given["bootstrap.servers"] = f"{HOST}:{peer.port}"
        with Settings("consumer", given).client() as client:
            client.connection()
            assert buffers(made[0]) == FITTED
            paces = client.network.ways()[0]._paces
            assert (paces.backoff_ms, paces.setup_ms) == (17, 900)


def test_the_names_other_addresses_are_tried(
    monkeypatch: pytest.MonkeyPatch, black_hole: int
) -> None:
    """If this failed, `localhost` would not be reached where its first address is refused or a
    hole, and the second one answers.
    """
    with Peer(nobody) as peer, socket.socket() as unused:
        unused.bind((HOST, 0))
        ports = [unused.getsockname()[1], black_hole, peer.port]
        rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (HOST, port)) for port in ports]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)
        waiting = Counted(patience_ms=200)
        connection = Connection("many", 9092, client_id="test", timeout_ms=1000, waiting=waiting)
        assert waiting.waits == [500], "what is left is shared among those that are left"
        assert connection.request(ASK, timeout_ms=10_000).brokers == []
        connection.close()


def test_a_name_that_is_none_is_not_pressed() -> None:
    """If this failed, a misspelt name would be looked up without a pause."""
    waiting = Counted()
    connection = Connection("no-such-host.invalid", 1, client_id="test", waiting=waiting)
    connection.begin(1000)
    with pytest.raises(BadAddress):
        connection.wait_open()
    assert connection.dial_at_ms - waiting.at_ms == 100


@pytest.fixture
def slow_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A name server that answers, that there is no such name, when this is set."""
    answers = threading.Event()

    def resolve(host: str, port: int) -> list[Address]:
        assert answers.wait(60)
        raise BadAddress(f"there is no {host}:{port}")

    monkeypatch.setattr(dialing, "resolve", resolve)
    yield answers
    answers.set()


def test_a_name_server_that_is_silent_honours_the_named_time_out(
    slow_names: threading.Event,
) -> None:
    """If this failed, every call would last as long as the system waits for its name servers."""
    waiting = Counted(patience_ms=50)
    with pytest.raises(TimedOut, match=r"'slow\.invalid' was not looked up within 1234 ms"):
        Connection("slow.invalid", 1, client_id="test", timeout_ms=1234, waiting=waiting)
    assert sum(waiting.waits) == 1234
    assert not slow_names.is_set()


def test_a_name_that_is_looked_up_holds_up_nobody(slow_names: threading.Event) -> None:
    """If this failed, a slow name server would stop the heartbeats of all that a client does."""
    waiting = Waiting()
    waiting.share()
    failed: list[BaseException] = []

    def reach() -> None:
        try:
            slow.wait_open()
        except BadAddress as error:
            failed.append(error)

    with Peer(nobody) as peer:
        slow = Connection("slow.invalid", 1, client_id="test", waiting=waiting)
        with waiting:
            slow.begin(60_000)
        waits = threading.Thread(target=reach)
        waits.start()
        quick = Connection(HOST, peer.port, client_id="test", waiting=waiting)
        with waiting:
            quick.begin(10_000)
            quick.wait_open()
            assert quick.request(ASK, timeout_ms=10_000).brokers == []
        assert not failed
        slow_names.set()
        waits.join(20)
        assert [str(error) for error in failed] == ["there is no slow.invalid:1"]
        with waiting:
            quick.close()
    waiting.close()


def test_a_name_is_looked_up_by_one_thread_at_a_time(slow_names: threading.Event) -> None:
    """If this failed, a name server that is silent would be left with a thread for each retry."""
    waiting = Counted(patience_ms=20)
    connection = Connection("slow.invalid", 1, client_id="test", waiting=waiting)
    for _ in range(3):
        connection.begin(1000)
        with pytest.raises(TimedOut):
            connection.wait_open()
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("ottla-lookup-slow.invalid") == 1
    connection.begin(1000)
    slow_names.set()
    with pytest.raises(BadAddress):
        connection.wait_open()
    waiting.close()


@pytest.mark.parametrize("first", ["a hole", "a name"])
def test_the_next_address_is_tried_beside_one_that_is_silent(
    first: str, black_hole: int, slow_names: threading.Event
) -> None:
    """If this failed, one dead address at the front of bootstrap.servers would cost every start of
    a client the whole time-out.
    """
    with Peer(nobody) as peer:
        silent = f"{HOST}:{black_hole}" if first == "a hole" else "slow.invalid:1"
        waiting = Counted(patience_ms=100)
        at = f"{silent},{HOST}:{peer.port}"
        with Client(at, timeout_ms=30_000, waiting=waiting) as client:
            assert client.connection().port == peer.port
        assert sum(waiting.waits) == NEXT_ADDRESS_MS
    assert not slow_names.is_set()


@pytest.mark.parametrize(
    ("host", "is_here"),
    [("localhost", True), ("127.0.1.1", True), ("::1", True), ("kafka.example", False)],
)
def test_a_node_is_offered_only_where_it_would_be_found(host: str, is_here: bool) -> None:
    """If this failed, whose company's cluster is down would be told to start a node at home."""
    hint = dialing.failure(host, 9092, ConnectionRefusedError()).hint or ""
    assert hint.startswith("is a node running there")
    assert ("ottla up" in hint) == is_here
