"""TLS under a connection, against peers that are right, expired, strangers, silent or no TLS."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from client.certificates import Authority, Issued, key_in, openssl
from client.peers import HOST, Asked, Counted, Peer, metadata_of
from client.test_client_asyncio import until_done
from client.tls_peers import TlsPeer, server_context
from ottla.client.client import Client
from ottla.client.connecting.answer import Answer
from ottla.client.connecting.connection import Connection
from ottla.client.connecting.reach import Reach, Tls
from ottla.client.connecting.reach_settings import reach_of
from ottla.client.connecting.waiting import Waiting
from ottla.client.errors import ConnectionFailed, TimedOut, TlsFailed
from ottla.errors import OttlaError
from ottla.wire.messages.metadata import MetadataRequest
from ottla.wire.schema import ProtocolError
from ottla.wire.tls import TlsConfig, session

ASK = MetadataRequest(topics=[])


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Whom the clients here trust."""
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def node(authority: Authority) -> Issued:
    """What a node that is right shows."""
    return authority.issue("node")


def nobody(asked: Asked) -> object:
    """An empty cluster."""
    return metadata_of([], [], asked)


def reach(authority: Authority, **settings: str) -> Reach:
    """By TLS, trusting that CA."""
    names = {key.replace("_", "."): value for key, value in settings.items()}
    return reach_of({"security.protocol": "SSL", "ssl.ca.location": str(authority.ca), **names})


def connect(
    port: int, reach: Reach | None, *, host: str = HOST, waiting: Waiting | None = None
) -> Connection:
    """An open connection."""
    return Connection(host, port, client_id="test", timeout_ms=10_000, waiting=waiting, reach=reach)


def failure(port: int, reach: Reach | None, *, host: str = HOST) -> OttlaError:
    """Why one request has no answer; the connection is closed by then."""
    connection = Connection(host, port, client_id="test", reach=reach)
    connection.begin(10_000)
    with pytest.raises(OttlaError) as caught:  # noqa: PT012 (TLS 1.3 may end after the handshake)
        connection.wait_open()
        connection.request(ASK, timeout_ms=10_000)
    assert connection.closed
    return caught.value


# ---------------------------------------------------------------- what works


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_requests_go_through_both_versions(
    authority: Authority, node: Issued, version: str
) -> None:
    """If this failed, a node that has only one version of TLS could not be reached, or the client
    would speak another than it was told to.
    """
    with TlsPeer(nobody, server_context(node)) as peer:
        connection = connect(
            peer.port, reach(authority, ssl_enabled_protocols=version), host="localhost"
        )
        answers = [connection.send(ASK, timeout_ms=10_000) for _ in range(50)]
        assert [answer.wait().brokers for answer in answers] == [[]] * 50
        connection.close()
        assert [spoken for spoken, _ in peer.spoken] == [version]
        assert peer.names == ["localhost"]


def test_a_chosen_suite_is_spoken(authority: Authority, node: Issued) -> None:
    """If this failed, `ssl.cipher.suites` would be for nothing."""
    suite = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"
    settings = {"ssl_cipher_suites": suite, "ssl_enabled_protocols": "TLSv1.2"}
    with TlsPeer(nobody, server_context(node)) as peer:
        connect(peer.port, reach(authority, **settings)).close()
        assert [cipher for _, cipher in peer.spoken] == ["ECDHE-ECDSA-CHACHA20-POLY1305"]


