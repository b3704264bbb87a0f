"""The node's sockets: frames, order, hostile peers, and the ends of a node."""

from __future__ import annotations

import os
import socket
import struct
import threading
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from node_peer import (
    API_VERSIONS,
    APIS,
    FETCH,
    METADATA,
    TOPIC,
    Peer,
    Served,
    batch,
    bounds,
    eventually,
    serving,
)

from ottla import _core


def test_python_answers_over_sockets(tmp_path: Path) -> None:
    """Without it no decision API would be answered, or under a wrong header."""
    with serving(tmp_path) as node, Peer(node.port) as peer:
        peer.send(METADATA, 1, b"plain")
        assert peer.receive_frame() == struct.pack(">i", 1) + b"plain"
        peer.send(METADATA, 9, b"flexible")
        assert peer.receive_frame() == struct.pack(">i", 2) + b"\0flexible"
        request = node.asked[0]
        assert (request.api_key, request.api_version, request.client_id) == (METADATA, 1, "me")
        assert (request.local_host, request.local_port) == ("127.0.0.1", node.port)
        assert (request.peer_host, request.listener) == ("127.0.0.1", "PLAINTEXT")
        assert request.peer_port == peer.socket.getsockname()[1]


def test_api_versions_from_the_future_is_asked(tmp_path: Path) -> None:
    """A newer client would not learn which versions there are."""
    with serving(tmp_path) as node, Peer(node.port) as peer:
        peer.send(API_VERSIONS, 99, b"?")
        assert peer.receive_frame() == struct.pack(">i", 1) + b"?", "its header has no tags"
        assert node.asked[0].api_version == 99


@pytest.mark.parametrize(
    "bytes_sent",
    [
        struct.pack(">i", -1),
        struct.pack(">i", 105_000_000),
        struct.pack(">ihhih", 10, METADATA, 99, 1, -1),
        struct.pack(">ihhih", 10, 1234, 0, 1, -1),
        struct.pack(">ihhih", 10, METADATA, 1, 1, 500),
        struct.pack(">ihhih", 10, METADATA, 1, 1, -7),
        struct.pack(">ihh", 4, METADATA, 1),
        struct.pack(">i", 0),
        struct.pack(">ihhihb", 11, METADATA, 9, 1, -1, 0x55),
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack(">ihhih", 10, 0, 9, 1, -1) + b"",
        struct.pack(">ihhihbbh", 14, 0, 9, 1, -1, 0, 0, -1),
        struct.pack(">ihhihi", 14, 1, 4, 1, -1, -1),
    ],
)
def test_what_is_not_kafka_closes_the_connection(tmp_path: Path, bytes_sent: bytes) -> None:
    """A malformed frame would be answered, hang, or take the node down."""
    with serving(tmp_path) as node:
        with Peer(node.port) as peer:
            peer.socket.sendall(bytes_sent)
            assert peer.receive_frame() == b""
        event = eventually(lambda: node.events and node.events[0])
        assert isinstance(event, _core.Event.Refused)
        assert "127.0.0.1" in event.text
        with Peer(node.port) as other:
            other.send(METADATA, 1, b"still here")
            assert other.receive_frame().endswith(b"still here")


def test_a_declared_size_costs_nothing(tmp_path: Path) -> None:
    """A hundred peers that announce 100 MiB would take the node's memory."""
    with serving(tmp_path) as node:
        peers = [Peer(node.port) for _ in range(100)]
        for peer in peers:
            peer.socket.sendall(struct.pack(">i", 100_000_000) + b"x" * 10)
        eventually(lambda: node.core.metrics()["connection.count"] == 100)
        assert node.core.metrics()["memory.used_bytes"] < 8 << 20
        for peer in peers:
            peer.socket.close()
        eventually(lambda: node.core.metrics()["connection.count"] == 0)
        assert node.core.metrics()["memory.used_bytes"] == 0


