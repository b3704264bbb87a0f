"""`/metrics`, `/livez` and `/readyz` over HTTP, for whoever watches a server. Off where a node is
embedded.

A small server of its own, because Python's brings what a node's start would have to wait for. It
answers GET and HEAD of three paths, one request a connection, on threads of its own: what it asks
of the node must be safe from any thread. A client that sends nothing is hung up on after
`REQUEST_SECONDS_MAX`.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple

from ottla.errors import OttlaError

REQUEST_SECONDS_MAX: Final = 5.0
REQUEST_BYTES_MAX: Final = 16 * 1024
CONNECTIONS_MAX: Final = 16

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
        self._places = threading.BoundedSemaphore(CONNECTIONS_MAX)
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
            listening.listen(CONNECTIONS_MAX)
        except OSError as problem:
            listening.close()
            text = f"ottla.http.listen={host}:{port} can't be listened on: {problem.strerror}"
            hint = "choose another port, or leave the line out to have no HTTP"
            raise HttpError(text, hint=hint) from problem
        self.port = listening.getsockname()[1]
        self._socket = listening
        threading.Thread(
            target=self._accept, args=(listening,), name="ottla-http", daemon=True
        ).start()

    def close(self) -> None:
        """Stop listening. Calling it again does nothing."""
        listening, self._socket = self._socket, None
        if listening is not None:
            with suppress(OSError):  # nobody ever connected, or the close alone wakes accept
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()

    def _accept(self, listening: socket.socket) -> None:
        while self._socket is listening:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            if not self._places.acquire(blocking=False):
                connection.close()
                continue
            threading.Thread(
                target=self._serve, args=(connection,), name="ottla-http-request", daemon=True
            ).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(REQUEST_SECONDS_MAX)
            method, path = _request_line(connection)
            connection.sendall(_bytes(self._answer(method, path), head=method == "HEAD"))
        except OSError:
            pass  # the client went away, or said nothing: nobody is left to tell
        finally:
            connection.close()
            self._places.release()

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
            from ottla.metrics import CONTENT_TYPE

            return Answer(200, self._watched.metrics(), CONTENT_TYPE)
        if path in ("/livez", "/readyz"):
            problem = self._watched.live() or (self._watched.ready() if path == "/readyz" else "")
            return Answer(503, f"{problem}\n") if problem else Answer(200, "ok\n")
        return Answer(404, "there are /metrics, /livez and /readyz\n")


def _request_line(connection: socket.socket) -> tuple[str, str]:
    """Method and path of the request; an empty path where it is none. Headers are read and left."""
    received = b""
    while b"\r\n\r\n" not in received and b"\n\n" not in received:
        part = connection.recv(4096)
        received += part
        if not part or len(received) > REQUEST_BYTES_MAX:
            break
    words = received.split(b"\n", 1)[0].decode("latin-1").split()
    if len(words) != 3 or not words[2].startswith("HTTP/1.") or not words[1].startswith("/"):
        return (words[0] if words else "", "")
    return words[0], words[1]


def _bytes(answer: Answer, *, head: bool) -> bytes:
    body = answer.body.encode()
    lines = (
        f"HTTP/1.1 {answer.status} {_REASONS[answer.status]}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode() + (b"" if head else body)
