"""Who we say to be, to nodes that believe it, refuse it, ask nonsense, or ask for ever."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from client.peers import HOST, Asked, Counted, HangUp, Peer, metadata_of, versions
from client.sasl_peers import SaslPeer, ScramServer, refuses
from ottla.client.client import Client
from ottla.client.connecting.connection import Connection
from ottla.client.connecting.reach import Reach
from ottla.client.connecting.sasl.login import PasswordLogin, TokenLogin
from ottla.client.connecting.sasl.mechanism import MechanismFailed
from ottla.client.connecting.sasl.oauthbearer import OAuthBearer
from ottla.client.connecting.sasl.plain import Plain
from ottla.client.connecting.sasl.scram import Scram
from ottla.client.connecting.sasl.tokens import Token, Tokens
from ottla.client.connecting.waiting import Waiting
from ottla.client.errors import (
    ApiNotSupported,
    AuthenticationFailed,
    BrokerError,
    ConnectionFailed,
    TimedOut,
)
from ottla.errors import OttlaError
from ottla.wire.messages.metadata import MetadataRequest
from ottla.wire.messages.sasl_authenticate import SaslAuthenticateRequest, SaslAuthenticateResponse
from ottla.wire.messages.sasl_handshake import SaslHandshakeRequest
from ottla.wire.schema import ProtocolError

ASK = MetadataRequest(topics=[])
SECRET = "s3cret, = \U0001f511"
BY_PLAIN = Reach("SASL_PLAINTEXT", sasl=PasswordLogin("PLAIN", "alice", SECRET))
BY_SCRAM = Reach("SASL_PLAINTEXT", sasl=PasswordLogin("SCRAM-SHA-256", "alice", SECRET))


def connect(peer: Peer, reach: Reach, waiting: Waiting | None = None) -> Connection:
    """An open connection."""
    return Connection(
        HOST, peer.port, client_id="test", timeout_ms=10_000, waiting=waiting, reach=reach
    )


def accepted(_: list[bytes]) -> bytes:
    """A node that believes anybody."""
    return b""


def scram_server(**given: Any) -> ScramServer:
    """A node that knows alice's password."""
    return ScramServer(hashlib.pbkdf2_hmac("sha256", SECRET.encode(), b"salt", 4096), **given)


# ---------------------------------------------------------------- mechanisms


def test_plain_is_name_and_password() -> None:
    """If this failed, no node would understand it."""
    mechanism = Plain("alice", "s3cret")
    assert mechanism.first() == b"\0alice\0s3cret"
    assert mechanism.respond(b"") is None


