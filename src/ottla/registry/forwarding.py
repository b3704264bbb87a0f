"""A write that came to an instance which follows, sent on to the one that leads.

It is a request of HTTP/1.1 by the standard library, blocking, for whoever has a thread to spare;
connections to the leader are kept for a moment and used again. It knows nothing of schemas: what
the leader answers is handed back as it came. What stays true:

- What was forwarded once is not forwarded again: it carries `X-Forward`, as between Confluent's
  instances, and `forward` refuses what carries it. So requests never go in circles, whatever two
  instances believe of each other.
- A forward ends within its time, and its answer has a bounded size, whatever the leader does (only
  the system's look-up of a host's name has times of its own).
- Nothing is sent twice. A leader that has hung up may have done the work, so that is a failure; a
  connection that it closed while it was idle is found out before it is used.
"""

from __future__ import annotations

import http.client
import io
import select
import socket
import ssl
import threading
from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ottla.errors import OttlaError
from ottla.registry.refusals import FORWARDING_FAILED, UNKNOWN_LEADER
from ottla.steady import steady_ms

FORWARD = "X-Forward"
BODY_BYTES_MAX = 16 * 1024 * 1024
"""A longer answer is none of a registry's."""
IDLE_MS_MAX = 3_000
"""A connection that nobody used for so long is not used again: a server soon closes it."""
IDLE_CONNECTIONS_MAX = 8
CHUNK_BYTES = 65_536

HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
"""RFC 9110, 7.6.1: of one connection, not of the message."""
OF_A_REQUEST = HOP_BY_HOP | {"accept-encoding", "content-length", "expect", "host", "x-forward"}
"""Headers of a request that are ours to write, or not to."""
OF_AN_ANSWER = HOP_BY_HOP | {"content-length", "date", "server"}

Headers = Iterable[tuple[str, str]]


class ForwardingFailed(OttlaError):
    """The leader did not answer, or not as one does.

    Attributes:
        error_code: what a registry answers then, with status 500.
    """

    error_code = FORWARDING_FAILED


class UnknownLeader(ForwardingFailed):
    """There is nobody to forward to."""

    error_code = UNKNOWN_LEADER


class Forwarded(NamedTuple):
    """What the leader has answered."""

    status: int
    headers: tuple[tuple[str, str], ...]
    """Without those of the connection; the body's length is for whoever sends it on to say."""
    body: bytes


def is_forwarded(headers: Headers) -> bool:
    """Whether another instance has sent this, because it takes us for the leader."""
    return any(
        name.lower() == "x-forward" and value.strip().lower() != "false" for name, value in headers
    )


class Forwarder:
    """Connections to the leader. Any thread may use it; each forward waits in its own.

    Args:
        tls: how a leader at https is known; by the system's authorities without it.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._lock = threading.Lock()
        self._leader_url = ""
        self._idle: list[_Connection] = []
        self._closed = False

    def forward(
        self,
        leader_url: str | None,
        method: str,
        raw_path_with_query: str,
        headers: Headers,
        body: bytes,
        timeout_ms: int,
    ) -> Forwarded:
        """Ask the leader the same, credentials included, and hand back what it answers.

        Raises:
            UnknownLeader: `leader_url` is None, or whoever sent this takes us for the leader.
            ForwardingFailed: it could not be asked, or did not answer, in that time.
        """
        headers = list(headers)
        if is_forwarded(headers):
            raise UnknownLeader(
                "another instance takes this one for the leader, which it is not (any more)",
                hint="try again: the instances are about to agree on a leader",
            )
        if leader_url is None:
            raise UnknownLeader(
                "no instance of the registry leads right now",
                hint="try again; if it stays so, look at the log of the registry's instances",
            )
        until_ms = steady_ms() + timeout_ms
        connection: _Connection | None = None
        try:
            if not raw_path_with_query.startswith("/"):
                raise ValueError(f"the path {raw_path_with_query[:60]!r} does not begin with /")
            connection = self._taken(leader_url) or _Connection(leader_url, self._context)
            found = connection.ask(method, raw_path_with_query, sent_on(headers), body, until_ms)
        except (OSError, http.client.HTTPException, ValueError) as error:
            if connection is not None:
                connection.close()
            late = isinstance(error, TimeoutError)
            why = "it has not answered in time" if late else str(error) or repr(error)
            raise ForwardingFailed(
                f"the leader at {leader_url} could not be asked: {why}", hint=_hint(error)
            ) from error
        self._put_back(connection)
        return found

    def close(self) -> None:
        """Close what is idle; what is under way comes to its end."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls

    def _taken(self, leader_url: str) -> _Connection | None:
        """An idle connection that is still good, if there is one; the others are closed."""
        useless: list[_Connection] = []
        found: _Connection | None = None
        with self._lock:
            if leader_url != self._leader_url:  # nobody asks the leader of before any more
                useless, self._idle = self._idle, []
                self._leader_url = leader_url
            while self._idle and found is None:
                latest = self._idle.pop()
                if latest.is_good:
                    found = latest
                else:
                    useless.append(latest)
        for connection in useless:
            connection.close()
        return found

    def _put_back(self, connection: _Connection) -> None:
        with self._lock:
            keeps = connection.is_open and connection.url == self._leader_url
            if keeps and not self._closed and len(self._idle) < IDLE_CONNECTIONS_MAX:
                self._idle.append(connection)
                return
        connection.close()


