"""`/metrics`, `/livez` and `/readyz` over HTTP, for whoever watches a server. Off where a node is
embedded.

A small server of its own, because Python's brings what a node's start would have to wait for. It
answers GET and HEAD of three paths, one request a connection, on threads of its own: what it asks
of the node must be safe from any thread. Whoever watches gets an answer while the node has
trouble: a client has `REQUEST_SECONDS_MAX` for its whole request, when places run out the one that
has been silent longest goes, and a process without a descriptor left still has one for this.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple

from ottla.errors import OttlaError
from ottla.metrics import CONTENT_TYPE
from ottla.steady import steady_s

REQUEST_SECONDS_MAX: Final = 5.0
REQUEST_BYTES_MAX: Final = 16 * 1024
CONNECTIONS_MAX: Final = 16
BACKLOG: Final = 512
RETRY_SECONDS: Final = 0.05
"""How long a process that can open nothing is left alone before the next try."""

_REASONS: Final = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class HttpError(OttlaError):
    """The address for HTTP can't be listened on."""


class Answer(NamedTuple):
    """What goes back to the client."""

    status: int
    body: str
    content_type: str = "text/plain; charset=utf-8"


class Watched(NamedTuple):
    """What is asked of the node; each is called on one of the server's threads."""

    metrics: Callable[[], str]
    """The exposition."""
    live: Callable[[], str]
    """Why the node is dead, "" while it lives."""
    ready: Callable[[], str]
    """Why the node can't serve clients, "" while it can."""


class HttpServer:
    """Serves from `start` until `close`.

    Args:
        listen: `host:port`; port 0 takes a free one.
        watched: the node.
    """

    def __init__(self, listen: str, watched: Watched) -> None:
        host, _, port = listen.rpartition(":")
        self._address = (host.removeprefix("[").removesuffix("]"), int(port))
        self._watched = watched
        self._socket: socket.socket | None = None
        self._connections: dict[socket.socket, bool] = {}
        """Those that are open, oldest first; True once its request is there."""
        self._lock = threading.Lock()
        self._spare = -1
        """A descriptor that is given away when there is no other to accept with."""
        self.port = 0

    def start(self) -> None:
        """Listen, and answer on threads of its own.

        Raises:
            HttpError: the address is taken or not of this machine.
        """
        host, port = self._address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((host, port))
            listening.listen(BACKLOG)
        except OSError as problem:
            listening.close()
            text = f"ottla.http.listen={host}:{port} can't be listened on: {problem.strerror}"
            hint = "choose another port, or leave the line out to have no HTTP"
            raise HttpError(text, hint=hint) from problem
        self.port = listening.getsockname()[1]
        self._socket = listening
        self._spare = _spare()
        threading.Thread(
            target=self._accept_all, args=(listening,), name="ottla-http", daemon=True
        ).start()

    def close(self) -> None:
        """Stop listening. Calling it again does nothing."""
        listening, self._socket = self._socket, None
        if listening is not None:
            with suppress(OSError):  # nobody ever connected, or the close alone wakes accept
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()

    def _accept_all(self, listening: socket.socket) -> None:
        while self._socket is listening:
            try:
                connection, _ = listening.accept()
            except OSError:
                if self._socket is listening:
                    self._accept_with_spare(listening)
                continue
            self._take_in(connection)
        if self._spare >= 0:
            os.close(self._spare)

    def _take_in(self, connection: socket.socket) -> None:
        """Serve it on a thread of its own, or here if there can be no more threads."""
        with self._lock:
            if len(self._connections) >= CONNECTIONS_MAX:
                self._make_place()
            self._connections[connection] = False
        thread = threading.Thread(
            target=self._serve, args=(connection,), name="ottla-http-request", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:
            self._serve(connection)

    def _accept_with_spare(self, listening: socket.socket) -> None:
        """No descriptor is left, or a client went away too soon: answer one with the spare."""
        if self._spare >= 0:
            os.close(self._spare)
            self._spare = -1
            try:
                listening.settimeout(RETRY_SECONDS)
                connection, _ = listening.accept()
                with self._lock:
                    self._connections[connection] = False
                self._serve(connection)
            except OSError:
                pass  # nobody is there any more, or someone else took the descriptor
            with suppress(OSError):
                listening.settimeout(None)
        else:
            time.sleep(RETRY_SECONDS)
        self._spare = _spare()

    def _make_place(self) -> None:
        """Hang up on the oldest connection that has not asked yet, else on the oldest of all."""
        silent = (one for one, has_asked in self._connections.items() if not has_asked)
        oldest = next(silent, None) or next(iter(self._connections))
        del self._connections[oldest]
        with suppress(OSError):  # it went by itself
            oldest.shutdown(socket.SHUT_RDWR)

    def _serve(self, connection: socket.socket) -> None:
        try:
            method, path = _request_line(connection)
            with self._lock:
                if connection in self._connections:
                    self._connections[connection] = True
            connection.settimeout(REQUEST_SECONDS_MAX)
            connection.sendall(_bytes(self._answer(method, path), head=method == "HEAD"))
        except OSError:
            pass  # the client went away, or said nothing: nobody is left to tell
        finally:
            with self._lock:
                self._connections.pop(connection, None)
            connection.close()

    def _answer(self, method: str, path: str) -> Answer:
        if not path:
            return Answer(400, "this is no HTTP request\n")
        if method not in ("GET", "HEAD"):
            return Answer(405, "only GET and HEAD\n")
        try:
            return self._of_path(path.partition("?")[0])
        except Exception as problem:  # a broken metric must not look like a dead node
            return Answer(500, f"{type(problem).__name__}: {problem}\n")

    def _of_path(self, path: str) -> Answer:
        if path == "/metrics":
            return Answer(200, self._watched.metrics(), CONTENT_TYPE)
        if path in ("/livez", "/readyz"):
            problem = self._watched.live() or (self._watched.ready() if path == "/readyz" else "")
            return Answer(503, f"{problem}\n") if problem else Answer(200, "ok\n")
        return Answer(404, "there are /metrics, /livez and /readyz\n")


def _request_line(connection: socket.socket) -> tuple[str, str]:
    """Method and path of the request; an empty path where it is none. Headers are read and left.

    Raises:
        OSError: it did not come in time.
    """
    deadline = steady_s() + REQUEST_SECONDS_MAX
    received = b""
    while b"\r\n\r\n" not in received and b"\n\n" not in received:
        left = deadline - steady_s()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        part = connection.recv(4096)
        received += part
        if not part or len(received) > REQUEST_BYTES_MAX:
            break
    words = received.split(b"\n", 1)[0].decode("latin-1").split()
    if len(words) != 3 or not words[2].startswith("HTTP/1.") or not words[1].startswith("/"):
        return (words[0] if words else "", "")
    return words[0], words[1]


def _spare() -> int:
    try:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1


def _bytes(answer: Answer, *, head: bool) -> bytes:
    body = answer.body.encode()
    lines = (
        f"HTTP/1.1 {answer.status} {_REASONS[answer.status]}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode() + (b"" if head else body)