def test_scram_is_the_rfcs() -> None:
    """If this failed, the example of RFC 7677 would not come out, and no other node's either."""
    mechanism = Scram("SCRAM-SHA-256", "user", "pencil", nonce="rOprNGfwEbeRWgbNEkqO")
    assert mechanism.first() == b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    proof = mechanism.respond(f"r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096".encode())
    assert proof == f"c=biws,r={nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=".encode()
    assert mechanism.respond(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=") is None


def test_names_and_passwords_are_taken_as_java_takes_them() -> None:
    """If this failed, a password with letters that SASLprep changes would be accepted from Java's
    clients and refused from ours. The numbers are ScramFormatter's of 4.3.1.
    """
    mechanism = Scram("SCRAM-SHA-256", "a=b,c\u00ad\uff21", "p\u00adss\uff21", nonce="n")
    assert mechanism.first() == "n,,n=a=3Db=2Cc\u00ad\uff21,r=n".encode()
    salted = "4664cf9683c304fb17ecc715f559f0bd6bac209c4b247a8a7d31afa2d2da3d37"
    node = ScramServer(bytes.fromhex(salted))
    heard = [mechanism.first()]
    heard.append(mechanism.respond(node(heard)) or b"")
    assert mechanism.respond(node(heard)) is None
    assert node.is_proved


def test_a_delegation_token_says_so() -> None:
    """If this failed, a node would look for a user whose name is the token's id (KIP-48)."""
    mechanism = Scram("SCRAM-SHA-512", "id", "hmac", nonce="n", is_token=True)
    assert mechanism.first() == b"n,,n=id,r=n,tokenauth=true"


FIRST = b"r=nonceX,s=c2FsdA==,i=4096"
NONSENSE = {
    "nothing": [b""],
    "no text": [b"\xff\xfe"],
    "too much": [b"r=nonce" + b"x" * 5000 + b",s=c2FsdA==,i=4096"],
    "another nonce": [b"r=other,s=c2FsdA==,i=4096"],
    "our nonce alone": [b"r=nonce,s=c2FsdA==,i=4096"],
    "one iteration": [b"r=nonceX,s=c2FsdA==,i=1"],
    "iterations for a year": [b"r=nonceX,s=c2FsdA==,i=999999999"],
    "a number without end": [b"r=nonceX,s=c2FsdA==,i=" + b"9" * 4000],
    "iterations below zero": [b"r=nonceX,s=c2FsdA==,i=-4096"],
    "no salt": [b"r=nonceX,s=,i=4096"],
    "a salt that is none": [b"r=nonceX,s=c2Fs=dA,i=4096"],
    "an extension that we must know": [b"m=x,r=nonceX,s=c2FsdA==,i=4096"],
    "an error": [b"e=other-error"],
    "the end before the proof": [b"v=AAAA"],
    "the first again": [FIRST, FIRST],
    "another's signature": [FIRST, b"v=" + b"A" * 43 + b"="],
    "no signature": [FIRST, b"v="],
    "a signature that is none": [FIRST, b"v=!!"],
    "an error at last": [FIRST, b"e=invalid-proof"],
    "nothing at last": [FIRST, b""],
}


@pytest.mark.parametrize("case", NONSENSE)
def test_scram_believes_no_nonsense(case: str) -> None:
    """If this failed, a node that is none would be believed, could make us compute for ever, or
    would be shown a proof that is cheap to guess the password from.
    """
    mechanism = Scram("SCRAM-SHA-256", "alice", SECRET, nonce="nonce")
    mechanism.first()
    *before, last = NONSENSE[case]
    for challenge in before:
        mechanism.respond(challenge)
    with pytest.raises(MechanismFailed) as caught:
        mechanism.respond(last)
    assert len(str(caught.value)) < 300
    assert SECRET not in str(caught.value)


def test_a_refused_token_ends_after_one_message() -> None:
    """If this failed, the node's reasons would be lost, or it could go on giving some for ever."""
    mechanism = OAuthBearer("abc.def", {"traceId": "1"})
    assert mechanism.first() == b"n,,\x01auth=Bearer abc.def\x01traceId=1\x01\x01"
    assert mechanism.respond(b'{"status":"invalid_token"}') == b"\x01"
    with pytest.raises(MechanismFailed, match="invalid_token"):
        mechanism.respond(b'{"status":"more"}')


# ---------------------------------------------------------------- the exchange


def test_nothing_is_asked_before_we_are_known() -> None:
    """If this failed, the node would hang up on a request that came too early."""
    with SaslPeer(accepted) as peer:
        connection = connect(peer, BY_PLAIN)
        peer.let_in()
        assert peer.heard == [f"\0alice\0{SECRET}".encode()]
        assert connection.request(ASK, timeout_ms=10_000).brokers == []
        assert peer.during == []
        kinds = [type(asked.message) for asked in peer.requests]
        assert kinds == [SaslHandshakeRequest, SaslAuthenticateRequest, MetadataRequest]
        connection.close()


def test_scram_lets_both_in() -> None:
    """If this failed, SCRAM would not go through Kafka's requests."""
    node = scram_server()
    with SaslPeer(node) as peer:
        connect(peer, BY_SCRAM).close()
        assert node.is_proved
        assert SECRET.encode() not in b"".join(peer.heard)


def test_every_exchange_has_its_own_nonce() -> None:
    """If this failed, what somebody overheard could be said again."""
    firsts = set()
    with SaslPeer(scram_server()) as peer:
        for _ in range(3):
            connect(peer, BY_SCRAM).close()
            firsts.add(peer.heard[0])
    assert len(firsts) == 3


def test_a_wrong_password_is_asked_for_once() -> None:
    """If this failed, a wrong password would be tried until the account is locked."""
    told: list[OttlaError] = []
    with (
        SaslPeer(refuses("Invalid username or password")) as peer,
        Client(f"{HOST}:{peer.port}", reach=BY_PLAIN, on_wait=told.append) as client,
    ):
        for _ in range(10):
            with pytest.raises(AuthenticationFailed) as caught:
                client.metadata()
        assert peer.count(SaslAuthenticateRequest) == 1
        assert told == []
    assert "does not let us in by PLAIN: Invalid username or password" in str(caught.value)
    assert "sasl.jaas.config" in (caught.value.hint or "")


def test_a_node_that_does_not_know_the_password_is_left() -> None:
    """If this failed, a node that only pretends to know us would get our requests."""
    stranger = ScramServer(b"x" * 32)

    def pretends(heard: list[bytes]) -> Any:
        said = stranger(heard)
        return said if isinstance(said, bytes) else b"v=" + b"A" * 43 + b"="

    with SaslPeer(pretends) as peer, pytest.raises(AuthenticationFailed, match="does not prove"):
        connect(peer, BY_SCRAM)


@pytest.mark.parametrize("reach", [BY_PLAIN, BY_SCRAM])
def test_challenges_without_end(reach: Reach) -> None:
    """If this failed, a node could keep a client busy for ever before it lets it in."""
    server = scram_server()
    with SaslPeer(lambda heard: server(heard[:1]) if reach is BY_SCRAM else b"more") as peer:
        with pytest.raises(AuthenticationFailed):
            connect(peer, reach)
        assert len(peer.heard) <= 2


def test_a_challenge_without_measure() -> None:
    """If this failed, a node could fill the memory of a client that it has not accepted."""
    with (
        SaslPeer(lambda _: b"x" * (4 << 20)) as peer,
        pytest.raises(ProtocolError, match="sends too much"),
    ):
        connect(peer, BY_SCRAM)


def test_a_cut_in_the_exchange_passes() -> None:
    """If this failed, a node that is restarted would be taken for one that refuses us."""

    def hangs_up(_: list[bytes]) -> bytes:
        raise HangUp

    with SaslPeer(hangs_up) as peer, pytest.raises(ConnectionFailed, match="closed"):
        connect(peer, BY_SCRAM)


def test_an_exchange_that_hangs_ends_in_time() -> None:
    """If this failed, a node that is stuck would hold its callers for ever."""
    with SaslPeer(lambda _: None) as peer, pytest.raises(TimedOut, match="within 10000 ms"):
        connect(peer, BY_SCRAM, Counted(patience_ms=100))


def test_another_error_is_told() -> None:
    """If this failed, an error that is not about the password would be called one."""
    busy = SaslAuthenticateResponse(error_code=-1, error_message="out of order")
    with SaslPeer(lambda _: busy) as peer, pytest.raises(BrokerError, match="out of order"):
        connect(peer, BY_PLAIN)


def test_the_mechanisms_of_the_node_are_named() -> None:
    """If this failed, nobody would know what to set instead."""
    with (
        SaslPeer(accepted, mechanisms=["GSSAPI"]) as peer,
        pytest.raises(AuthenticationFailed, match="does not take PLAIN, but GSSAPI") as caught,
    ):
        connect(peer, BY_PLAIN)
    assert "sasl.mechanism" in (caught.value.hint or "")


def test_nodes_that_are_too_old_are_named() -> None:
    """If this failed, a node before 1.0, whose SASL goes outside of requests, would be sent what it
    takes for a token.
    """

    def old(asked: Asked) -> Any:
        found = versions(asked)
        found.api_keys = [row for row in found.api_keys if row.api_key != 36]
        return found

    def handshake_only(_: Asked) -> Any:
        from ottla.wire.messages.sasl_handshake import SaslHandshakeResponse

        return SaslHandshakeResponse(mechanisms=["PLAIN"])

    with (
        Peer(handshake_only, versions=old) as peer,
        pytest.raises(ApiNotSupported, match="SaslAuthenticate"),
    ):
        connect(peer, BY_PLAIN)


# ---------------------------------------------------------------- sessions that end (KIP-368)


class Ahead(Waiting):
    """A clock that is moved on."""

    ahead_ms = 0

    def now_ms(self) -> int:
        """The time, and what it was moved by."""
        return super().now_ms() + self.ahead_ms


def test_requests_wait_while_a_session_is_renewed() -> None:
    """If this failed, a request in the middle of the exchange would make the node hang up, and what
    was on its way would be lost.
    """
    waiting = Ahead()
    with SaslPeer(accepted, lifetime_ms=60_000) as peer:
        connection = connect(peer, BY_PLAIN, waiting)
        peer.let_in()
        assert connection.request(ASK, timeout_ms=10_000).brokers == []
        for _ in range(2):
            rounds = peer.count(SaslAuthenticateRequest)
            waiting.ahead_ms += 58_000
            answers = [connection.send(ASK, timeout_ms=10_000) for _ in range(20)]
            waiting.wait_for(lambda n=rounds: peer.count(SaslAuthenticateRequest) > n)
            peer.let_in()
            assert [answer.wait().brokers for answer in answers] == [[]] * 20
            assert peer.count(SaslHandshakeRequest) == rounds + 1
        assert peer.connections == 1
        connection.close()


def test_time_alone_renews_a_session() -> None:
    """If this failed, a connection that waits for records would be cut when its session ends."""
    waiting = Ahead()
    with SaslPeer(accepted, lifetime_ms=60_000) as peer:
        connection = connect(peer, BY_PLAIN, waiting)
        deadline_ms = connection.deadline_ms
        assert deadline_ms is not None
        assert deadline_ms - waiting.now_ms() + 100 > 0.85 * 60_000
        waiting.ahead_ms += 58_000
        waiting.wait_for(lambda: peer.count(SaslAuthenticateRequest) == 2)
        connection.close()


def test_who_is_not_known_any_more_is_told() -> None:
    """If this failed, requests that waited for a renewal that is refused would never end."""
    waiting = Ahead()
    says: list[Callable[[list[bytes]], Any]] = [accepted, refuses("the account is closed")]
    with SaslPeer(lambda heard: says.pop(0)(heard), lifetime_ms=60_000) as peer:
        connection = connect(peer, BY_PLAIN, waiting)
        waiting.ahead_ms += 58_000
        answers = [connection.send(ASK, timeout_ms=10_000) for _ in range(3)]
        for answer in answers:
            with pytest.raises(AuthenticationFailed, match="the account is closed"):
                answer.wait()
        assert connection.closed
        assert peer.asked_others == 0


def test_a_token_that_is_late_does_not_end_a_session() -> None:
    """If this failed, a token endpoint that is away for a second would cost all connections."""
    waiting = Ahead()
    given: list[Token | OttlaError] = [
        Token("one"),
        ConnectionFailed("tokens", 443, "no token: away"),
        Token("two"),
    ]

    def source() -> Token:
        found = given.pop(0)
        if isinstance(found, OttlaError):
            raise found
        return found

    reach = Reach("SASL_PLAINTEXT", sasl=TokenLogin(Tokens(source)))
    with SaslPeer(accepted, lifetime_ms=60_000) as peer:
        connection = connect(peer, reach, waiting)
        peer.let_in()
        waiting.ahead_ms += 56_000
        waiting.wait_for(lambda: len(given) == 1)
        assert connection.request(ASK, timeout_ms=10_000).brokers == []
        waiting.wait_for(lambda: peer.count(SaslAuthenticateRequest) == 2)
        assert b"Bearer two" in peer.heard[0]
        assert peer.connections == 1
        connection.close()


def test_a_token_that_never_comes_ends_in_time() -> None:
    """If this failed, a token endpoint that hangs would hold a client for ever."""

    class Never:
        mechanism_name = "OAUTHBEARER"

        def mechanism(self) -> None:
            return None

    with SaslPeer(accepted) as peer, pytest.raises(TimedOut, match="no token"):
        Connection(
            HOST,
            peer.port,
            client_id="test",
            timeout_ms=100,
            waiting=Counted(patience_ms=100),
            reach=Reach("SASL_PLAINTEXT", sasl=Never()),
        )


def nobody(asked: Asked) -> object:
    """An empty cluster."""
    return metadata_of([], [], asked)


def test_a_node_that_wants_no_name() -> None:
    """If this failed, a wrong security.protocol would be called a wrong password."""

    def illegal(asked: Asked) -> Any:
        from ottla.wire.messages.sasl_handshake import SaslHandshakeResponse

        if isinstance(asked.message, SaslHandshakeRequest):
            return SaslHandshakeResponse(error_code=34)
        return nobody(asked)

    with (
        Peer(illegal) as peer,
        pytest.raises(AuthenticationFailed, match="wants no authentication") as caught,
    ):
        connect(peer, BY_PLAIN)
    assert "security.protocol" in (caught.value.hint or "")


def test_a_node_that_wants_a_name_is_guessed() -> None:
    """If this failed, whoever forgot security.protocol would only hear of a broken connection."""

    def hang_up(_: Asked) -> None:
        raise HangUp

    with Peer(hang_up) as peer:
        connection = connect(peer, Reach())
        with pytest.raises(ConnectionFailed) as caught:
            connection.request(ASK, timeout_ms=10_000)
    assert "security.protocol=SASL_" in (caught.value.hint or "")
