"""Our client on one node of Apache Kafka 4.3.1 with every security protocol and mechanism."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from client.certificates import Authority, Issued
from oracle import Oracle, free_port, java
from ottla.client import Consumer, Producer, records
from ottla.client.admin import topics
from ottla.client.client import Client
from ottla.client.connecting.connection import Connection
from ottla.client.connecting.reach_settings import reach_of
from ottla.client.connecting.waiting import Waiting
from ottla.client.errors import AuthenticationFailed, ConnectionFailed, TlsFailed
from ottla.errors import OttlaError
from ottla.wire.messages.describe_cluster import DescribeClusterRequest
from ottla.wire.messages.metadata import MetadataRequest
from ottla.wire.records import Record
from servers import eventually

pytestmark = [pytest.mark.jvm, pytest.mark.seconds(120)]

BIN = Path(__file__).parents[2] / "bin"
SECURITY = "org.apache.kafka.common.security"
PASSWORD = 'p,=;"\\ 1'
SCRAM_PASSWORD = "scram 1"
LISTENERS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
SESSION_MS = 60_000


def quoted(text: str) -> str:
    """As an option of JAAS."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def in_properties(text: str) -> str:
    """As a value of a properties file."""
    return text.replace("\\", "\\\\")


class Secured(NamedTuple):
    """The node, and what is needed to reach it."""

    ports: dict[str, int]
    authority: Authority
    own: Issued

    def properties(self, protocol: str, mechanism: str = "", user: str = "alice") -> dict[str, str]:
        """Settings of a client that is let in, by Java's names."""
        found = {"security.protocol": protocol}
        if protocol.endswith("SSL"):
            found["ssl.truststore.type"] = "PEM"
            found["ssl.truststore.location"] = str(self.authority.ca)
        if protocol == "SSL":
            found["ssl.keystore.type"] = "PEM"
            found["ssl.keystore.location"] = str(self.own.both)
        if mechanism:
            found["sasl.mechanism"] = mechanism
            password = PASSWORD if mechanism == "PLAIN" else SCRAM_PASSWORD
            found["sasl.jaas.config"] = jaas(mechanism, user, password)
        return found

    def client(self, properties: dict[str, str], **arguments: object) -> Client:
        """A client with those settings."""
        port = self.ports[properties["security.protocol"]]
        arguments.setdefault("timeout_ms", 30_000)
        return Client(f"localhost:{port}", reach=reach_of(properties), **arguments)  # type: ignore[arg-type]


def jaas(mechanism: str, user: str, password: str) -> str:
    """Who logs in."""
    if mechanism == "OAUTHBEARER":
        module = f"{SECURITY}.oauthbearer.OAuthBearerLoginModule"
        return f"{module} required unsecuredLoginStringClaim_sub={quoted(user)};"
    kind = "plain.Plain" if mechanism == "PLAIN" else "scram.Scram"
    who = f"username={quoted(user)} password={quoted(password)}"
    return f"{SECURITY}.{kind}LoginModule required {who};"


def server_config(ports: dict[str, int], controller: int, ca: Path, own: Issued) -> dict[str, str]:
    """A node that takes everything, each at its own listener."""
    listeners = [f"{name}://localhost:{port}" for name, port in ports.items()]
    found = {
        "listeners": ",".join([*listeners, f"CONTROLLER://127.0.0.1:{controller}"]),
        "listener.security.protocol.map": ",".join(
            f"{name}:{name.replace('CONTROLLER', 'PLAINTEXT')}" for name in (*ports, "CONTROLLER")
        ),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(own.both),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(ca),
        "listener.name.ssl.ssl.client.auth": "required",
        "listener.name.sasl_plaintext.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,OAUTHBEARER",
        "listener.name.sasl_ssl.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512,OAUTHBEARER",
        "listener.name.sasl_plaintext.scram-sha-256.connections.max.reauth.ms": str(SESSION_MS),
    }
    for listener in ("sasl_plaintext", "sasl_ssl"):
        start = f"listener.name.{listener}"
        plain = f"{SECURITY}.plain.PlainLoginModule required user_alice={quoted(PASSWORD)};"
        found[f"{start}.plain.sasl.jaas.config"] = in_properties(plain)
        for mechanism in ("scram-sha-256", "scram-sha-512"):
            module = f"{SECURITY}.scram.ScramLoginModule required;"
            found[f"{start}.{mechanism}.sasl.jaas.config"] = module
        found[f"{start}.oauthbearer.sasl.jaas.config"] = jaas("OAUTHBEARER", "node", "")
    return found