def test_answers_may_come_in_pieces(
    authority: Authority, node: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this failed, a record of TLS cut anywhere by the network would be lost, or decrypted bytes
    would wait inside for a socket that has nothing more to say.
    """
    monkeypatch.setattr("ottla.client.connecting.transport.RECEIVE_BYTES", 7)
    with TlsPeer(nobody, server_context(node)) as peer:
        connection = connect(peer.port, reach(authority))
        assert connection.request(ASK, timeout_ms=10_000).brokers == []
        connection.close()


def test_much_is_sent_though_the_peer_is_slow(authority: Authority, node: Issued) -> None:
    """If this failed, what TLS holds for a full socket would be forgotten or never written."""
    goes_on = threading.Event()

    def after_a_while(asked: Asked) -> object:
        goes_on.wait(10)
        return nobody(asked)

    large = MetadataRequest(topics=[])
    large.topics = [_topic(number) for number in range(60_000)]
    with TlsPeer(after_a_while, server_context(node)) as peer:
        connection = connect(peer.port, reach(authority))
        answers = [connection.send(large, timeout_ms=60_000) for _ in range(5)]
        assert connection.wants_write
        goes_on.set()
        for answer in answers:
            answer.wait()
        assert not connection.wants_write
        assert [len(asked.topics) for asked in peer.of(MetadataRequest)] == [60_000] * 5
        connection.close()


def _topic(number: int) -> object:
    from ottla.wire.messages.metadata import MetadataRequestTopic

    return MetadataRequestTopic(name=f"topic-{number:08}-{'x' * 40}")


def test_an_event_loop_sees_all_it_must_wait_for(authority: Authority, node: Issued) -> None:
    """If this failed, asyncio would wait for a socket while TLS has something to write."""

    async def talk(port: int) -> list[Answer]:
        connection = Connection(HOST, port, client_id="test", reach=reach(authority))
        connection.begin(10_000)
        await until_done(connection, [])
        answers = [connection.send(ASK, timeout_ms=10_000) for _ in range(9)]
        await until_done(connection, answers)
        connection.close()
        return answers

    with TlsPeer(nobody, server_context(node)) as peer:
        answers = asyncio.run(talk(peer.port))
    assert [answer.response().brokers for answer in answers] == [[]] * 9


def test_a_client_shows_its_certificate(authority: Authority, node: Issued) -> None:
    """If this failed, no node that asks for certificates would let us in; keys come in three forms
    and the certificate in a file of its own or beside the key.
    """
    own = authority.issue("client")
    sec1 = own.key.with_suffix(".sec1")
    openssl("ec", "-in", str(own.key), "-out", str(sec1))
    assert "BEGIN EC PRIVATE KEY" in sec1.read_text()
    with TlsPeer(nobody, server_context(node, clients_ca=authority.ca)) as peer:
        for settings in [
            {"ssl_keystore_type": "PEM", "ssl_keystore_location": str(own.both)},
            {"ssl_certificate_location": str(own.certificate), "ssl_key_location": str(sec1)},
            {
                "ssl_certificate_pem": own.certificate.read_text(),
                "ssl_key_pem": own.key.read_text().replace("\n", " "),
            },
        ]:
            connection = connect(peer.port, reach(authority, **settings))
            assert connection.request(ASK, timeout_ms=10_000).brokers == []
            connection.close()


def test_a_nodes_own_certificate_may_be_trusted(tmp_path: Path) -> None:
    """If this failed, a node that signed for itself could not be reached, though somebody put its
    certificate into the truststore, as Java allows; it is `CA:true` as openssl makes it.
    """
    key, certificate = key_in(tmp_path, "self"), tmp_path / "self.pem"
    names = ["-subj", "/CN=self", "-addext", "subjectAltName=IP:127.0.0.1", "-key", str(key)]
    openssl("req", "-x509", "-new", *names, "-out", str(certificate))
    settings = {"security.protocol": "SSL", "ssl.ca.location": str(certificate)}
    with TlsPeer(nobody, server_context(Issued(certificate, key))) as peer:
        connect(peer.port, reach_of(settings)).close()
        found = failure(peer.port, reach_of(settings), host="localhost")
    assert isinstance(found, TlsFailed)
    assert found.kind == "wrong-name"


def test_one_config_serves_all_connections(
    authority: Authority, node: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this failed, certificates would be read again for every connection."""
    shared = reach(authority)
    made: list[object] = []
    monkeypatch.setattr("ottla.wire.tls.tls_config", lambda **settings: made.append(settings))
    with TlsPeer(nobody, server_context(node)) as peer:
        for _ in range(3):
            connect(peer.port, shared).close()
    assert made == []


# ---------------------------------------------------------------- who is not believed


def refused(authority: Authority, issued: Issued, **settings: str) -> TlsFailed:
    """Why a node that shows that is not believed."""
    with TlsPeer(nobody, server_context(issued)) as peer:
        found = failure(peer.port, reach(authority, **settings))
        assert peer.requests == []
    assert isinstance(found, TlsFailed)
    assert found.hint
    return found


def test_an_expired_certificate(authority: Authority) -> None:
    """If this failed, nobody would learn that it is the node's certificate that has expired."""
    found = refused(authority, authority.issue("expired", days=-1))
    assert found.kind == "expired"
    assert "its certificate has expired" in str(found)


def test_an_unknown_issuer(authority: Authority, tmp_path: Path) -> None:
    """If this failed, anybody could pose as the node; a CA of the same name too."""
    for name in ("Other", "Test CA"):
        stranger = Authority(tmp_path / name, name)
        found = refused(authority, stranger.issue("node"))
        assert found.kind == "unknown-issuer"
        assert "ssl.truststore.location" in (found.hint or "")


def test_another_name(authority: Authority) -> None:
    """If this failed, any certificate of the company would do for every node of it; if it could not
    be turned off, nodes behind another name could not be reached.
    """
    other = authority.issue("other", names="DNS:kafka.example")
    found = refused(authority, other)
    assert found.kind == "wrong-name"
    assert 'for DnsName("kafka.example"), not for 127.0.0.1' in str(found)
    for value in ("", "none"):
        anyway = reach(authority, ssl_endpoint_identification_algorithm=value)
        with TlsPeer(nobody, server_context(other)) as peer:
            connect(peer.port, anyway).close()


def test_names_off_is_not_issuers_off(authority: Authority, tmp_path: Path) -> None:
    """If this failed, turning the comparison of names off would let anybody pose as the node."""
    stranger = Authority(tmp_path / "stranger", "Stranger").issue("node")
    found = refused(authority, stranger, ssl_endpoint_identification_algorithm="")
    assert found.kind == "unknown-issuer"


def test_verification_off_believes_anybody(authority: Authority, tmp_path: Path) -> None:
    """If this failed, librdkafka's switch for a test would have no effect."""
    stranger = Authority(tmp_path / "stranger", "Stranger")
    expired = stranger.issue("expired", names="DNS:elsewhere", days=-1)
    with TlsPeer(nobody, server_context(expired)) as peer:
        connect(peer.port, reach(authority, enable_ssl_certificate_verification="false")).close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_missing_client_certificate(
    authority: Authority, node: Issued, version: ssl.TLSVersion
) -> None:
    """If this failed, a node that wants a certificate would look like one that hangs up."""
    context = server_context(node, clients_ca=authority.ca, version=version)
    with TlsPeer(nobody, context) as peer:
        found = failure(peer.port, reach(authority))
    assert isinstance(found, TlsFailed)
    kinds = {ssl.TLSVersion.TLSv1_2: "incompatible", ssl.TLSVersion.TLSv1_3: "client-certificate"}
    assert found.kind == kinds[version]


def test_no_common_cipher(authority: Authority, node: Issued) -> None:
    """If this failed, nobody would learn what to compare."""
    context = server_context(
        node, version=ssl.TLSVersion.TLSv1_2, ciphers="ECDHE-ECDSA-AES128-GCM-SHA256"
    )
    settings = {"ssl_cipher_suites": "ECDHE-ECDSA-AES256-GCM-SHA384"}
    with TlsPeer(nobody, context) as peer:
        found = failure(peer.port, reach(authority, **settings))
    assert isinstance(found, TlsFailed)
    assert found.kind == "incompatible"
    assert "ssl.cipher.suites" in (found.hint or "")


def test_a_refusal_is_not_tried_again(authority: Authority, tmp_path: Path) -> None:
    """If this failed, a stranger's node would be dialled for a minute, ten times a second."""
    stranger = Authority(tmp_path / "stranger", "Stranger").issue("node")
    with (
        TlsPeer(nobody, server_context(stranger)) as peer,
        Client(f"{HOST}:{peer.port}", reach=reach(authority)) as client,
    ):
        for _ in range(5):
            with pytest.raises(TlsFailed, match="signed by nobody whom we trust"):
                client.metadata()
        assert peer.connections == 1


# ---------------------------------------------------------------- who speaks something else


def answers(said: bytes) -> Callable[[socket.socket], None]:
    """Read a little, and say that."""

    def act(accepted: socket.socket) -> None:
        accepted.recv(1000)
        accepted.sendall(said)

    return act


def test_tls_to_a_plain_listener(authority: Authority) -> None:
    """If this failed, a wrong port or security.protocol would end in an obscure failure: a node
    hangs up on a hello, which to it is a request of 369 MB; others answer in their own language.
    """

    with scripted(lambda accepted: accepted.recv(1)) as port:
        found = failure(port, reach(authority))
        assert isinstance(found, ConnectionFailed)
        assert "TLS" in str(found)
        assert "SSL or SASL_SSL" in (found.hint or "")
    with scripted(answers(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        found = failure(port, reach(authority))
        assert isinstance(found, TlsFailed)
        assert found.kind == "no-tls"


def test_a_plain_client_at_a_tls_listener(node: Issued) -> None:
    """If this failed, an alert of TLS would be waited for as an answer of 336 MB."""
    alert = bytes.fromhex("15030300020246")
    for said in (alert, alert[:1]):
        with scripted(answers(said)) as port:
            found = failure(port, None)
            assert isinstance(found, TlsFailed)
            assert found.kind == "wants-tls"
            assert "security.protocol" in (found.hint or "")
    with TlsPeer(nobody, server_context(node)) as peer:
        found = failure(peer.port, None)
    assert isinstance(found, TlsFailed | ConnectionFailed)
    assert "SSL" in (found.hint or "")


class scripted:
    """A listener that does one thing with whoever connects, then hangs up."""

    def __init__(self, act: Callable[[socket.socket], object]) -> None:
        self._act = act
        self._listener = socket.create_server((HOST, 0))
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            while True:
                accepted, _ = self._listener.accept()
                with accepted, contextlib.suppress(ConnectionError):
                    self._act(accepted)
        except OSError:
            return

    def __enter__(self) -> int:
        self._thread.start()
        port: int = self._listener.getsockname()[1]
        return port

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)
        assert not self._thread.is_alive()


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.create_server((HOST, 0)) as listener:
        yield listener.getsockname()[1]


def test_a_handshake_that_hangs_ends_in_time(authority: Authority, silent: int) -> None:
    """If this failed, a node that is stuck in the handshake would hold its callers for ever, or
    longer than they said.
    """
    waiting = Counted(patience_ms=50)
    with pytest.raises(TimedOut, match="no TLS handshake within 1234 ms") as caught:
        Connection(
            HOST,
            silent,
            client_id="test",
            timeout_ms=1234,
            waiting=waiting,
            reach=reach(authority),
        )
    assert caught.value.hint
    assert sum(waiting.waits) == 1234


def test_a_cut_in_the_handshake(authority: Authority, node: Issued) -> None:
    """If this failed, a node that dies while it is connected to would be waited for, or taken for
    one that does not accept us.
    """
    for count in (1, 5, 100, 400):

        def cut(accepted: socket.socket, count: int = count) -> None:
            accepted.recv(2000)
            accepted.sendall(hello_of(node)[:count])

        with scripted(cut) as port:
            found = failure(port, reach(authority))
            assert isinstance(found, ConnectionFailed), count


def hello_of(node: Issued) -> bytes:
    """What a server says first to some client: whole records of TLS, though not for us."""
    client, server = ssl.MemoryBIO(), ssl.MemoryBIO()
    asks = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    asks.check_hostname, asks.verify_mode = False, ssl.CERT_NONE
    one = asks.wrap_bio(server, client)
    other = server_context(node, version=ssl.TLSVersion.TLSv1_2).wrap_bio(
        client, server, server_side=True
    )
    for side in (one, other):
        with pytest.raises(ssl.SSLWantReadError):
            side.do_handshake()
    return server.read()


def test_garbage_after_the_handshake(authority: Authority, node: Issued) -> None:
    """If this failed, what somebody between puts in would be believed, or crash the client."""
    with TlsPeer(nobody, server_context(node)) as peer:
        connection = connect(peer.port, reach(authority))
        assert connection.request(ASK, timeout_ms=10_000).brokers == []
        raw = socket.socket(fileno=socket.dup(peer._sockets[-1].fileno()))
        with raw:
            raw.sendall(b"\x17\x03\x03\x00\x20" + b"\xff" * 32)
        answer = connection.send(ASK, timeout_ms=10_000)
        with pytest.raises((ConnectionFailed, ProtocolError), match="TLS failed"):
            answer.wait()
        assert connection.closed


def test_the_wrong_kafka_version_behind_tls(authority: Authority, node: Issued) -> None:
    """If this failed, what answers by TLS but not by Kafka would be waited for."""
    context = server_context(node)
    with TlsPeer(nobody, context, versions=lambda _: b"HTTP/1.1 400 Bad\r\n") as peer:
        found = failure(peer.port, reach(authority))
    assert isinstance(found, ProtocolError)
    assert "with TLS" in (found.hint or "")


def test_a_private_key_is_never_shown(authority: Authority) -> None:
    """If this failed, a log line of a client's settings would give its key away."""
    own = authority.issue("shown")
    made = Tls(certificate_pem=own.certificate.read_text(), key_pem=own.key.read_text())
    secret = own.key.read_text().splitlines()[1]
    assert secret not in repr(made) + repr(Reach("SSL", made))
    with Peer(nobody) as peer:
        found = failure(peer.port, Reach("SSL", Tls(key_pem=own.key.read_text())))
    assert secret not in str(found)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_flipped_bit_anywhere_is_noticed(
    authority: Authority, node: Issued, version: ssl.TLSVersion
) -> None:
    """If this failed, whoever sits between could change the handshake or the records unnoticed, or
    end the process of a client.
    """
    config = reach_of({"security.protocol": "SSL", "ssl.ca.location": str(authority.ca)}).tls
    assert config is not None
    context = server_context(node, version=version)
    whole = conversation(config.config, context, None)
    assert whole.plaintext == [b"hello"]
    for at in range(0, whole.length, 13):
        found = conversation(config.config, context, at)
        # Signatures differ in length: the last place may be behind all that was said.
        assert found.plaintext == [] or found.length <= at or at in found.versions, at


class Conversation(NamedTuple):
    """What a client understood, and how many bytes the node had said for that."""

    plaintext: list[bytes]
    length: int
    versions: set[int]
    """Where a record says its version's minor number, which means nothing (RFC 8446, 5.1)."""


def conversation(config: TlsConfig, context: ssl.SSLContext, flipped: int | None) -> Conversation:
    """A handshake and a word of the node, in memory, with one byte of the node's changed."""
    ours = session(config, "localhost")
    to_node, to_us = ssl.MemoryBIO(), ssl.MemoryBIO()
    theirs = context.wrap_bio(to_node, to_us, server_side=True)
    plaintext: list[bytes] = []
    versions: set[int] = set()
    length = 0
    is_done = False
    for _ in range(6):
        sent = ours.to_send(1 << 20)
        to_node.write(sent)
        ours.sent(len(sent))
        with contextlib.suppress(ssl.SSLError):
            theirs.do_handshake()
            if not is_done:
                theirs.write(b"hello")
            is_done = True
        said = bytearray(to_us.read())
        at = 0
        while at + 5 <= len(said):
            versions.add(length + at + 2)
            at += 5 + int.from_bytes(said[at + 3 : at + 5])
        if flipped is not None and 0 <= flipped - length < len(said):
            said[flipped - length] ^= 0x10
        length += len(said)
        got = ours.received(bytes(said))
        plaintext += [got] if got else []
    if flipped is None:
        assert ours.fault is None
    return Conversation(plaintext, length, versions)
