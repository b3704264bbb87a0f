"""The HTTP side of a server: three paths, clear answers, and no harm from odd clients."""

from __future__ import annotations

import os
import resource
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from ottla.node.http import (
    CONNECTIONS_MAX,
    HttpError,
    HttpServer,
    Watched,
)
from servers import eventually


class Node:
    """A node as the HTTP server sees it."""

    live = ""
    ready = ""
    broken = False

    def watched(self) -> Watched:
        """What the server asks of it."""
        return Watched(self.metrics, lambda: self.live, lambda: self.ready)

    def metrics(self) -> str:
        """Its exposition, if it is not broken."""
        if self.broken:
            raise ValueError("no figures")
        return "up 1\n"


@pytest.fixture
def node() -> Node:
    """A node that is well."""
    return Node()


@pytest.fixture
def server(node: Node) -> Iterator[HttpServer]:
    """A server that watches the node."""
    server = HttpServer("127.0.0.1:0", node.watched())
    server.start()
    yield server
    server.close()


def ask(server: HttpServer, request: str) -> str:
    """The whole answer to a request as it is sent."""
    with socket.create_connection(("127.0.0.1", server.port), 30) as connection:
        connection.sendall(request.encode())
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as answer:
            return answer.read().decode()


def get(server: HttpServer, path: str) -> tuple[int, str]:
    """Status and body of a path."""
    head, _, body = ask(server, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").partition("\r\n\r\n")
    assert f"Content-Length: {len(body)}" in head
    return int(head.split()[1]), body


def test_metrics_live_and_ready(server: HttpServer, node: Node) -> None:
    """If this failed, Prometheus and Kubernetes could not watch a node, or would believe a dead
    one.
    """
    assert get(server, "/metrics?name[]=up") == (200, "up 1\n")
    assert get(server, "/livez") == get(server, "/readyz") == (200, "ok\n")
    node.ready = "the broker is fenced"
    assert get(server, "/livez") == (200, "ok\n")
    assert get(server, "/readyz") == (503, "the broker is fenced\n")
    node.live = "poisoned"
    assert get(server, "/livez") == get(server, "/readyz") == (503, "poisoned\n")


def test_other_requests_get_a_sentence(server: HttpServer, node: Node) -> None:
    """If this failed, a wrong path or method would look like a broken node."""
    assert get(server, "/")[0] == 404
    assert ask(server, "POST /metrics HTTP/1.1\r\n\r\n").startswith("HTTP/1.1 405 ")
    assert ask(server, "\x16\x03\x01 hello\r\n\r\n").startswith("HTTP/1.1 400 ")
    assert ask(server, "").startswith("HTTP/1.1 400 ")
    assert ask(server, "GET /" + "x" * 20_000).startswith("HTTP/1.1 400 ")
    assert ask(server, "HEAD /metrics HTTP/1.0\r\n\r\n").endswith("close\r\n\r\n")
    node.broken = True
    assert get(server, "/metrics") == (500, "ValueError: no figures\n")


def test_silent_clients_do_not_keep_others_out(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this failed, clients that connect and say nothing, however many, would stop the health
    checks until they are hung up on.
    """
    monkeypatch.setattr("ottla.node.http.REQUEST_SECONDS_MAX", 60)
    address = ("127.0.0.1", server.port)
    silent = [socket.create_connection(address, 30) for _ in range(300)]
    silent[-1].sendall(b"GET /liv")
    assert get(server, "/livez") == (200, "ok\n")
    assert get(server, "/metrics") == (200, "up 1\n")
    hung_up = select.select(silent, [], [], 0)[0]
    assert silent[0] in hung_up, "the oldest are hung up on"
    assert silent[0].recv(1) == b""
    assert len(silent) - len(hung_up) >= CONNECTIONS_MAX - 2, "nobody's time-out was waited for"
    assert threading.active_count() < 3 * CONNECTIONS_MAX
    for connection in silent:
        connection.close()


def test_a_trickle_is_hung_up_on(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, a client that sends a byte now and then would keep its place for hours."""
    monkeypatch.setattr("ottla.node.http.REQUEST_SECONDS_MAX", 0.3)
    with socket.create_connection(("127.0.0.1", server.port), 5) as trickle:
        hung_up = False

        def sends_on() -> bool:
            nonlocal hung_up
            try:
                trickle.sendall(b"x")
            except OSError:
                hung_up = True
            return hung_up

        eventually(sends_on, "the server hangs up", timeout_s=10)


def test_it_outlives_a_process_that_can_open_nothing(server: HttpServer) -> None:
    """If this failed, one moment without descriptors would end /livez for good, and the node would
    be taken for dead.
    """
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    client = socket.socket()
    client.settimeout(10)
    try:
        # Of descriptors below the limit none is free: the client's own is the last.
        resource.setrlimit(resource.RLIMIT_NOFILE, (client.fileno() + 1, limits[1]))
        blocked = []
        with suppress(OSError):
            while True:
                blocked.append(os.dup(0))
        client.connect(("127.0.0.1", server.port))
        client.sendall(b"GET /livez HTTP/1.1\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 200 OK")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for descriptor in blocked:
            os.close(descriptor)
        client.close()
    assert get(server, "/livez") == (200, "ok\n")


def test_it_answers_where_no_thread_can_be_started(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this failed, a process at its limit of threads would end /livez for good."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert get(server, "/livez") == (200, "ok\n")


def test_a_taken_port_is_named(server: HttpServer, node: Node) -> None:
    """If this failed, two nodes with one ottla.http.listen would fail with a bare OSError."""
    second = HttpServer(f"127.0.0.1:{server.port}", node.watched())
    with pytest.raises(HttpError, match=f"127.0.0.1:{server.port} can't be listened on") as raised:
        second.start()
    assert raised.value.hint
    server.close()
    second.start()
    assert get(second, "/livez") == (200, "ok\n")
    second.close()
    second.close()