def know_alice(node: Oracle, mechanism: str) -> None:
    """Tell the node of alice, as an operator does."""
    command = java(
        "kafka.admin.ConfigCommand",
        *("--bootstrap-server", node.bootstrap, "--alter"),
        *("--entity-type", "users", "--entity-name", "alice"),
        *("--add-config", f"{mechanism}=[iterations=4096,password={SCRAM_PASSWORD}]"),
    )
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """One node with four listeners, and alice, whom all mechanisms know."""
    folder = tmp_path_factory.mktemp("secured")
    authority = Authority(folder / "certificates")
    ports = {name: free_port() for name in LISTENERS}
    controller = free_port()
    config = server_config(ports, controller, authority.ca, authority.issue("node"))
    node = Oracle(folder / "node", config, ports=(ports["PLAINTEXT"], controller))
    node.start()
    try:
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):  # both at once is refused
            know_alice(node, mechanism)
        yield Secured(ports, authority, authority.issue("client"))
    finally:
        node.stop()


WAYS = [
    ("PLAINTEXT", ""),
    ("SSL", ""),
    *[("SASL_PLAINTEXT", name) for name in ("PLAIN", "SCRAM-SHA-256", "OAUTHBEARER")],
    *[("SASL_SSL", name) for name in ("PLAIN", "SCRAM-SHA-512", "OAUTHBEARER")],
]


@pytest.mark.parametrize(("protocol", "mechanism"), WAYS)
def test_every_way_leads_to_the_records(secured: Secured, protocol: str, mechanism: str) -> None:
    """If this failed, a company's Kafka could not be used as it runs."""
    topic = f"{protocol}.{mechanism}"
    text = "".join(str(number) for number in range(50_000))  # more than one TLS record
    with secured.client(secured.properties(protocol, mechanism)) as client:
        assert topics.create(client, [topics.NewTopic(topic)]) == {topic: None}
        # The broker hears of it a moment after the controller has answered.
        eventually(
            lambda: not client.metadata(topics=[topic]).topics[0].error_code, "the topic is known"
        )
        assert records.produce(client, (topic, 0), [Record(None, text.encode())]) == 0
        (read,) = records.read(client, topic, [0])
        assert read.value == text.encode()
    properties = secured.properties(protocol, mechanism)
    at = f"localhost:{secured.ports[protocol]}"
    with Producer({**properties, "bootstrap.servers": at}) as producer:
        assert producer.send(topic, text).result(20).offset == 1
    group = {"group.id": topic, "auto.offset.reset": "earliest", "bootstrap.servers": at}
    with Consumer({**properties, **group}) as consumer:
        consumer.subscribe([topic])
        found: list[bytes | None] = []
        eventually(
            lambda: found.extend(r.value for r in consumer.poll(0.5)) or len(found) == 2, "both"
        )
        assert found == [text.encode()] * 2


@pytest.mark.parametrize(
    ("protocol", "mechanism"), [way for way in WAYS if way[1].startswith(("PLAIN", "SCRAM"))]
)
def test_a_wrong_password_ends_at_once(secured: Secured, protocol: str, mechanism: str) -> None:
    """If this failed, a wrong password would be tried again and again, until somebody is locked
    out, and whoever mistyped it would wait a minute to hear of it.
    """
    properties = secured.properties(protocol, mechanism)
    properties["sasl.jaas.config"] = jaas(mechanism, "alice", "wrong")
    told: list[OttlaError] = []
    with secured.client(properties, on_wait=told.append, timeout_ms=600_000) as client:
        for _ in range(3):
            with pytest.raises(AuthenticationFailed, match="does not let us in") as caught:
                client.metadata()
    assert told == []
    assert "wrong" not in str(caught.value)
    assert "password" in (caught.value.hint or "")


def refusal(secured: Secured, listener: str, properties: Mapping[str, object]) -> OttlaError:
    """Why a question at that listener has no answer."""
    reach = reach_of(properties)
    port = secured.ports[listener]
    client = Connection("localhost", port, client_id="test", reach=reach)
    client.begin(20_000)
    with pytest.raises(OttlaError) as caught:  # noqa: PT012 (either of both may be refused)
        client.wait_open()
        client.request(MetadataRequest(topics=[]), timeout_ms=20_000)
    assert caught.value.hint
    return caught.value


def test_the_wrong_listener_is_called_so(secured: Secured) -> None:
    """If this failed, nobody would find out that it is only security.protocol that is wrong."""
    found = refusal(secured, "PLAINTEXT", secured.properties("SSL"))
    assert isinstance(found, ConnectionFailed)
    assert "in the TLS handshake" in str(found)
    found = refusal(secured, "SSL", secured.properties("PLAINTEXT"))
    assert isinstance(found, TlsFailed)
    assert found.kind == "wants-tls"
    found = refusal(secured, "SASL_PLAINTEXT", secured.properties("PLAINTEXT"))
    assert "security.protocol=SASL_" in (found.hint or "")
    found = refusal(secured, "PLAINTEXT", secured.properties("SASL_PLAINTEXT", "PLAIN"))
    assert isinstance(found, AuthenticationFailed)
    assert "wants no authentication" in str(found)


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_certificates_are_asked_for_on_both_sides(secured: Secured, version: str) -> None:
    """If this failed, a missing certificate would look like a broken network, or a stranger's node
    would be taken for the company's.
    """
    known = {**secured.properties("SSL"), "ssl.enabled.protocols": version}
    with secured.client(known) as client:
        assert client.nodes()
    stranger = Authority(secured.authority.folder / f"stranger-{version}")
    anonymous = {key: known[key] for key in known if not key.startswith("ssl.keystore")}
    wrong = {**known, "ssl.keystore.location": str(stranger.issue("eve").both)}
    for properties, kind in [
        (anonymous, "client-certificate"),
        (wrong, "client-certificate"),
        ({**known, "ssl.truststore.location": str(stranger.ca)}, "unknown-issuer"),
    ]:
        found = refusal(secured, "SSL", properties)
        assert isinstance(found, TlsFailed)
        assert found.kind == kind


