"""Who asks a decider, in the words that Apache Kafka keeps of a group's member."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ottla.decide import Ask

if TYPE_CHECKING:
    from ottla.broker.asked import Asked


def as_ask(asked: Asked[Any], body: Any = None, finish: Callable[[Any], Any] | None = None) -> Ask:
    """The request as a decider sees it: with another body, if one is given, and with what its
    response becomes before it is sent.
    """
    return Ask(
        asked.token,
        asked.body if body is None else body,
        asked.version,
        str(asked.principal),
        asked.client_id or "",
        "/" + _as_java_writes(asked.client_host),
        finish,
        connection=asked.connection_id,
    )


def _as_java_writes(host: str) -> str:
    """An address as Java's InetAddress writes it: IPv6 in eight groups without zero padding."""
    if ":" not in host:
        return host
    address, _, zone = host.partition("%")
    if "." in address:
        # An IPv4 address in IPv6 clothes; Java takes it for what it is.
        return address.rpartition(":")[2]
    head, gap, tail = address.partition("::")
    groups = head.split(":") if head else []
    if gap:
        rest = tail.split(":") if tail else []
        groups += ["0"] * (8 - len(groups) - len(rest)) + rest
    text = ":".join(f"{int(group, 16):x}" for group in groups)
    return f"{text}%{zone}" if zone else text
