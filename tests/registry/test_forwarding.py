"""Writes sent on to the leader, and what leaders do to them."""

from __future__ import annotations

import http.server
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from client.certificates import Authority
from ottla.registry import forwarding
from ottla.registry.forwarding import (
    Forwarded,
    Forwarder,
    ForwardingFailed,
    UnknownLeader,
    is_forwarded,
)

JSON = "application/vnd.schemaregistry.v1+json"
PLENTY_MS = 20_000


class Leader(http.server.ThreadingHTTPServer):
    """One that answers everything with what it was asked."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, list[tuple[str, str]], bytes]] = []
        self.connections = 0
        self.answer = Answers.plain
        super().__init__(("127.0.0.1", 0), Answers)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A forwarder that hangs up is what the test wants."""


class Answers(http.server.BaseHTTPRequestHandler):
    """How the leader answers: one of the methods below."""

    protocol_version = "HTTP/1.1"
    server: Leader

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append((self.command, self.path, self.headers.items(), body))
        self.server.answer(self)

    do_GET = do_POST = do_PUT = do_DELETE = handle_any

    def plain(self) -> None:
        body = b'{"id":1}'
        self.send_response(422)
        self.send_header("Content-Type", JSON)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Request-Id", "7")
        self.end_headers()
        self.wfile.write(body)

    def chunked(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n")

    def until_the_end(self) -> None:
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"all of it")

    def empty(self) -> None:
        self.send_response(204)
        self.end_headers()

    def too_long(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000000")
        self.end_headers()
        with suppress(OSError):
            while True:
                self.wfile.write(b"x" * 65_536)

    def cut_off(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"half")
        self.close_connection = True

    def garbage(self) -> None:
        self.wfile.write(b"\x00\x01\x02 no HTTP\r\n\r\n")
        self.close_connection = True

    def silence(self) -> None:
        self.close_connection = True

    def trickle(self) -> None:
        """Something always comes, and it never ends."""
        pause = threading.Event()
        with suppress(OSError):
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
            while True:
                self.wfile.write(b"x")
                pause.wait(0.01)

    def never(self) -> None:
        with suppress(OSError):
            self.rfile.read(1)


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Leader]:
    """A leader from its start to its end."""
    with Leader() as leader:
        if tls is not None:
            leader.socket = tls.wrap_socket(leader.socket, server_side=True)
        thread = threading.Thread(target=leader.serve_forever, args=(0.01,))
        thread.start()
        yield leader
        leader.shutdown()
        thread.join()


@pytest.fixture
def leader() -> Iterator[Leader]:
    """One that runs."""
    with serving() as found:
        yield found


@pytest.fixture
def forwarder() -> Iterator[Forwarder]:
    """One of ours."""
    found = Forwarder()
    yield found
    found.close()


def ask(forwarder: Forwarder, leader: Leader, timeout_ms: int = PLENTY_MS) -> Forwarded:
    """Register something."""
    return forwarder.forward(leader.url, "POST", "/subjects/a/versions", [], b"{}", timeout_ms)


