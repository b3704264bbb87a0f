"""What the group's leader tells every member: which of them leads the registry.

Two leaders meet here. The group's leader is the member that Kafka asks to share things out, and
only that; the registry's leader (`master`, in the words of the wire) is the one that writes. What
stays true: bytes of the group's leader never raise anything but `BadAssignment`.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from ottla.errors import OttlaError
from ottla.registry.election.identity import (
    VERSION,
    BadIdentity,
    Identity,
    identity_in,
    properties_of,
    shown,
)

NO_ERROR, DUPLICATE_URLS = 0, 1


class BadAssignment(OttlaError):
    """Bytes of the group's leader that do not say who leads the registry."""


class Assignment(NamedTuple):
    """Who leads, by its member id and its identity; both None if nobody may."""

    error: int = NO_ERROR
    master: str | None = None
    master_identity: Identity | None = None

    def encoded(self) -> bytes:
        """The share of every member."""
        identity = self.master_identity
        properties = {
            "error": self.error,
            "master": self.master,
            "master_identity": None if identity is None else identity.properties(),
            "version": VERSION,
        }
        return json.dumps(properties, separators=(",", ":")).encode()


def assignment_of(data: bytes) -> Assignment:
    """What the group's leader has said. Confluent's leaves out what is null, and Karapace's the
    version; newer words for the same (`leader`, `leader_identity`) are understood too.

    Raises:
        BadAssignment: it has said something else; the text says what is wrong.
    """
    properties = properties_of(data, BadAssignment)
    error = properties.get("error", NO_ERROR)
    if type(error) is not int:
        raise BadAssignment(f"an assignment's error can't be {shown(error)}")
    master = properties.get("master", properties.get("leader"))
    identity = properties.get("master_identity", properties.get("leader_identity"))
    if master is None and identity is None:
        return Assignment(error)
    if not isinstance(master, str) or not master:
        raise BadAssignment(f"an assignment's master can't be {shown(master)}")
    try:
        return Assignment(error, master, identity_in(identity))
    except BadIdentity as bad:
        raise BadAssignment(f"who is to lead is not said: {bad}") from bad
