"""The way to one address: a socket that never blocks, and the core's outbound machine behind it.

The machine (`ottla.wire.outbound`) frames requests, holds answers against them, keeps time-outs and
says when to dial again; here are the socket, the versions that the node speaks, and the errors in
words. Between both may be TLS (`transport.py`). Versions are settled by ApiVersions, asked once
whenever a connection opens: for each request the newest version that both sides know. If the node
wants to know who we are, that is told next (`sasl/authenticator.py`), and again before it forgets;
only then is the connection open.

It neither waits nor retries. `ready` and `tick` move it on, told by whoever waits (`Waiting`);
`request`, `wait_open` and `Answer.wait` are the short way for callers that have time to wait. A
connection that failed can be begun again; nothing that was asked before is asked again by itself.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ottla.client.connecting import dialing
from ottla.client.connecting.answer import Answer
from ottla.client.connecting.paces import Paces
from ottla.client.connecting.traffic import Traffic
from ottla.client.connecting.transport import HINT_TLS, Transport, transport
from ottla.client.connecting.waiting import Waiting
from ottla.client.errors import (
    ApiNotSupported,
    AuthenticationFailed,
    ConnectionFailed,
    TimedOut,
    TlsFailed,
    address_text,
    check,
)
from ottla.errors import OttlaError
from ottla.wire import api
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from ottla.wire.outbound import Outbound
from ottla.wire.schema import ProtocolError, decode, encode

if TYPE_CHECKING:
    from ottla.client.connecting.reach import Reach
    from ottla.client.connecting.sasl.authenticator import Authenticator

IN_FLIGHT_MAX = 5
RESPONSE_SIZE_BYTES_MAX = 1 << 30
REFUSED_BACKOFF_MS = 5000
"""How long a node that does not accept us, or that we do not accept, is left alone."""
PACES = Paces()
_SEND_BYTES_MAX = 1 << 18
_OPENING_BYTES_MAX = 1 << 20
"""What a node may send before it has accepted us."""
_HINT_SILENT = "it accepts connections: is it a Kafka listener, {}, and not paused?"
_HINT_NO_KAFKA = "is this the port of a Kafka listener, {}?"
_HINT_SASL = "does its listener want to know who asks (security.protocol=SASL_...)?"
_HINT_NAME = "the name server does not answer; an IP address needs none"
_HINT_TLS = "does its listener want TLS (security.protocol=SSL or SASL_SSL)?"


class Connection:
    """A socket, the machine behind it, and the versions that its node speaks.

    Args:
        timeout_ms: connect now, and wait that long for it; with None `begin` is the first to act.
        reach: whether by TLS, and as whom; in the clear and as anybody without it.
        paces: how long to try, and how soon again.
        on_lost: told of every failure, once.
        on_open: told when its versions are known.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        client_id: str,
        timeout_ms: int | None = None,
        waiting: Waiting | None = None,
        on_lost: Callable[[Connection], None] | None = None,
        on_open: Callable[[Connection], None] | None = None,
        reach: Reach | None = None,
        paces: Paces = PACES,
    ) -> None:
        """Raises what `wait_open` raises, if there is a time-out."""
        self.host, self.port = host, port
        self.waiting = waiting or Waiting()
        self.failure: OttlaError | None = None
        self.last_failure: OttlaError | None = None
        """The same, and kept while it is tried again."""
        self._on_lost = on_lost
        self._on_open = on_open
        self._outbound = Outbound(
            client_id,
            in_flight_max=IN_FLIGHT_MAX,
            response_size_bytes_max=RESPONSE_SIZE_BYTES_MAX,
            backoff_ms=paces.backoff_ms,
            backoff_ms_max=paces.backoff_ms_max,
        )
        self._reach = reach
        self._paces = paces
        self._failed = 0
        """How many tries in a row have failed."""
        self._socket: socket.socket | None = None
        self._transport: Transport | None = None
        self._authenticator = self._new_authenticator()
        self._held: list[tuple[Answer, Any, int, bool]] = []
        self._refused_until_ms = self._received_bytes = 0
        self._is_connected = self._is_open = self._is_used = False
        self._is_resolving = self._is_looked_up = False
        """Whether it waits for its name's addresses; whether a thread looks for them, which goes
        on when nobody waits any more.
        """
        self._addresses: list[dialing.Address] = []
        self.begun_at_ms: int | None = None
        """When it was begun last."""
        self._dial_until_ms = self._timeout_ms = 0
        self._answers: dict[int, Answer] = {}
        self.traffic = Traffic()
        self._asked: Answer | None = None
        self._apis: ApiVersionsResponse | None = None
        if timeout_ms is not None:
            self.begin(timeout_ms)
            self.wait_open()

    def __str__(self) -> str:
        return address_text(self.host, self.port)

    # ------------------------------------------------------------ a connection's life

    def begin(self, timeout_ms: int) -> None:
        """Start to connect, unless that was done; how it went is told by `open` or `failure`.

        The time holds for the connecting, all addresses and TLS together, and again for each
        question about versions and who we are.
        """
        if not self.closed:
            return
        self.failure = self._apis = self._asked = None
        timeout_ms = self._timeout_ms = self._paces.setup_within(timeout_ms, self._failed)
        now_ms = self.begun_at_ms = self.waiting.now_ms()
        self._dial_until_ms = now_ms + timeout_ms
        self._outbound.dial(now_ms, timeout_ms)
        try:
            addresses = dialing.at_hand(self.host, self.port)
        except OttlaError as error:
            self._end(error)
            return
        if addresses is not None:
            self._dial(addresses)
            return
        self._is_resolving = True
        self.waiting.add(self)
        self.waiting.share()
        if not self._is_looked_up:  # if it is, that comes to this too
            self._is_looked_up = True
            dialing.look_up(self.host, self.port, self._looked_up)

    @property
    def closed(self) -> bool:
        """Whether there is no connection, and none in the making."""
        return self._socket is None and not self._is_resolving

    @property
    def open(self) -> bool:
        """Whether requests can be sent: its versions are known, and it knows who we are."""
        return self._is_open

    @property
    def dial_at_ms(self) -> int:
        """From when on a closed connection may be begun again without pressing the node."""
        return max(self._outbound.dial_at_ms or 0, self._refused_until_ms)

    def wait_open(self) -> None:
        """Wait until it can be used.

        Raises:
            AuthenticationFailed: the node does not accept who we say to be.
            BadAddress: the name resolves to nothing.
            ConnectionFailed: refused, lost or closed.
            TlsFailed: one of both sides does not accept the other by TLS.
            TimedOut: no connection or no answer in time.
        """
        self.waiting.wait_for(lambda: self.open or self.closed)
        if not self.open:
            raise self.failure or self._is_closed()

    def let_go(self) -> None:
        """Close the socket without a word; whoever waited for an answer is not here."""
        self._answers.clear()
        self._held.clear()
        self._transport = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def close(self) -> None:
        """Close the socket. Calling it again does nothing."""
        if not self.closed:
            if self._transport is not None:
                self._transport.hang_up()
            on_lost, self._on_lost = self._on_lost, None
            self._end(self._is_closed())
            self._on_lost = on_lost

    # ------------------------------------------------------------ requests

    @property
    def api_versions(self) -> ApiVersionsResponse:
        """What the node said about its APIs and features when the connection opened."""
        assert self._apis is not None
        return self._apis

    def version_for(self, message_class: Any) -> int:
        """The newest version of a request that both sides know.

        Raises:
            ApiNotSupported: there is none.
        """
        key = message_class.api_key
        name = api.api(key).name
        for row in self.api_versions.api_keys:
            if row.api_key == key:
                low = max(row.min_version, message_class.min_version)
                high = min(row.max_version, message_class.max_version)
                if low > high:
                    raise ApiNotSupported(
                        f"{self} serves {name} {row.min_version} to {row.max_version}; "
                        f"this client knows {message_class.min_version} to "
                        f"{message_class.max_version}"
                    )
                return int(high)
        raise ApiNotSupported(f"{self} does not serve {name}")

    def send(
        self, message: Any, *, timeout_ms: int, version: int | None = None, answered: bool = True
    ) -> Answer:
        """Send one request and do not wait; up to five are on their way at once.

        One that is not answered (a Produce with acks=0) is done, empty, when it is with the socket.

        Raises:
            ApiNotSupported: no common version.
            ConnectionFailed: the connection is closed.
        """
        if self.closed:
            raise self._is_closed()
        if not self.open:
            self.wait_open()
        if version is None:
            version = self.version_for(type(message))
        self._authenticate()
        if self.closed:
            raise self.failure or self._is_closed()
        answer = Answer(self.waiting, message.api_key, version, timeout_ms)
        if self._authenticator is not None and self._authenticator.holds:
            self._held.append((answer, message, self.waiting.now_ms(), answered))
        else:
            self._put(answer, message, timeout_ms, answered)
        # Most requests fit into the socket's buffer: nobody has to wait for room.
        self.ready(readable=False, writable=True)
        return answer

    def request(self, message: Any, *, timeout_ms: int, version: int | None = None) -> Any:
        """Send one request and wait for its response.

        Raises:
            ApiNotSupported: no common version.
            ConnectionFailed: the connection broke; whether the request was done is unknown.
            TimedOut: no answer in time; the connection is closed.
        """
        return self.send(message, timeout_ms=timeout_ms, version=version).wait()

    # ------------------------------------------------------------ for whoever waits

    def fileno(self) -> int:
        """The descriptor to wait for; -1 while the name is being looked up."""
        return -1 if self._socket is None else self._socket.fileno()

    @property
    def wants_write(self) -> bool:
        """Whether to wait for room to write as well."""
        if self._transport is None:
            return True
        return self._transport.wants_write or bool(self._outbound.to_send(1))

    @property
    def deadline_ms(self) -> int | None:
        """When to call `tick` at the latest."""
        deadlines = [self._outbound.deadline_ms]
        if self._apis is not None and self._authenticator is not None:
            deadlines.append(self._authenticator.deadline_ms)
        return min((at for at in deadlines if at is not None), default=None)

    def ready(self, readable: bool, writable: bool) -> None:
        """The socket has something to read, or room to write."""
        try:
            if self._transport is None:
                if not writable or not self._dialed():
                    return
            elif readable:
                self._receive()
            self._connect_if_stands()
            if writable and self._transport is not None:
                self._flush()
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as error:
            reason = error.strerror or str(error)
            self._end(ConnectionFailed(self.host, self.port, reason, hint=self._hint_lost()))
        except OttlaError as error:
            self._end(error)
        self._settle()

    def tick(self) -> None:
        """The time went on."""
        self._outbound.time(self.waiting.now_ms())
        self._settle()

    # ------------------------------------------------------------ inside

    def _is_closed(self) -> ConnectionFailed:
        return ConnectionFailed(self.host, self.port, "the connection is closed")

    def _looked_up(self, outcome: list[dialing.Address] | OttlaError) -> None:
        """The name's thread has found it, or not. Not inside of the monitor."""
        with self.waiting:
            self._is_looked_up = False
            if not self._is_resolving:
                return
            if isinstance(outcome, OttlaError):
                self._end(outcome)
            else:
                self._is_resolving = False
                self._dial(outcome)
            self.waiting.look()
            self.waiting.wake()

    def _dial(self, addresses: list[dialing.Address]) -> None:
        self._addresses = addresses
        self._dial_next(OSError("no address"))

    def _dial_next(self, error: OSError) -> None:
        """Try the next of the name's addresses; the failure of the last one counts."""
        if self._socket is not None:
            self._socket.close()
            self._socket = self._transport = None
        while self._addresses:
            address = self._addresses.pop(0)
            now_ms = self.waiting.now_ms()
            # What time is left is shared: a hole behind the first must not eat the second's.
            left_ms = max(1, (self._dial_until_ms - now_ms) // (len(self._addresses) + 1))
            try:
                self._socket = dialing.begin(address, self._paces.fit)
            except OSError as failed:
                error = failed
            else:
                self.waiting.add(self)
                self._outbound.dial(now_ms, left_ms)
                return
        if isinstance(error, TimeoutError):
            self._end(TimedOut(f"{self}: no connection within {self._timeout_ms} ms"))
        else:
            self._end(dialing.failure(self.host, self.port, error))

    def _dialed(self) -> bool:
        assert self._socket is not None
        try:
            dialing.raise_outcome(self._socket)
        except OSError as error:
            self._dial_next(error)
            return False
        self._transport = transport(self._socket, self._reach, self.host, self.port)
        if not self._transport.stands:
            # Somebody is there: all that is left of the time is his.
            now_ms = self.waiting.now_ms()
            self._outbound.dial(now_ms, max(1, self._dial_until_ms - now_ms))
        return True

    def _connect_if_stands(self) -> None:
        """As soon as requests may be sent, the first one is ours."""
        if self._transport is None or not self._transport.stands or self._is_connected:
            return
        self._is_connected = True
        from ottla import __version__

        self._outbound.connected()
        self._received_bytes = 0
        question = ApiVersionsRequest(
            client_software_name="ottla", client_software_version=__version__
        )
        self._asked = self._ask(question, ApiVersionsRequest.max_version)

    def _ask(self, message: Any, version: int | None = None) -> Answer:
        """Send a request of our own."""
        if version is None:
            version = self.version_for(type(message))
        answer = Answer(self.waiting, message.api_key, version, self._timeout_ms)
        self._put(answer, message, self._timeout_ms)
        return answer

    def _put(self, answer: Answer, message: Any, timeout_ms: int, answered: bool = True) -> None:
        version = answer.version
        self.traffic.requests += 1
        ticket = self._outbound.request(
            message.api_key,
            version,
            encode(message, version),
            flexible=version >= api.api(message.api_key).first_flexible,
            answered=answered,
            now_ms=self.waiting.now_ms(),
            timeout_ms=timeout_ms,
        )
        self._answers[ticket] = answer
        self.waiting.changed()

    def _flush(self) -> None:
        assert self._transport is not None
        self._transport.flush()
        while piece := self._outbound.to_send(_SEND_BYTES_MAX):
            sent = self._transport.send(piece)
            self._outbound.sent(sent)
            self.traffic.outgoing_bytes += sent

    def _receive(self) -> None:
        receiving = self._transport
        assert receiving is not None
        count = receiving.receive(self._outbound, self._connect_if_stands)
        self._received_bytes += count
        self.traffic.incoming_bytes += count
        if not self._is_open and self._received_bytes > _OPENING_BYTES_MAX:
            raise ProtocolError(f"{self} sends too much for a node that has not accepted us yet")
        # What came before the end counts: it may say why it ends.
        self._settle()
        if self._transport is receiving:
            receiving.check()

    def _settle(self) -> None:
        """Hand on what ended, and hang up if the machine says so."""
        if (fault := self._outbound.fault) is not None:
            kind, text = fault.kind, fault.text
            if kind == "dial" and self._transport is not None:
                text = f"{self}: no TLS handshake within {self._timeout_ms} ms"
                self._end(TimedOut(text, hint=HINT_TLS))
            elif self._is_resolving:
                text = f"the name '{self.host}' was not looked up within {self._timeout_ms} ms"
                self._end(TimedOut(text, hint=_HINT_NAME))
            elif kind == "dial":
                self._outbound.lost(self.waiting.now_ms(), self.waiting.random())
                self._dial_next(TimeoutError(text))
            elif kind == "protocol":
                hint = self._hint(_HINT_NO_KAFKA) if "does not speak" in text else None
                self._end(ProtocolError(f"{self} {text}", hint=hint))
            else:
                self._end(ConnectionFailed(self.host, self.port, text))
            return
        self._hand_on(None)
        if self._asked is not None and self._asked.done:
            self._learn_versions()
        self._authenticate()

    def _authenticate(self) -> None:
        """Tell the node who we are, if it is time to; what was held meanwhile follows."""
        if self._apis is None:
            return
        if self._authenticator is not None:
            try:
                self._authenticator.turn(self.waiting.now_ms(), self._ask)
            except OttlaError as error:
                self._end(error)
                return
            if self._authenticator.holds:
                return
        was_open, self._is_open = self._is_open, True
        if not was_open:
            self.last_failure = None
            self._failed = 0
            if self._on_open is not None:
                self._on_open(self)
        held, self._held = self._held, []
        for answer, message, held_at_ms, answered in held:
            held_ms = self.waiting.now_ms() - held_at_ms
            self._put(answer, message, max(1, answer.timeout_ms - held_ms), answered)

    def _new_authenticator(self) -> Authenticator | None:
        if self._reach is None or self._reach.sasl is None:
            return None
        from ottla.client.connecting.sasl.authenticator import Authenticator

        return Authenticator(self._reach.sasl, peer=str(self), random=self.waiting.random)

    def _hint(self, hint: str) -> str:
        return hint.format("with TLS" if self._reach and self._reach.tls else "without TLS")

    def _hint_lost(self) -> str | None:
        """Who hangs up on the first question may want to be asked in another way."""
        if self._reach is not None and self._reach.security_protocol != "PLAINTEXT":
            return None
        if not self._is_connected or self._is_used:
            return None
        return _HINT_SASL if self._is_open else _HINT_TLS

    def _hand_on(self, failure: OttlaError | None) -> None:
        for completed in self._outbound.completed():
            answer = self._answers.pop(completed.ticket)
            if completed.body is not None:
                self.traffic.responses += 1
                self._is_used = self._is_used or self._is_open
                answer.settle(completed.body)
            elif completed.failure == "timed-out":
                text = f"{self} did not answer within {answer.timeout_ms} ms"
                # What never answered anything may be something else, or stopped.
                hint = None if self.open else self._hint(_HINT_SILENT)
                answer.settle(TimedOut(text, hint=hint))
            else:
                assert failure is not None
                answer.settle(failure)

    def _learn_versions(self) -> None:
        """ApiVersions was answered: the connection is open, or asks again as old nodes want it."""
        asked, self._asked = self._asked, None
        assert asked is not None
        try:
            body = bytes(asked.body())
            if body[:2] == struct.pack(">h", ErrorCode.UNSUPPORTED_VERSION) and asked.version > 0:
                # Answered in version 0 whatever was asked, so that old nodes can be talked to
                # (KIP-511).
                served = decode(ApiVersionsResponse, body, 0).api_keys
                known = [row.max_version for row in served if row.api_key == api.API_VERSIONS]
                version = min(known[0] if known else 0, asked.version - 1)
                self._asked = self._ask(ApiVersionsRequest(), max(0, version))
                return
            found = asked.response()
            check(found.error_code)
        except OttlaError as error:
            self._end(error)
        else:
            self._apis = found
            if self._authenticator is not None:
                self._authenticator.start(self.waiting.now_ms(), self._timeout_ms)

    def _end(self, failure: OttlaError) -> None:
        """Close the socket, and fail what has no answer; the machine says when to dial again."""
        if self._socket is not None:
            self._socket.close()
            self._socket = self._transport = None
        self._is_resolving = False
        self.waiting.remove(self)
        self._addresses.clear()
        self._outbound.lost(self.waiting.now_ms(), self.waiting.random())
        if isinstance(failure, AuthenticationFailed | TlsFailed):
            self._refused_until_ms = self.waiting.now_ms() + REFUSED_BACKOFF_MS
        asked, self._asked, self._apis = self._asked, None, None
        self._failed += not self._is_open
        self._is_connected = self._is_open = self._is_used = False
        held, self._held = self._held, []
        self._hand_on(failure)
        for answer, *_ in held:
            answer.settle(failure)
        # A connection that never opened failed as its last question did: late, if that was late.
        late = asked or (self._authenticator and self._authenticator.stop())
        self.failure = self.last_failure = (late and late.failure) or failure
        if self._on_lost is not None:
            self._on_lost(self)