def _hint(error: Exception) -> str:
    """What to look at, where a leader could not be asked."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            "give each instance the CA of the others' certificates (--tls-ca FILE; "
            "Options.tls_ca), and each certificate the name that its instance is reached by"
        )
    return (
        "look whether it is reached from here at that address, which is what it calls itself "
        "(--advertise; Options.advertised_host, advertised_port)"
    )


def sent_on(headers: Headers) -> list[tuple[str, str]]:
    """Of a request's headers those that are for the leader too, and that it is forwarded."""
    return [*_end_to_end(headers, OF_A_REQUEST), (FORWARD, "true")]


def _end_to_end(headers: Headers, without: frozenset[str]) -> list[tuple[str, str]]:
    headers = list(headers)
    named = {
        word.strip().lower()
        for name, value in headers
        if name.lower() == "connection"
        for word in value.split(",")
    }
    return [one for one in headers if one[0].lower() not in without | named]


class _Connection:
    """One connection to an instance, for one request after the other.

    Raises:
        ValueError: that is no URL of an instance.
    """

    def __init__(self, url: str, context: Any) -> None:
        self.url = url
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no URL of a registry")
        self._host, self._port = parts.hostname, parts.port
        self._tls: ssl.SSLContext | None = context() if parts.scheme == "https" else None
        default_port = 80 if self._tls is None else 443
        self._http = http.client.HTTPConnection(self._host, self._port or default_port)
        self._socket: _Bounded | None = None
        self._used_at_ms = 0

    @property
    def is_open(self) -> bool:
        """Whether it can be used again."""
        return self._http.sock is not None

    @property
    def is_good(self) -> bool:
        """Whether it can be used now: an idle one that has something to read was closed."""
        if self._socket is None or steady_ms() - self._used_at_ms > IDLE_MS_MAX:
            return False
        poll = select.poll()
        poll.register(self._socket.fileno(), select.POLLIN)
        return not poll.poll(0)

    def ask(
        self, method: str, target: str, headers: Headers, body: bytes, until_ms: int
    ) -> Forwarded:
        """Send a request and read its whole answer.

        Raises:
            OSError, http.client.HTTPException, ValueError: it could not be sent, or was not
                answered so.
        """
        if self._socket is None:
            self._socket = self._opened(until_ms)
            self._http.sock = self._socket
        self._socket.until_ms = until_ms
        self._http.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers:
            self._http.putheader(name, value)
        self._http.putheader("Content-Length", str(len(body)))
        self._http.endheaders(body)
        response = self._http.getresponse()
        found = bytearray()
        while chunk := response.read1(CHUNK_BYTES):
            found += chunk
            if len(found) > BODY_BYTES_MAX:
                raise ValueError(f"its answer is longer than {BODY_BYTES_MAX} bytes")
        if response.length:  # `read1` does not mind a body that ends too early
            raise http.client.IncompleteRead(bytes(found), response.length)
        response.close()  # else the next request would be one before this answer's end
        headers = _end_to_end(response.getheaders(), OF_AN_ANSWER)
        self._used_at_ms = steady_ms()
        return Forwarded(response.status, tuple(headers), bytes(found))

    def _opened(self, until_ms: int) -> _Bounded:
        address = (self._host, self._http.port)
        plain = socket.create_connection(address, left_s(until_ms))
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is None:
                return _Bounded(plain)
            plain.settimeout(left_s(until_ms))
            return _Bounded(self._tls.wrap_socket(plain, server_hostname=self._host))
        except BaseException:
            plain.close()
            raise

    def close(self) -> None:
        """Hang up."""
        self._http.close()
        if self._socket is not None:
            self._socket.hang_up()


class _Bounded:
    """A socket as `http.client` uses one, whose every wait ends at one time."""

    def __init__(self, inner: socket.socket) -> None:
        self._inner = inner
        self.until_ms = 0

    def fileno(self) -> int:
        """Its descriptor."""
        return self._inner.fileno()

    def sendall(self, data: bytes) -> None:
        """Send it in the time that is left."""
        self._inner.settimeout(left_s(self.until_ms))
        self._inner.sendall(data)

    def recv_into(self, buffer: Any) -> int:
        """Receive in the time that is left."""
        self._inner.settimeout(left_s(self.until_ms))
        return self._inner.recv_into(buffer)

    def makefile(self, mode: str) -> io.BufferedReader:
        """What a response is read from."""
        return io.BufferedReader(_Reader(self))

    def close(self) -> None:
        """Not yet: `http.client` says so of a last response before that was read."""

    def hang_up(self) -> None:
        """Close it."""
        self._inner.close()


class _Reader(io.RawIOBase):
    """What `http.client` closes with a response; the socket stays open."""

    def __init__(self, bounded: _Bounded) -> None:
        self._bounded = bounded

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what there is, waiting as long as may be."""
        return self._bounded.recv_into(buffer)


def left_s(until_ms: int) -> float:
    """How many seconds are left.

    Raises:
        TimeoutError: none.
    """
    left_ms = until_ms - steady_ms()
    if left_ms <= 0:
        raise TimeoutError("the time is over")
    return left_ms / 1000
