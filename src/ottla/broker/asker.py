"""Who asks the group coordinator, in the words that Apache Kafka keeps of a member."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ottla.coordinators.group.coordinator import Asker

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def asker(context: Context, asked: Asked[Any]) -> Asker:
    """The member's side of a request."""
    host = "/" + _as_java_writes(asked.peer_host)
    return Asker(asked.version, asked.client_id or "", host)


def answer(context: Context, asked: Asked[Any]) -> Callable[[Any], None]:
    """What sends the coordinator's response."""
    token = asked.token

    def send(response: Any) -> None:
        context.reply(token, response)

    return send


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