def test_a_request_and_its_answer_pass_through(leader: Leader, forwarder: Forwarder) -> None:
    """If this failed, the leader would be asked something else, or as somebody else."""
    found = forwarder.forward(
        leader.url,
        "PUT",
        "/config/a%2Fb?force=true&x=%20",
        [
            ("Host", "follower:8081"),
            ("Content-Type", JSON),
            ("Accept", JSON),
            ("AUTHORIZATION", "Basic dTpw"),
            ("Content-Length", "999"),
            ("Transfer-Encoding", "chunked"),
            ("Connection", "close, X-Hop"),
            ("X-Hop", "1"),
            ("Accept-Encoding", "gzip"),
            ("X-Request-Id", "7"),
        ],
        b'{"compatibility":"FULL"}',
        PLENTY_MS,
    )
    assert found == Forwarded(422, (("Content-Type", JSON), ("X-Request-Id", "7")), b'{"id":1}')
    ((method, path, headers, body),) = leader.asked
    assert (method, path, body) == (
        "PUT",
        "/config/a%2Fb?force=true&x=%20",
        b'{"compatibility":"FULL"}',
    )
    assert sorted(headers) == [
        ("AUTHORIZATION", "Basic dTpw"),
        ("Accept", JSON),
        ("Content-Length", "24"),
        ("Content-Type", JSON),
        ("Host", leader.url.removeprefix("http://")),
        ("X-Forward", "true"),
        ("X-Request-Id", "7"),
    ]
    assert is_forwarded(headers)


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (Answers.chunked, 200, b"abcdef"),
        (Answers.until_the_end, 200, b"all of it"),
        (Answers.empty, 204, b""),
    ],
)
def test_answers_of_every_shape(
    leader: Leader, forwarder: Forwarder, answer: Callable[[Any], None], status: int, body: bytes
) -> None:
    """If this failed, a leader of another registry, on another server, could not be understood."""
    leader.answer = answer
    for _ in range(2):
        found = ask(forwarder, leader)
        assert (found.status, found.body) == (status, body)
        assert "Transfer-Encoding" not in dict(found.headers)


def test_connections_are_used_again(leader: Leader, forwarder: Forwarder) -> None:
    """If this failed, each write would pay for a new connection, and a TLS handshake."""
    for _ in range(5):
        ask(forwarder, leader)
    assert leader.connections == 1


def test_a_connection_that_was_closed_meanwhile_is_not_used(
    leader: Leader, forwarder: Forwarder
) -> None:
    """If this failed, the first write after a quiet time would fail."""
    answers, closed = threading.Event(), threading.Event()

    def answer(handler: Answers) -> None:
        handler.plain()
        handler.close_connection = True
        answers.set()

    leader.answer = answer
    leader.shutdown_request = lambda request: (  # type: ignore[method-assign, assignment]
        http.server.ThreadingHTTPServer.shutdown_request(leader, request),
        closed.set(),
    )
    ask(forwarder, leader)
    assert closed.wait(20)
    assert ask(forwarder, leader).status == 422
    assert leader.connections == 2


