"""What limits connections: in all, of each listener, of each address, and how fast they may come.

A listener's own keys are written with its name before them,
`listener.name.plaintext.max.connections`, and hold beside the node's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from ottla.config.refusal import ConfigException
from ottla.config.whole_number import whole_number

if TYPE_CHECKING:
    from ottla.config.broker import BrokerConfig

COUNT: Final = "max.connections"
RATE: Final = "max.connection.creation.rate"
PER_IP: Final = "max.connections.per.ip"
OVERRIDES: Final = "max.connections.per.ip.overrides"
OF_LISTENERS: Final = (COUNT, RATE)
"""Keys that a listener may have for itself."""
KEYS: Final = (COUNT, RATE, PER_IP, OVERRIDES)

INT_MAX: Final = (1 << 31) - 1
_PREFIX: Final = "listener.name."


class Limits(NamedTuple):
    """The most that may connect."""

    listeners: dict[str, tuple[int, int]]
    """Listener, in capitals, to its most connections and the most new ones a second; the empty name
    is that of all together.
    """
    addresses: dict[str, int]
    """Address to its most connections; the empty one is any that has no row."""


def connection_limits(config: BrokerConfig) -> Limits:
    """The limits in force."""
    found = {"": (config[COUNT], config[RATE])}
    for name in dict.fromkeys(listener for listener, _ in map(of_listener, config.set_keys())):
        if name:
            count, rate = (config.of_listener(name, key) for key in OF_LISTENERS)
            found[name.upper()] = count, rate
    return Limits(found, {"": config[PER_IP], **per_ip_overrides(config[OVERRIDES])})


def of_listener(key: str) -> tuple[str, str]:
    """The listener's name and the key itself of `listener.name.plaintext.max.connections`; no name
    for a key that is no listener's.
    """
    listener, dot, own = key.removeprefix(_PREFIX).partition(".")
    return (listener, own) if key.startswith(_PREFIX) and dot and own else ("", key)


def per_ip_overrides(text: str) -> Mapping[str, int]:
    """Address to its own limit, of `10.0.0.1:200,10.0.0.2:5`.

    Raises:
        ConfigException: it is not of that form.
    """
    found: dict[str, int] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        host, colon, limit = entry.rpartition(":")
        if not (host and colon):
            # What Java's substring says of a text without a colon.
            text = f"begin 0, end -1, length {len(entry)}"
            raise ConfigException(
                f"Error parsing configuration property '{OVERRIDES}': {text}",
                f"write address:number, not {entry!r}",
            )
        most = whole_number(limit.strip())
        if most is None or not 0 <= most <= INT_MAX:
            raise ConfigException(f'For input string: "{limit.strip()}"')
        found[_address(host.strip())] = most
    return found


def _address(host: str) -> str:
    from ipaddress import IPv6Address, ip_address

    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        raise ConfigException(
            f"{OVERRIDES} contains invalid addresses : {host}",
            "write the address itself: names are not looked up",
        ) from None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
