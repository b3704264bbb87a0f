"""Who an instance says it is: the JSON that it joins the group with.

It is written as Confluent's registry writes it (7.4's, read off a running group, knew no `leader`:
so that is left out where it says nothing), and read as loosely as is safe: properties that are
unknown, or missing where they need not be there, do no harm. What a member says of itself is where
others will send their requests, so a host is a host and nothing else. What stays true: bytes of a
member never raise anything but `BadIdentity`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ottla.errors import OttlaError

VERSION = 1
BYTES_MAX = 16_384
"""More than this is no identity, and is not parsed."""
SCHEMES = ("http", "https")
HOST = re.compile(r"\[?[\w.:%-]{1,255}\]?", re.ASCII)


class BadIdentity(OttlaError):
    """Bytes of a member that do not say who it is."""


class Identity(NamedTuple):
    """An instance of the registry, as the others see it."""

    host: str
    port: int
    scheme: str = "http"
    is_eligible: bool = True
    """Whether it may be elected (`leader.eligibility`)."""
    is_leader: bool = False
    """Whether it was the leader when it said so."""

    @property
    def url(self) -> str:
        """Where it is reached. Members are told apart, and ordered, by this."""
        bare_v6 = ":" in self.host and not self.host.startswith("[")
        return f"{self.scheme}://{f'[{self.host}]' if bare_v6 else self.host}:{self.port}"

    def properties(self) -> dict[str, Any]:
        """What of it is written, in the order in which it is written."""
        found = {
            "host": self.host,
            "port": self.port,
            "master_eligibility": self.is_eligible,
            "scheme": self.scheme,
            "version": VERSION,
        }
        return {**found, "leader": True} if self.is_leader else found

    def encoded(self) -> bytes:
        """The metadata of a JoinGroup."""
        return json.dumps(self.properties(), separators=(",", ":")).encode()


def identity_of(data: bytes) -> Identity:
    """Who a member says it is.

    Raises:
        BadIdentity: it does not say so; the text says what is wrong.
    """
    return identity_in(properties_of(data, BadIdentity))


def identity_in(properties: object) -> Identity:
    """The same, of JSON that was parsed.

    Raises:
        BadIdentity: as above.
    """
    if not isinstance(properties, Mapping):
        raise BadIdentity(f"an identity is a JSON object, not {shown(properties)}")
    host, port = properties.get("host"), properties.get("port")
    if not isinstance(host, str) or not HOST.fullmatch(host):
        raise BadIdentity(f"an identity's host can't be {shown(host)}")
    if type(port) is not int or not 0 < port < 65536:
        raise BadIdentity(f"an identity's port can't be {shown(port)}")
    scheme = properties.get("scheme", "http")
    if scheme not in SCHEMES:
        raise BadIdentity(f"an identity's scheme can't be {shown(scheme)}")
    # Who has not said that it may be elected is not.
    eligible = properties.get("master_eligibility", properties.get("leader_eligibility", False))
    return Identity(host, port, scheme, eligible is True, properties.get("leader") is True)


def properties_of(data: bytes, refusal: type[OttlaError]) -> Mapping[str, Any]:
    """The JSON object in bytes that another member has sent.

    Raises:
        refusal: there is none.
    """
    if len(data) > BYTES_MAX:
        raise refusal(f"{len(data)} bytes are more than the {BYTES_MAX} that a member may send")
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:  # a depth bomb of brackets is the second
        raise refusal(f"{shown(data)} is no JSON") from error
    if not isinstance(found, dict):
        raise refusal(f"{shown(found)} is no JSON object")
    return found


def shown(value: object) -> str:
    """A foreign value for an error's text, of which there may be much."""
    if isinstance(value, list | dict):
        return f"a {type(value).__name__}"
    text = repr(value[:60] if isinstance(value, str | bytes) else value)
    return text if len(text) <= 80 else f"{text[:77]}..."
