"""What lies between a connection's socket and its machine: nothing, or TLS.

Both kinds say whether they `stand` (requests may be sent), take bytes to send and give the machine
those that came, without waiting: what can't go on raises `BlockingIOError`. `receive` may give it
nothing though something arrived, and `wants_write` may be true though nothing was sent: the
handshake, a new key and an alert are TLS's own. Nothing decrypted is ever kept back here, so a
readable socket is the only sign to wait for.

A peer's failure at TLS that will not pass by itself is a `TlsFailed`; one that may is like any
other lost connection.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from ottla.client.errors import ConnectionFailed, TlsFailed, address_text

if TYPE_CHECKING:
    from ottla.client.connecting.reach import Reach
    from ottla.wire.outbound import Outbound
    from ottla.wire.tls import Tls, TlsFault

RECEIVE_BYTES = SEND_BYTES_MAX = 1 << 18
HINT_TLS = "is this the port of a listener with TLS (SSL or SASL_SSL)?"
HINT_WANTS_TLS = "set security.protocol to SSL or SASL_SSL, as the node's listener has it"
_ALERT = b"\x15\x03"
"""How TLS begins to tell that it gives up; as a size it would be 336 MiB of a first answer."""

_HINTS = {
    "expired": "the node needs a new certificate (or this machine's clock is wrong)",
    "not-yet-valid": "this machine's clock may be wrong",
    "unknown-issuer": "name the CA's certificate: ssl.truststore.location with "
    "ssl.truststore.type=PEM, or ssl.ca.location",
    "wrong-name": "connect to a name that the certificate has, or set "
    "ssl.endpoint.identification.algorithm to nothing",
    "certificate": "the node needs another certificate: X.509 version 3, and a key of at least "
    "2048 bits if it is RSA",
    "client-certificate": "give one that the node trusts: ssl.keystore.location with "
    "ssl.keystore.type=PEM, or ssl.certificate.location and ssl.key.location",
    "incompatible": "compare ssl.enabled.protocols and ssl.cipher.suites with the node's",
    "no-tls": HINT_TLS,
}
_PASSING = ("alert", "protocol")


class Transport(Protocol):
    """What a connection sees of both kinds."""

    @property
    def stands(self) -> bool:
        """Whether the machine may be told that it is connected."""

    @property
    def wants_write(self) -> bool:
        """Whether something waits for room that the machine does not know of."""

    def flush(self) -> None:
        """Write that. Raises BlockingIOError when there is no room, and other OSErrors."""

    def send(self, data: bytes) -> int:
        """Take some of it or all, and say how much. Raises as `flush`."""

    def receive(self, machine: Outbound, stood: Callable[[], None]) -> int:
        """Give the machine what came, and say how many bytes that was, perhaps none. Before that
        `stood` is called, so that it knows whether it is connected. Raises BlockingIOError, and
        what `check` raises.
        """

    def check(self) -> None:
        """After what `receive` gave was used: raise what came behind it, if it is the end.

        Raises:
            OSError: the peer closed the connection.
            OttlaError: it failed at TLS.
        """

    def hang_up(self) -> None:
        """Tell the peer, if there is room, that the socket will be closed."""


def transport(connected: socket.socket, reach: Reach | None, host: str, port: int) -> Transport:
    """The kind that is asked for, over a socket that is connected.

    Raises:
        OttlaError: TLS can't be made of the settings or the name.
    """
    if reach is None or reach.tls is None:
        return Plain(connected, host, port)
    from ottla.wire.tls import session

    # A name may be written with its root's dot; certificates are not.
    return Encrypted(connected, session(reach.tls.config, host.rstrip(".") or host), host, port)


class Plain:
    """The socket itself."""

    stands = True
    wants_write = False

    def __init__(self, connected: socket.socket, host: str, port: int) -> None:
        self._socket = connected
        self._host, self._port = host, port
        self._heard = False

    def flush(self) -> None:
        """There is nothing of its own."""

    def send(self, data: bytes) -> int:
        """As much as the socket takes."""
        return self._socket.send(data)

    def receive(self, machine: Outbound, stood: Callable[[], None]) -> int:
        """What the socket has.

        Raises:
            OSError: it has nothing by now, or was closed.
            TlsFailed: the peer speaks TLS.
        """
        stood()
        if not self._heard:
            first = self._socket.recv(len(_ALERT), socket.MSG_PEEK)
            if first and first == _ALERT[: len(first)]:
                text = f"{address_text(self._host, self._port)} speaks TLS, and was asked without"
                raise TlsFailed("wants-tls", text, hint=HINT_WANTS_TLS)
            self._heard = True
        count = machine.receive(self._socket.fileno(), RECEIVE_BYTES)
        if not count:
            raise closed()
        return count

    def check(self) -> None:
        """Said by `receive` already."""

    def hang_up(self) -> None:
        """Closing says it."""


class Encrypted:
    """A socket with TLS on it."""

    def __init__(self, connected: socket.socket, tls: Tls, host: str, port: int) -> None:
        self._socket = connected
        self._tls = tls
        self._host, self._port = host, port
        self._is_at_end = False

    @property
    def stands(self) -> bool:
        """Whether the peer is who it should be."""
        return not self._tls.is_handshaking

    @property
    def wants_write(self) -> bool:
        """Whether bytes of TLS wait for room."""
        return bool(self._tls.to_send(1))

    def flush(self) -> None:
        """Put on the wire what TLS has for it.

        Raises:
            OSError: there is no room, or nobody.
            TlsFailed: nobody, since the peer gave up, and said why.
        """
        while data := self._tls.to_send(SEND_BYTES_MAX):
            try:
                self._tls.sent(self._socket.send(data))
            except (BrokenPipeError, ConnectionError):
                self._hear_why()
                raise

    def send(self, data: bytes) -> int:
        """All of it, once what was taken before is on the wire; raises as `flush` until then."""
        self.flush()
        self._tls.write(data)
        with contextlib.suppress(BlockingIOError):
            self.flush()
        return len(data)

    def receive(self, machine: Outbound, stood: Callable[[], None]) -> int:
        """What came, decrypted."""
        try:
            data = self._socket.recv(RECEIVE_BYTES)
        except ConnectionError:
            if not self.stands:
                raise self._cut_short() from None
            raise
        self._is_at_end = not data
        plain = self._tls.received(data)
        stood()
        machine.received(plain)
        return len(plain)

    def check(self) -> None:
        """Raise why nothing more will come.

        Raises:
            OSError: the peer hung up.
            OttlaError: it failed at TLS, or hung up before the handshake was done.
        """
        if (fault := self._tls.fault) is not None:
            # The alert that says so to the peer; whether it arrives is its own loss.
            with contextlib.suppress(OSError, TlsFailed):
                self.flush()
            raise self._in_words(fault)
        if self._is_at_end or self._tls.is_closed:
            raise closed() if self.stands else self._cut_short()

    def hang_up(self) -> None:
        """Say by TLS too that nothing more comes, so that nobody takes it for an attack."""
        if self.stands:
            self._tls.hang_up()
        with contextlib.suppress(OSError, TlsFailed):
            self.flush()

    def _hear_why(self) -> None:
        """The peer takes nothing more: what it said last may say why."""
        with contextlib.suppress(OSError):
            while self._tls.fault is None and (data := self._socket.recv(SEND_BYTES_MAX)):
                self._tls.received(data)
        if (fault := self._tls.fault) is not None:
            raise self._in_words(fault)

    def _in_words(self, fault: TlsFault) -> ConnectionFailed | TlsFailed:
        if fault.kind in _PASSING:
            return ConnectionFailed(self._host, self._port, f"TLS failed: {fault.text}")
        text = f"{address_text(self._host, self._port)}: TLS failed: {fault.text}"
        return TlsFailed(fault.kind, text, hint=_HINTS.get(fault.kind))

    def _cut_short(self) -> ConnectionFailed:
        reason = "the other side closed the connection in the TLS handshake"
        return ConnectionFailed(self._host, self._port, reason, hint=HINT_TLS)


def closed() -> ConnectionResetError:
    """The peer hung up."""
    return ConnectionResetError(104, "the other side closed the connection")
