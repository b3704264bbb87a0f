"""Where requests come in and replies go out: decodes, finds the handler, encodes, by token.

A request that can't be decoded ends its connection, as in Apache Kafka; so does a handler that
fails before anything was applied, or whatever makes the answer when all is decided, and the log
says why. A `BrokenInvariant` (whatever was raised after a decision began to be applied, a second
answer to one request) is nobody's connection's: it passes through here and ends the node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ottla.broker.asked import Asked
from ottla.errors import BrokenInvariant
from ottla.security.principal import Principal
from ottla.wire import api as wire_api
from ottla.wire.clip import encode_reply
from ottla.wire.error_counts import error_counts
from ottla.wire.schema import ProtocolError, decode_prefix

if TYPE_CHECKING:
    from collections.abc import Callable

    from ottla._core import Node as Core
    from ottla._core import Request
    from ottla.broker.context import Context
    from ottla.broker.router import Router
    from ottla.node.logs import Logs

REQUEST_OBJECT_BYTES_MAX = 32 * 1024 * 1024
"""What a request may take in memory once it is decoded: the offsets of 100,000 partitions in one
commit stay below it, and bytes that pretend to be millions of small structs do not.
"""


class Desk:
    """Takes requests to their handlers and replies back to the core; `ottla.driver.Desk` is what
    deciders see of it.
    """

    __slots__ = (
        "_controller_listeners",
        "_core",
        "_given_up",
        "_internal",
        "_logs",
        "_next_internal",
        "_router",
        "_versions",
    )

    def __init__(
        self, core: Core, router: Router, logs: Logs, controller_listeners: frozenset[str]
    ) -> None:
        self._core = core
        self._controller_listeners = controller_listeners
        self._router = router
        self._logs = logs
        self._versions: dict[int, int] = {}
        self._internal: dict[int, Callable[[Any], None]] = {}
        self._next_internal = -1
        self._given_up: set[int] = set()
        """Requests whose handler failed: what it had asked for may still be answered, and only
        that takes them out.
        """

    def take(self, request: Request, context: Context) -> None:
        """Decode one request and let its handler answer in this context, now or later."""
        key, version = request.api_key, request.api_version
        try:
            # As Apache Kafka does, a request is served even if bytes follow its end.
            body = (
                None
                if _unknown(key, version)
                else decode_prefix(
                    wire_api.request_class(key),
                    request.body,
                    version,
                    object_bytes_max=REQUEST_OBJECT_BYTES_MAX,
                )[0]
            )
        except ProtocolError as problem:
            self._logs.warn(f"hung up on {_peer(request)}: {problem}")
            self._core.hang_up(request.token)
            return
        except Exception as problem:  # such as no descriptor to load the message with
            self._give_up(request.token, f"the decoding of {_peer(request)}, api {key}", problem)
            return
        if request.fault:
            self._answer_with(request, body)
            return
        asked = Asked(
            request.token,
            key,
            version,
            request.client_id,
            body,
            request.listener,
            request.local_host,
            request.local_port,
            request.peer_host,
            request.connection_id,
            Principal.parse(request.principal),
            request.listener in self._controller_listeners,
            request.peer_port,
        )
        self._versions[request.token] = 0 if body is None else version
        if self._logs.shows("TRACE"):
            name = wire_api.api(key).name
            self._logs.trace(f"{name} v{version} of {_peer(request)}", client=request.client_id)
        try:
            response = self._router.handler(key)(context, asked)
        except BrokenInvariant:
            raise
        except Exception as problem:
            if self._versions.pop(request.token, None) is not None:
                self._given_up.add(request.token)
            what = f"the handler of {_peer(request)}, api {key} v{version}"
            self._give_up(request.token, what, problem)
            return
        if response is not None:
            self.reply(request.token, response)

    def _answer_with(self, request: Request, body: Any) -> None:
        """A test wants this request to be answered with an error, and not to be handled."""
        from ottla.wire.error_answer import error_answer

        response = None if body is None else error_answer(body, request.api_version, request.fault)
        if response is None:
            self._logs.warn(f"hung up on {_peer(request)}: its answer has no place for an error")
            self._core.hang_up(request.token)
            return
        self._versions[request.token] = request.api_version
        self.reply(request.token, response)

    def respond(self, token: int, what: Callable[[], str], make: Callable[[], Any]) -> None:
        """Make the response that a request has waited for, and send it, if it is one; a fault in
        that ends the connection, and the log says what failed. Nobody else answers it then.
        """
        try:
            response = make()
        except BrokenInvariant:
            raise
        except Exception as problem:
            self._versions.pop(token, None)
            self._give_up(token, what(), problem)
            return
        if response is not None:
            self.reply(token, response)

    def connected(self, connection: int) -> bool:
        """Whether a connection is still there."""
        return connection in self._core.connections()

    def internal(self, then: Callable[[Any], None]) -> int:
        """A token for a request of this node's own; `then` gets its response, and a fault in it is
        the node's: what a client's request waits for goes through `respond`.
        """
        token = self._next_internal
        self._next_internal -= 1
        self._internal[token] = then
        return token

    def reply(self, token: int, response: Any, *, stays: bool = False) -> None:
        """Send the response to whoever asked with this token; one that `stays` true the core also
        gives to whoever asks the same, until the cluster is another.

        A throttle in it is no wish: the core reads nothing from that connection until it is over,
        whatever its client makes of the number (KIP-219). So it is no reply for anybody else.
        """
        if token < 0:
            self._internal.pop(token)(response)
            return
        version = self._versions.pop(token, None)
        if version is None:
            if token not in self._given_up:
                raise BrokenInvariant(f"request {token} was answered twice: {response!r:.200}")
            self._given_up.remove(token)
            return
        try:
            body = encode_reply(response, version)
        except Exception as problem:
            self._give_up(token, f"{type(response).__name__} v{version}", problem)
            return
        throttle_ms = getattr(response, "throttle_time_ms", 0)
        counts = error_counts(response)
        self._core.reply(
            token,
            body,
            throttle_ms,
            stays=stays and not throttle_ms,
            errors=None if counts is None else list(counts.items()),
        )

    def _give_up(self, token: int, what: str, problem: Exception) -> None:
        """A fault of ours: say all that is known of it, and end that one connection."""
        self._logs.failure(f"{what} failed; its connection is closed", problem)
        self._core.hang_up(token)


def _unknown(key: int, version: int) -> bool:
    """Only ApiVersions is asked in versions that we don't know: its answer says which ones we
    do.
    """
    return key == wire_api.API_VERSIONS and version > wire_api.request_class(key).max_version


def _peer(request: Request) -> str:
    return f"{request.peer_host}:{request.peer_port} on {request.listener}"
