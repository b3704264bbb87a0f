"""The quorum as the file names it: `controller.quorum.voters` and
`controller.quorum.bootstrap.servers`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ottla.config.refusal import ConfigException
from ottla.config.whole_number import whole_number


class Voter(NamedTuple):
    """One entry of `controller.quorum.voters`."""

    id: int
    host: str
    port: int


def parse_voters(name: str, entries: Sequence[str]) -> tuple[Voter, ...]:
    """`id@host:port` entries, in order; of one id the last entry counts.

    Raises:
        ConfigException: an entry has another shape, or names an address that nobody can reach.
    """
    shape = "Each entry should be in the form `{id}@{host}:{port}`."
    found: dict[int, Voter] = {}
    for entry in entries:
        voter_id, at, address = entry.partition("@")
        if not at or "@" in address:
            raise ConfigException(f"Invalid configuration value for {name}. {shape}")
        number = whole_number(voter_id)
        if number is None:
            raise ConfigException(f"Failed to parse voter ID as an integer from {voter_id}")
        endpoint = split_address(address)
        if endpoint is None:
            start = f"Failed to parse host name from entry {entry} for the configuration {name}."
            raise ConfigException(f"{start} {shape}")
        if endpoint[0] == "0.0.0.0":
            raise ConfigException(f"Host string ({endpoint[0]}) is not routeable")
        found[number] = Voter(number, *endpoint)
    return tuple(found.values())


def parse_bootstrap_servers(name: str, entries: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """`host:port` entries, in order.

    Raises:
        ConfigException: an entry has another shape.
    """
    found = []
    for entry in entries:
        endpoint = split_address(entry)
        if endpoint is None:
            raise ConfigException(
                f"Failed to parse host name from {entry} for the configuration {name}. "
                'Each entry should be in the form "{host}:{port}"'
            )
        found.append(endpoint)
    return tuple(found)


def split_address(text: str) -> tuple[str, int] | None:
    """Host (without brackets) and port of `host:port`; None if it has another shape."""
    host, colon, port = text.rpartition(":")
    number = whole_number(port)
    if not colon or number is None or not port.isdigit():
        return None
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    return (host, number) if host else None
