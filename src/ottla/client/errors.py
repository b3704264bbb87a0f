"""What can go wrong when one talks to a Kafka node.

Four kinds, which callers treat differently: our side (an address or a setting that means nothing),
the way between (refused, lost, too slow), a node that is not whom we trust or does not trust us
(which no retry mends), and the node's own answer (`BrokerError`, with Kafka's error code).
"""

from __future__ import annotations

from ottla.errors import OttlaError
from ottla.wire.errors import ErrorCode


class BadAddress(OttlaError):
    """A bootstrap address that can't be understood, or a name that resolves to nothing."""


class Closed(OttlaError):
    """A client, producer, consumer or member that was closed is used."""

    def __init__(self, text: str, *, hint: str | None = None) -> None:
        usual = "close(), or the end of its `with` or of the program, has ended it: make another"
        super().__init__(text, hint=hint or usual)


class BadSetting(OttlaError):
    """A setting that means nothing, is not known, or contradicts another; `key` is its name."""

    def __init__(self, key: str, text: str, *, hint: str | None = None) -> None:
        self.key = key
        super().__init__(text, hint=hint)


class TlsFailed(OttlaError):
    """One of both sides does not accept the other by TLS; trying again changes nothing.

    `kind` is the core's (`_core.TlsFault`), or "wants-tls" of a node that was asked without.
    """

    def __init__(self, kind: str, text: str, *, hint: str | None = None) -> None:
        self.kind = kind
        super().__init__(text, hint=hint)


class AuthenticationFailed(OttlaError):
    """The node does not accept by SASL who we say to be, or does not prove to know us."""


class ConnectionFailed(OttlaError):
    """Nobody answered at an address, or the connection broke."""

    def __init__(self, host: str, port: int, reason: str, *, hint: str | None = None) -> None:
        self.host, self.port, self.reason = host, port, reason
        super().__init__(f"{address_text(host, port)}: {reason}", hint=hint)


class Unreachable(OttlaError):
    """No node of the cluster could be reached in the time that the caller gave."""


class TimedOut(OttlaError):
    """No answer, or no success, within the time that the caller gave."""


class ApiNotSupported(OttlaError):
    """The node serves no version of the API that this client knows."""


class BrokerError(OttlaError):
    """The node's answer is an error; `code` is Kafka's, a number with a `name`.

    Without a hint it has that of its code, if there is one.
    """

    def __init__(self, code: int, text: str | None = None, *, hint: str | None = None) -> None:
        self.code = ErrorCode(code)
        if hint is None:
            from ottla.client.hints import HINTS

            hint = HINTS.get(self.code)
        super().__init__(text or self.code.text, hint=hint)

    @property
    def retriable(self) -> bool:
        """Whether the same request may succeed a little later."""
        return self.code.retriable


def address_text(host: str, port: int) -> str:
    """`host:port`, with the brackets that IPv6 needs."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def check(code: int, text: str | None = None) -> None:
    """Raise what an error code in a reply means; nothing for 0.

    Raises:
        BrokerError: the code is not 0.
    """
    if code:
        raise BrokerError(code, text)
