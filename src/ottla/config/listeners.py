"""Listeners as the file names them: `NAME://host:port`, and which security protocol each name
speaks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

from ottla.config.refusal import ConfigException
from ottla.config.values import split_list
from ottla.config.whole_number import whole_number

SECURITY_PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MAP: Final = "listener.security.protocol.map"
_HOST_LETTERS: Final = frozenset(
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-%._:"
)


class Endpoint(NamedTuple):
    """One listener: its name, address and protocol. An empty host means every interface."""

    listener: str
    host: str
    port: int
    protocol: str

    @property
    def url(self) -> str:
        """As the file would write it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.listener}://{host}:{self.port}"


def listener_name(entry: str) -> str:
    """The name before the first colon, in capitals.

    Raises:
        ConfigException: there is no colon.
    """
    name, colon, _ = entry.partition(":")
    if not colon:
        raise ConfigException(f"Unable to parse a listener name from {entry}")
    return name.upper()


def parse_protocol_map(text: str) -> dict[str, str]:
    """Listener names to security protocols, of `listener.security.protocol.map`.

    Raises:
        ConfigException: an entry has no colon, or names an unknown protocol.
    """
    found: dict[str, str] = {}
    for entry in split_list(text):
        name, colon, protocol = entry.rpartition(":")
        if not colon:
            tail = f"no colon in {entry!r}"
            raise ConfigException(f"Error parsing configuration property '{MAP}': {tail}")
        protocol = protocol.strip().upper()
        if protocol not in SECURITY_PROTOCOLS:
            shown = entry.rpartition(":")[2].strip()
            raise ConfigException(f"Invalid security protocol `{shown}` defined in {MAP}")
        found[name.strip().upper()] = protocol
    return found


def effective_protocol_map(
    text: str, *, explicit: bool, listeners: Sequence[str], controller_listeners: Sequence[str]
) -> dict[str, str]:
    """The map in force: where the file sets none and no listener is secured, controllers speak
    PLAINTEXT.

    Raises:
        ConfigException: the map or a listener's name can't be parsed.
    """
    found = parse_protocol_map(text)
    if explicit:
        return found
    secured = {"SSL", "SASL_SSL", "SASL_PLAINTEXT"}
    if secured & {*controller_listeners, *map(listener_name, listeners)}:
        return found
    return found | {name.upper(): "PLAINTEXT" for name in controller_listeners}


def parse_listeners(
    entries: Sequence[str], protocols: Mapping[str, str], *, distinct_ports: bool
) -> tuple[Endpoint, ...]:
    """The endpoints of `listeners` or `advertised.listeners`.

    Raises:
        ConfigException: an entry can't be parsed, a name has no protocol, or names or ports come
        twice.
    """
    shown = ", ".join(entries)
    start = f"Error creating broker listeners from '[{shown}]'"
    found = []
    for entry in entries:
        parsed = _split(entry)
        if parsed is None:
            raise ConfigException(
                f"{start}: Unable to parse {entry} to a broker endpoint",
                "write NAME://host:port, such as PLAINTEXT://:9092; IPv6 as PLAINTEXT://[::1]:9092",
            )
        name, host, port = parsed
        if name not in protocols:
            text = f"{start}: No security protocol defined for listener {name}"
            raise ConfigException(text, _of_no_protocol(name))
        found.append(Endpoint(name, host, port, protocols[name]))
    if len({e.listener for e in found}) != len(found):
        text = f"{start}: Each listener must have a different name, listeners: [{shown}]"
        raise ConfigException(text)
    if distinct_ports:
        _distinct_ports(found, start, shown)
    return tuple(found)


def _of_no_protocol(name: str) -> str:
    """What to do: a listener that is called SSL is not meant to speak PLAINTEXT."""
    if name in SECURITY_PROTOCOLS[1:]:
        return (
            f"only PLAINTEXT listeners can be served today: take {name} out of listeners, or give "
            "that listener another name"
        )
    return f"add {name}:PLAINTEXT to {MAP}"


def _split(entry: str) -> tuple[str, str, int] | None:
    name, separator, address = entry.partition("://")
    host, colon, port = address.rpartition(":")
    if not separator or not colon:
        return None
    host = host.removeprefix("[").removesuffix("]")
    number = whole_number(port)
    if number is None or port.startswith("+") or not _HOST_LETTERS.issuperset(host):
        return None
    return name.upper(), host, number


def _distinct_ports(found: Collection[Endpoint], start: str, shown: str) -> None:
    """Two listeners share a port only if one is an IPv4 and the other an IPv6 address."""
    by_port: dict[int, list[str]] = {}
    for endpoint in found:
        if endpoint.port != 0:
            by_port.setdefault(endpoint.port, []).append(endpoint.host)
    for hosts in by_port.values():
        six = [":" in host for host in hosts]
        four = [_is_ipv4(host) for host in hosts]
        if len(hosts) == 1 or (len(hosts) == 2 and sum(six) == 1 and sum(four) == 1):
            continue
        text = f"{start}: Each listener must have a different port, listeners: [{shown}]"
        raise ConfigException(text)


def _is_ipv4(host: str) -> bool:
    parts = host.split(".")
    numbers = [whole_number(part) for part in parts]
    return len(parts) == 4 and all(n is not None and 0 <= n < 256 for n in numbers)