def test_an_old_connection_is_not_used(
    leader: Leader, forwarder: Forwarder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this failed, a write could meet a server that is closing its idle connections."""
    ask(forwarder, leader)
    monkeypatch.setattr(forwarding, "IDLE_MS_MAX", -1)
    ask(forwarder, leader)
    assert leader.connections == 2


def test_a_new_leader_is_asked_at_once(leader: Leader, forwarder: Forwarder) -> None:
    """If this failed, writes would go to the leader of before, or its sockets would stay."""
    ask(forwarder, leader)
    with serving() as other:
        assert ask(forwarder, other).status == 422
        assert [len(leader.asked), len(other.asked)] == [1, 1]
        forwarder.close()


def test_nothing_is_forwarded_twice(leader: Leader, forwarder: Forwarder) -> None:
    """If this failed, two instances that take each other for the leader would never end."""
    headers = [("x-forward", "true")]
    with pytest.raises(UnknownLeader) as refused:
        forwarder.forward(leader.url, "POST", "/subjects/a", headers, b"", PLENTY_MS)
    assert refused.value.error_code == 50004
    assert leader.asked == []
    assert not is_forwarded([("X-Forward", "False"), ("X-Forwarded-For", "1.2.3.4")])


def test_nobody_leads(forwarder: Forwarder) -> None:
    """If this failed, a client would not be told that it may try again."""
    with pytest.raises(UnknownLeader, match="no instance of the registry leads") as refused:
        forwarder.forward(None, "POST", "/subjects/a", [], b"", PLENTY_MS)
    assert refused.value.error_code == 50004
    assert refused.value.hint


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answers.too_long, "longer than"),
        (Answers.cut_off, "IncompleteRead"),
        (Answers.garbage, "no HTTP"),
        (Answers.silence, "without response"),
    ],
)
def test_a_leader_that_is_sick_is_one_clear_error(
    leader: Leader, forwarder: Forwarder, answer: Callable[[Any], None], says: str
) -> None:
    """If this failed, a follower would hand on half an answer, or fail in its own name."""
    leader.answer = answer
    with pytest.raises(ForwardingFailed, match=says) as failed:
        ask(forwarder, leader)
    assert failed.value.error_code == 50003
    assert leader.url in str(failed.value)
    assert len(leader.asked) == 1
    leader.answer = Answers.plain
    assert ask(forwarder, leader).status == 422


@pytest.mark.parametrize("answer", [Answers.trickle, Answers.never])
def test_a_leader_that_takes_for_ever_is_left(
    leader: Leader, forwarder: Forwarder, answer: Callable[[Any], None]
) -> None:
    """If this failed, one sick leader would keep every thread of its followers."""
    leader.answer = answer
    with pytest.raises(ForwardingFailed, match="in time") as failed:
        ask(forwarder, leader, 200)
    assert failed.value.error_code == 50003


def test_a_leader_that_is_not_there(forwarder: Forwarder) -> None:
    """If this failed, a client would see a bug where an instance is down."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(ForwardingFailed, match="refused") as failed:
            forwarder.forward(url, "DELETE", "/subjects/a", [], b"", PLENTY_MS)
    assert failed.value.error_code == 50003


@pytest.mark.parametrize(
    ("url", "method", "path", "headers"),
    [
        ("ftp://a:1", "POST", "/", []),
        ("http://", "POST", "/", []),
        ("http://a:x", "POST", "/", []),
        (None, "POST", "http://elsewhere/", []),
        (None, "POST", "/a b", []),
        (None, "POST", "/a\r\nX: y", []),
        (None, "PO ST\r\n", "/", []),
        (None, "POST", "/", [("X", "a\r\nY: b")]),
        (None, "POST", "/", [("X\r\n", "a")]),
    ],
)
def test_what_makes_no_request_is_not_sent(
    leader: Leader,
    forwarder: Forwarder,
    url: str | None,
    method: str,
    path: str,
    headers: list[tuple[str, str]],
) -> None:
    """If this failed, a request could smuggle another one to the leader."""
    with pytest.raises(ForwardingFailed):
        forwarder.forward(url or leader.url, method, path, headers, b"", PLENTY_MS)
    assert leader.asked == []


def test_several_at_once_and_few_stay(leader: Leader, forwarder: Forwarder) -> None:
    """If this failed, writes would wait for each other, or connections would pile up."""
    together = threading.Barrier(12)

    def answer(handler: Answers) -> None:
        together.wait(20)
        handler.plain()

    leader.answer = answer
    done: list[int] = []
    threads = [
        threading.Thread(target=lambda: done.append(ask(forwarder, leader).status))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [422] * 12
    assert len(forwarder._idle) == forwarding.IDLE_CONNECTIONS_MAX


def test_a_leader_at_https_is_known_by_its_certificate(tmp_path: Path) -> None:
    """If this failed, credentials would go to whoever answers at the leader's address."""
    authority = Authority(tmp_path)
    issued = authority.issue("leader")
    serves = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serves.load_cert_chain(issued.certificate, issued.key)
    with serving(serves) as leader:
        url = leader.url.replace("http:", "https:")
        trusting = Forwarder(ssl.create_default_context(cafile=authority.ca))
        for _ in range(2):
            found = trusting.forward(url, "POST", "/subjects/a", [], b"{}", PLENTY_MS)
            assert found.status == 422
        assert leader.connections == 1
        trusting.close()
        careful = Forwarder()
        with pytest.raises(ForwardingFailed, match="CERTIFICATE_VERIFY_FAILED"):
            careful.forward(url, "POST", "/subjects/a", [], b"{}", PLENTY_MS)
        assert len(leader.asked) == 2