def test_memory_is_bounded_and_requests_go_on(tmp_path: Path) -> None:
    """Half-sent large frames would wait for each other for ever, or grow without a bound."""
    with serving(tmp_path, request_memory_bytes_max=1 << 20) as node:
        peers = [Peer(node.port) for _ in range(4)]
        frames = [peer.frame(METADATA, 1, b"z" * 700_000) for peer in peers]
        for peer, frame in zip(peers, frames, strict=True):
            peer.socket.settimeout(20)
            peer.socket.setblocking(False)
            sent = 0
            while sent < 400_000:
                try:
                    sent += peer.socket.send(frame[sent:400_000])
                except BlockingIOError:
                    break
            peer.rest = frame[sent:]  # type: ignore[attr-defined]
            peer.socket.settimeout(20)
        replies: list[int] = []

        def finish(peer: Peer) -> None:
            """Send the rest and read the answer: one that nobody reads may cost its connection."""
            peer.socket.sendall(peer.rest)  # type: ignore[attr-defined]
            replies.append(len(peer.receive_frame()))
            peer.socket.close()

        threads = [threading.Thread(target=finish, args=(peer,)) for peer in peers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert replies == [700_004] * 4


def test_replies_that_nobody_reads_are_bounded(tmp_path: Path) -> None:
    """Small questions with large answers, asked by many who read none, would take any memory."""
    reply, memory = 1 << 20, 16 << 20
    with serving(tmp_path, request_memory_bytes_max=memory) as node:
        node.answer = lambda _: bytes(reply)
        peers = [Peer(node.port) for _ in range(12)]
        for _ in range(3):
            for peer in peers:
                with suppress(OSError):
                    peer.send(METADATA, 1, b"much")
        eventually(lambda: node.core.metrics()["connection.stalled"] > 4, 30)
        eventually(lambda: node.core.metrics()["memory.used_bytes"] < memory, 30)
        with Peer(node.port) as reads:
            reads.socket.settimeout(30)
            reads.send(METADATA, 1, b"much")
            assert len(reads.receive_frame()) == reply + 4
        for peer in peers:
            peer.socket.close()


def test_a_large_decision_waits_for_the_one_before(tmp_path: Path) -> None:
    """Large requests would be decoded and answered all at once, each of them many times its size
    in memory; or, once parked, would keep the others waiting for as long as a peer likes.
    """
    body, goes_on = b"z" * (1 << 20), threading.Event()

    def answer(request: _core.Request) -> bytes | None:
        """A large answer to a small request first; large requests are parked."""
        if request.body == body:
            goes_on.wait(20)
            return None
        return bytes(3 << 20) if request.body == b"much" else b"small"

    def held() -> float:
        return node.core.metrics()["request.held"]

    with serving(tmp_path, request_memory_bytes_max=16 << 20) as node, ExitStack() as stack:
        node.answer = answer
        small, *peers = [stack.enter_context(Peer(node.port)) for _ in range(4)]
        small.send(METADATA, 1, b"much")
        assert len(small.receive_frame()) == 4 + (3 << 20)
        for peer in peers:
            peer.send(METADATA, 1, body)
        eventually(lambda: node.core.metrics()["request.bytes.3"] > 3 << 20)
        assert held() == 1, "the others wait in line"
        small.send(METADATA, 1, b"?")
        # Who asks little does not, whatever was answered before.
        eventually(lambda: held() == 2)
        goes_on.set()
        assert small.receive_frame().endswith(b"small")
        # None waits for one that is parked, and who has gone is forgotten.
        eventually(lambda: held() == 3)
        peers[0].socket.close()
        eventually(lambda: held() == 2)
        for request in node.asked[1:]:
            node.core.reply(request.token, b"done")
        for peer in peers[1:]:
            assert peer.receive_frame().endswith(b"done")


def test_pipelined_requests_are_answered_in_order(tmp_path: Path) -> None:
    """A client that does not wait would match replies to the wrong requests."""
    with serving(tmp_path) as node, Peer(node.port) as peer:
        frames = b"".join(peer.frame(METADATA, 1, b"%d" % number) for number in range(500))
        peer.socket.sendall(frames)
        for number in range(500):
            assert peer.receive_frame() == struct.pack(">i", number + 1) + b"%d" % number


def test_a_slow_sender_is_heard_out(tmp_path: Path) -> None:
    """A frame that comes byte by byte would be lost or block the others."""
    with serving(tmp_path) as node, Peer(node.port) as slow, Peer(node.port) as quick:
        frame = slow.frame(METADATA, 1, b"slow")
        for place in range(len(frame)):
            slow.socket.sendall(frame[place : place + 1])
            if place % 5 == 0:
                quick.send(METADATA, 1, b"quick")
                assert quick.receive_frame().endswith(b"quick")
        assert slow.receive_frame().endswith(b"slow")


def test_large_frames_pass(tmp_path: Path) -> None:
    """A request beyond the receive buffer would be cut, or its reply."""
    with serving(tmp_path) as node, Peer(node.port) as peer:
        body = os.urandom(5_000_000)
        peer.send(METADATA, 1, body)
        assert peer.receive_frame()[4:] == body


def test_hang_up_closes_only_that_connection(tmp_path: Path) -> None:
    """A request that Python cannot read would keep its client waiting."""
    with serving(tmp_path) as node, Peer(node.port) as bad, Peer(node.port) as good:
        node.answer = lambda request: (
            node.core.hang_up(request.token) if request.body == b"bad" else request.body  # type: ignore[func-returns-value]
        )
        bad.send(METADATA, 1, b"bad")
        assert bad.receive_frame() == b""
        good.send(METADATA, 1, b"good")
        assert good.receive_frame().endswith(b"good")


def test_a_reply_to_a_gone_connection_is_no_error(tmp_path: Path) -> None:
    """A client that left would make the decision thread fail."""
    with serving(tmp_path) as node:
        node.answer = lambda request: None
        with Peer(node.port) as peer:
            peer.send(METADATA, 1, b"late")
            eventually(lambda: node.asked)
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        eventually(lambda: node.core.metrics()["connection.count"] == 0)
        node.core.reply(node.asked[0].token, b"anyone?")
        node.core.reply(123456, b"never asked")
        assert node.core.metrics()["request.held"] == 0


def test_idle_connections_are_closed(tmp_path: Path) -> None:
    """Connections that nobody uses would pile up."""
    with serving(tmp_path, connection_idle_ms_max=500) as node, Peer(node.port) as peer:
        peer.send(METADATA, 1, b"once")
        assert peer.receive_frame()
        assert peer.receive_frame() == b""


def test_connections_per_address_are_limited(tmp_path: Path) -> None:
    """`max.connections.per.ip` would be ignored."""
    with serving(tmp_path) as node:
        node.core.limit_connections([], [("", 2)])
        with Peer(node.port) as one, Peer(node.port) as two, Peer(node.port) as three:
            assert three.receive_frame() == b""
            for peer in (one, two):
                peer.send(METADATA, 1, b"in")
                assert peer.receive_frame()
        eventually(lambda: node.core.metrics()["connection.count"] == 0)
        with Peer(node.port) as again:
            again.send(METADATA, 1, b"in")
            assert again.receive_frame()


def test_listeners_have_their_own_apis(tmp_path: Path) -> None:
    """The controller's listener would serve clients, or brokers' the quorum."""
    core = _core.Node(node_id=1, log_dirs=[str(tmp_path)])
    port = core.listen("CONTROLLER", "localhost", 0, controller=True)
    both = core.listen("PLAINTEXT", "", 0)
    core.set_apis([api for api in APIS if api.key > FETCH])
    core.serve()
    with Peer(port) as peer:
        peer.send(METADATA, 1, b"")
        assert peer.receive_frame() == b""
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as client:
            client.connect((host, both))
            client.sendall(struct.pack(">ihhih", 10, METADATA, 1, 1, -1))
            request = eventually(
                lambda: [item for item in core.next(100) if isinstance(item, _core.Request)]
            )[0]
            assert (request.local_host, request.listener) == (host, "PLAINTEXT")
    core.kill()


def test_a_port_in_use_is_refused(tmp_path: Path) -> None:
    """Two nodes on one port would both seem to start."""
    with serving(tmp_path / "a") as node:
        other = _core.Node(node_id=2, log_dirs=[str(tmp_path / "b")])
        with pytest.raises(_core.CoreError) as caught:
            other.listen("PLAINTEXT", "127.0.0.1", node.port)
        assert caught.value.args[0] == "bind"
        assert str(node.port) in caught.value.args[1]
        other.kill()


def test_nothing_hot_is_served_unbound(tmp_path: Path) -> None:
    """A changed declaration of Produce would be read by code that does not know it."""
    core = _core.Node(node_id=1, log_dirs=[str(tmp_path)])
    core.listen("PLAINTEXT", "127.0.0.1", 0)
    core.set_apis(APIS)
    with pytest.raises(_core.CoreError, match="bind"):
        core.serve()
    core.kill()


def test_a_changed_declaration_is_refused(tmp_path: Path) -> None:
    """The hot handlers would misread requests after a field was added."""
    from ottla.wire import schema
    from ottla.wire.messages.fetch import FetchRequest, FetchResponse
    from ottla.wire.messages.produce import ProduceResponse

    core = _core.Node(node_id=1, log_dirs=[str(tmp_path)])
    with pytest.raises(_core.CoreError) as caught:
        core.bind(
            produce_request=schema.plan_of(ProduceResponse),
            produce_response=schema.plan_of(ProduceResponse),
            fetch_request=schema.plan_of(FetchRequest),
            fetch_response=schema.plan_of(FetchResponse),
        )
    assert caught.value.args[0] == "invalid"
    assert "ProduceRequest" in caught.value.args[1]
    core.kill()


def test_the_clock_moves_forward_only(tmp_path: Path) -> None:
    """A test's clock would run, or go back."""
    core = _core.Node(node_id=1, log_dirs=[str(tmp_path)], clock_offset_ms=-1_000_000)
    core.freeze_clock(True)
    at = core.now_ms()
    assert core.advance_clock(5000) == at + 5000 == core.now_ms()
    with pytest.raises(_core.CoreError):
        core.advance_clock(-1)
    core.freeze_clock(False)
    assert at + 5000 <= core.now_ms() < at + 15_000
    core.kill()


def test_several_nodes_live_in_one_process(tmp_path: Path) -> None:
    """Nodes would share state, or one's end would take another along."""
    nodes = [Served(tmp_path / str(number)) for number in range(3)]
    try:
        for number, node in enumerate(nodes):
            with Peer(node.port) as peer:
                for _ in range(number):
                    assert peer.produce(batch()).error_code == 0
        nodes[0].core.kill()
        assert [node.core.partition_offsets(TOPIC, 0).log_end for node in nodes[1:]] == [1, 2]
        with Peer(nodes[1].port) as peer:
            assert peer.produce(batch()).base_offset == 1
    finally:
        for node in nodes:
            node.close()


def test_a_log_dir_belongs_to_one_node(tmp_path: Path) -> None:
    """Two nodes would write into the same files."""
    with serving(tmp_path):
        with pytest.raises(_core.CoreError) as caught:
            _core.Node(node_id=2, log_dirs=[str(tmp_path)])
        assert caught.value.args[0] == "locked"
        assert str(tmp_path) in caught.value.args[1]


def test_stop_leaves_a_clean_folder(tmp_path: Path) -> None:
    """A clean stop would cost recovery at the next start, or lose the broker's epoch."""
    with serving(tmp_path) as node, Peer(node.port) as peer:
        assert peer.produce(batch(3)).error_code == 0
        node.core.stop(2000, 41)
        assert peer.receive_frame() == b"", "the connection ends with the node"
    assert (tmp_path / ".kafka_cleanshutdown").read_text() == '{"version":0,"brokerEpoch":41}'
    checkpoint = (tmp_path / "recovery-point-offset-checkpoint").read_text().split("\n")
    assert checkpoint == ["0", "2", f"{TOPIC} 0 3", f"{TOPIC} 1 0", ""]
    with serving(tmp_path) as node:
        assert not (tmp_path / ".kafka_cleanshutdown").exists()
        assert node.core.previous_broker_epoch == 41
        assert node.core.load_report() == []
        assert bounds(node.core) == (0, 3, 3, 3)


def test_kill_resets_and_marks_nothing(tmp_path: Path) -> None:
    """A kill would look like a clean stop, or leave sockets open."""
    node = Served(tmp_path)
    with Peer(node.port) as peer:
        assert peer.produce(batch(3)).error_code == 0
        node.core.kill()
        with pytest.raises(ConnectionResetError):
            peer.socket.recv(1)
    node.close()
    assert not (tmp_path / ".kafka_cleanshutdown").exists()
    with pytest.raises(_core.CoreError) as caught:
        node.core.flush()
    assert caught.value.args[0] == "stopped"
    with pytest.raises(ConnectionRefusedError):
        Peer(node.port)
    with serving(tmp_path) as again:
        assert again.core.previous_broker_epoch == -1
        assert again.core.partition_offsets(TOPIC, 0).log_end == 3, "the kernel had it"


@pytest.mark.parametrize("durable", [True, False])
def test_a_power_cut_takes_what_was_not_synced(tmp_path: Path, durable: bool) -> None:
    """A test of durability would pass on data that a real power cut loses, or fail on what was
    synced in a folder where syncs are only noted.
    """
    node = Served(tmp_path, power_cuts=True, durable=durable)
    with Peer(node.port) as peer:
        peer.produce(batch(3))
        node.core.flush()
        peer.produce(batch(4))
    node.core.power_cut()
    node.close()
    with serving(tmp_path) as again:
        assert again.core.partition_offsets(TOPIC, 0).log_end == 3


def test_a_power_cut_must_be_prepared(tmp_path: Path) -> None:
    """It would silently be a mere kill."""
    with serving(tmp_path) as node, pytest.raises(_core.CoreError, match="power_cuts"):
        node.core.power_cut()


def test_wake_and_timeout_return_from_next(tmp_path: Path) -> None:
    """The decision thread would sleep through its timers."""
    core = _core.Node(node_id=1, log_dirs=[str(tmp_path)])
    assert core.next(1) == []
    core.wake()
    assert core.next(None) == []
    core.kill()
    with pytest.raises(_core.CoreError, match="stopped"):
        core.next(None)


def _open_files(folder: str, but: int) -> list[str]:
    """This process's sockets, and its files in the folder."""
    names = []
    for number in os.listdir("/proc/self/fd"):
        try:
            name = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue
        if int(number) > 2 and int(number) != but and name.startswith(("socket:", folder)):
            names.append(name)
    return names


def test_a_forked_child_lets_go(tmp_path: Path) -> None:
    """A child would keep the port and the log's lock after its parent, or hang at its exit."""
    others = {*_open_files(f"{tmp_path}/", but=-1)}  # of tests that ran here before
    with serving(tmp_path) as node, Peer(node.port) as peer:
        peer.produce(batch())
        peer_number = peer.socket.fileno()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                node.core.after_fork_child()
                left = {*_open_files(f"{tmp_path}/", but=peer_number)} - others
                try:
                    node.core.metrics()
                except _core.CoreError as error:
                    code = 0 if error.args[0] == "forked" and not left else 2
                del node.core
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert peer.produce(batch()).base_offset == 1, "the parent's node is whole"