def test_a_mechanism_that_is_not_enabled_is_named(secured: Secured) -> None:
    """If this failed, nobody would learn which mechanisms the node takes."""
    properties = secured.properties("SASL_PLAINTEXT", "SCRAM-SHA-512")
    found = refusal(secured, "SASL_PLAINTEXT", properties)
    assert isinstance(found, AuthenticationFailed)
    assert "does not take SCRAM-SHA-512, but " in str(found)
    assert "SCRAM-SHA-256" in str(found)


def test_a_token_that_is_refused_is_not_shown(secured: Secured) -> None:
    """If this failed, a token of the wrong issuer would be tried for ever, or end in a log."""
    properties: dict[str, object] = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "OAUTHBEARER",
        "oauth_cb": lambda _: ("bm8.c2VjcmV0.", 0),
    }
    found = refusal(secured, "SASL_PLAINTEXT", properties)
    assert isinstance(found, AuthenticationFailed)
    assert "c2VjcmV0" not in str(found)


class Ahead(Waiting):
    """A clock that can be moved on."""

    ahead_ms = 0

    def now_ms(self) -> int:
        """The time, and what it was moved by."""
        return super().now_ms() + self.ahead_ms


def test_a_session_is_renewed_before_it_ends(secured: Secured) -> None:
    """If this failed, a long connection would be cut by the node each time its session ends, and
    with it what is on its way (KIP-368).
    """
    waiting = Ahead()
    connection = Connection(
        "localhost",
        secured.ports["SASL_PLAINTEXT"],
        client_id="test",
        timeout_ms=20_000,
        waiting=waiting,
        reach=reach_of(secured.properties("SASL_PLAINTEXT", "SCRAM-SHA-256")),
    )
    descriptor = connection.fileno()
    question = DescribeClusterRequest()
    deadline_ms = connection.deadline_ms
    assert deadline_ms is not None
    assert 0.8 * SESSION_MS < deadline_ms - waiting.now_ms() < 0.96 * SESSION_MS
    answers = [connection.send(question, timeout_ms=20 * SESSION_MS) for _ in range(10)]
    waiting.ahead_ms += SESSION_MS
    answers += [connection.send(question, timeout_ms=20_000) for _ in range(10)]
    assert not answers[-1].done
    assert all(answer.wait().brokers for answer in answers)
    again_ms = connection.deadline_ms
    assert again_ms is not None
    assert again_ms > deadline_ms + SESSION_MS // 2
    assert connection.fileno() == descriptor
    connection.close()


def test_commands_take_the_settings(secured: Secured, tmp_path: Path) -> None:
    """If this failed, `--command-config` of Apache's own commands would not lead to a secured
    cluster.
    """
    for protocol, mechanism in (("SSL", ""), ("SASL_SSL", "SCRAM-SHA-512")):
        config = tmp_path / "client.properties"
        rows = secured.properties(protocol, mechanism)
        config.write_text("".join(f"{k}={in_properties(v)}\n" for k, v in rows.items()))
        at = ("--bootstrap-server", f"localhost:{secured.ports[protocol]}")
        told = ("--command-config", config)
        topic = f"commands.{protocol}"
        assert command("kafka-topics.sh", "--create", "--topic", topic, *at, *told)
        command("kafka-console-producer.sh", "--topic", topic, *at, *told, said="hello\n")
        reading = ("--topic", topic, "--from-beginning", "--max-messages", "1")
        assert command("kafka-console-consumer.sh", *reading, *at, *told) == "hello\n"
        sent = ("--num-records", "10", "--record-size", "10", "--throughput", "-1")
        shown = command("kafka-producer-perf-test.sh", "--topic", topic, *sent, *at, *told)
        assert shown.startswith("10 records sent")


def command(name: str, *words: object, said: str = "") -> str:
    """What a command prints, which succeeds and complains of nothing."""
    done = subprocess.run(
        [BIN / name, *map(str, words)],
        input=said,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert "WARN" not in done.stderr
    return done.stdout
