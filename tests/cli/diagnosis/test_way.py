"""Faults on the way to a cluster: names, ports, protocols, versions, and what it gives out."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.commands import start
from cli.diagnosis.doctor import doctor
from client.certificates import Authority
from client.peers import HOST, Asked, HangUp, Peer, versions
from client.sasl_peers import SaslPeer
from client.tls_peers import TlsPeer, server_context
from oracle import free_port
from ottla.wire.messages import describe_cluster as dc
from ottla.wire.messages.api_versions import ApiVersion, ApiVersionsResponse
from ottla.wire.messages.sasl_handshake import SaslHandshakeRequest
from servers import Server

Start = Callable[..., str]


@pytest.fixture
def node() -> Iterator[Start]:
    """Starts a node that answers as a test says; its address."""
    peers: list[Peer] = []

    def start(script: Any = lambda _: None, **more: Any) -> str:
        def without_sasl(asked: Asked) -> Any:
            if isinstance(asked.message, SaslHandshakeRequest):
                raise HangUp
            return script(asked)

        peers.append(Peer(without_sasl, **more))
        return f"{HOST}:{peers[-1].port}"

    yield start
    for peer in peers:
        peer.close()


def test_all_is_well(either: Server) -> None:
    """If this failed, a cluster that works would be called broken; Ottla's or Apache's."""
    found = doctor(either.bootstrap)
    assert found.kind is None, found
    assert f"{either.bootstrap} speaks Kafka" in found.well
    assert found.well[-1].endswith("have a leader")


def test_a_name_that_nobody_knows() -> None:
    """If this failed, a typing error in a host would be taken for a network that is down."""
    found = doctor("no-such-host.invalid:9092")
    assert (found.kind, found.well) == ("name", [])
    assert "'no-such-host.invalid' can't be resolved" in found.cause


def test_nobody_listens() -> None:
    """If this failed, a node that is down would be called silent."""
    port = free_port()
    found = doctor(f"127.0.0.1:{port}")
    assert (found.kind, f"nothing listens at 127.0.0.1:{port}" == found.cause) == ("refused", True)
    assert "ottla" in found.do


def test_one_address_of_several_is_enough(ottla_server: Server) -> None:
    """If this failed, a cluster of which one node is down would be called broken."""
    dead = f"127.0.0.1:{free_port()}"
    found = doctor(f"{dead},{ottla_server.bootstrap}")
    assert found.kind is None, found
    assert f"as another answers: nothing listens at {dead}" in " ".join(found.well)


def test_no_way_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, a firewall would be waited for, or called a node that is down."""
    monkeypatch.setattr("ottla.cli.diagnosis.port.probe.__kwdefaults__", {"timeout_s": 0.3})
    with socket.socket() as full:
        full.bind((HOST, 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = []
        for _ in range(3):  # more than fit: the system drops what comes then, as a firewall does
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex((HOST, port))
            waiting.append(one)
        found = doctor(f"{HOST}:{port}")
        for one in waiting:
            one.close()
    assert found.kind == "unreachable"
    assert "no connection within 0.3 s" in found.cause


def test_one_that_accepts_and_says_nothing(node: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, a stopped process would be waited for."""
    monkeypatch.setattr("ottla.cli.diagnosis.port.probe.__kwdefaults__", {"timeout_s": 0.3})
    found = doctor(node(versions=lambda _: None))
    assert (found.kind, "accepts connections and does not answer" in found.cause) == (
        "silent",
        True,
    )


@pytest.mark.parametrize(
    ("answer", "speaks"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "speaks HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "speaks SSH"),
        (b"-ERR unknown command\r\n", "speaks Redis's protocol"),
        (b"\0\0\0\x04what", "does not speak Kafka: it answered"),
        (b"?", "does not speak Kafka: it answered '?'"),
    ],
)
def test_a_port_of_something_else(answer: bytes, speaks: str, node: Start) -> None:
    """If this failed, a metrics port would be taken for a broken broker."""

    def say(_: Asked) -> Any:
        return answer

    found = doctor(node(versions=say))
    assert (found.kind, speaks in found.cause) == ("protocol", True), found
    assert "9092" in found.do


def test_a_metrics_port_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, the likeliest wrong port of all would be called a stopped process."""
    monkeypatch.setattr("ottla.cli.diagnosis.port.probe.__kwdefaults__", {"timeout_s": 1.0})
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with start(["ottla", "up", "--dev", "--port", "0", "--http", "0", "--json"]) as node:
        assert node.stdout is not None
        row = json.loads(node.stdout.readline())
        found = doctor(f"{HOST}:{row['http']}")
        node.terminate()
        node.communicate(timeout=30)
    assert (found.kind, "speaks HTTP" in found.cause) == ("protocol", True), found


def test_one_that_hangs_up(node: Start) -> None:
    """If this failed, a listener that wants something else would end in `connection reset`."""

    def hang_up(_: Asked) -> Any:
        raise HangUp

    found = doctor(node(versions=hang_up))
    assert (found.kind, "hangs up on a Kafka client" in found.cause) == ("hung-up", True)
    assert "security.protocol=SSL" in found.do


def test_a_listener_with_tls(tmp_path: Path) -> None:
    """If this failed, the wrong port of two would be the network's fault."""
    peer = TlsPeer(lambda _: None, server_context(Authority(tmp_path).issue("node")))
    try:
        found = doctor(f"{HOST}:{peer.port}")
    finally:
        peer.close()
    assert found.kind in ("tls", "hung-up"), found
    assert "security.protocol=SSL" in found.do


def test_a_certificate_that_is_not_trusted(tmp_path: Path) -> None:
    """If this failed, a missing ca.pem would look like a node that is down."""
    peer = TlsPeer(lambda _: None, server_context(Authority(tmp_path).issue("node")))
    try:
        found = doctor(f"{HOST}:{peer.port}", "-X", "security.protocol=SSL")
    finally:
        peer.close()
    assert (found.kind, "certificate" in found.cause + found.do) == ("tls", True), found


def test_a_client_with_tls_at_a_listener_without(ottla_server: Server) -> None:
    """If this failed, a setting too much would be the node's fault."""
    found = doctor(ottla_server.bootstrap, "-X", "security.protocol=SSL")
    assert (found.kind, "without TLS" in found.cause) == ("no-tls", True)
    assert "security.protocol=PLAINTEXT" in found.do


def test_a_listener_that_wants_a_name() -> None:
    """If this failed, a client without credentials would hear that the connection was lost."""
    peer = SaslPeer(lambda _: b"", mechanisms=["SCRAM-SHA-256", "PLAIN"])
    try:
        found = doctor(f"{HOST}:{peer.port}")
    finally:
        peer.close()
    assert (found.kind, "by SASL (SCRAM-SHA-256, PLAIN)" in found.cause) == ("sasl", True)
    assert "sasl.mechanism=SCRAM-SHA-256" in found.do


def test_a_wrong_password() -> None:
    """If this failed, a password would be looked for in the network."""
    from ottla.wire.messages.sasl_authenticate import SaslAuthenticateResponse

    refusal = SaslAuthenticateResponse(error_code=58, error_message="wrong")
    peer = SaslPeer(lambda _: refusal, mechanisms=["PLAIN"])
    settings = ["security.protocol=SASL_PLAINTEXT", "sasl.mechanism=PLAIN"]
    settings += ["sasl.username=u", "sasl.password=correct-horse"]
    try:
        found = doctor(f"{HOST}:{peer.port}", *(word for one in settings for word in ("-X", one)))
    finally:
        peer.close()
    assert found.kind == "authentication", found
    assert "correct-horse" not in found.cause + found.do


@pytest.mark.parametrize(("low", "high", "says"), [(0, 2, "older than"), (90, 99, "newer than")])
def test_versions_that_do_not_meet(low: int, high: int, says: str, node: Start) -> None:
    """If this failed, a cluster of another age would answer with riddles."""

    def old(asked: Asked) -> ApiVersionsResponse:
        answer = versions(asked)
        for row in answer.api_keys:
            if row.api_key == 1:
                row.min_version, row.max_version = low, high
        return answer

    found = doctor(node(versions=old))
    assert (found.kind, f"serves Fetch in versions {low} to {high}" in found.cause) == (
        "version",
        True,
    )
    assert says in found.do


def test_a_controllers_port(node: Start) -> None:
    """If this failed, the port of a controller would be a broker that refuses everything."""

    def controller(_: Asked) -> ApiVersionsResponse:
        keys = [ApiVersion(api_key=key, min_version=0, max_version=1) for key in (18, 52, 53, 55)]
        return ApiVersionsResponse(api_keys=keys)

    found = doctor(node(versions=controller))
    assert (found.kind, "is a controller's" in found.cause) == ("controller", True)


def _cluster(host: str, port: int) -> Callable[[Asked], Any]:
    """Tells of one broker, which is there."""

    def answer(asked: Asked) -> Any:
        if asked.key == 60:
            broker = dc.DescribeClusterBroker(broker_id=1, host=host, port=port, rack=None)
            return dc.DescribeClusterResponse(
                cluster_id="theirs", controller_id=1, brokers=[broker] if host else []
            )
        return None

    return answer


def test_an_advertised_name_that_nobody_knows(node: Start) -> None:
    """If this failed, the commonest fault of containers would be called a time-out."""
    found = doctor(node(_cluster("kafka.invalid", 29092)))
    assert found.kind == "advertised-name"
    assert "tells clients to come to kafka.invalid:29092" in found.cause
    assert "advertised.listeners" in found.do


def test_an_advertised_port_where_nobody_listens(node: Start) -> None:
    """If this failed, a port that is not published would be called a node that is down."""
    port = free_port()
    found = doctor(node(_cluster(HOST, port)))
    assert (found.kind, f"to come to {HOST}:{port}: nothing listens" in found.cause) == (
        "advertised",
        True,
    )


def test_an_advertised_address_of_another_cluster(node: Start, ottla_server: Server) -> None:
    """If this failed, records would go to the cluster on one's own laptop, and nobody know why."""
    port = int(ottla_server.bootstrap.rpartition(":")[2])
    found = doctor(node(_cluster(HOST, port)))
    assert (found.kind, "where another cluster answers" in found.cause) == ("another-cluster", True)


def test_a_cluster_without_brokers(node: Start) -> None:
    """If this failed, a cluster that is still starting would be well."""
    assert doctor(node(_cluster("", 0))).kind == "no-brokers"


@pytest.mark.parametrize("address", ["nowhere", "host:port", "http://host:9092", ""])
def test_an_address_that_is_none(address: str) -> None:
    """If this failed, a typing error would end in a traceback."""
    assert doctor(address).kind == "address"


def test_a_node_of_ones_own_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """If this failed, who types the usual port would not hear where their node is."""
    from ottla.cli.running_servers import Announcement

    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    announced = Announcement(node_id=1, roles=("broker",), bootstrap="localhost:19092")
    try:
        assert "ottla doctor localhost:19092" in doctor(f"localhost:{free_port()}").do
    finally:
        announced.close()
