"""The one shape of the client's machines: what to ask whom comes out, how it ended goes in.

A machine decides and does nothing else: it has no socket, thread, lock, clock or chance. Whoever
drives it (`driving.py`, or a test that has a node's coordinator beside it) takes `asks`, sends each
where it says, and tells its end by `answered`, once, whatever it was. Nothing is asked again by
itself: that is for the machine to decide.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from ottla.errors import OttlaError


class AnyNode(NamedTuple):
    """Whichever node can be reached."""


class Node(NamedTuple):
    """The node of that id."""

    id: int


class Coordinator(NamedTuple):
    """The node that coordinates a group, or what else `kind` says (`wire.coordinator_types`)."""

    kind: int
    key: str


Destination = AnyNode | Node | Coordinator


class Ask(NamedTuple):
    """One request: `token` comes back with its end.

    The newest version that both sides know is used, or `version` if the machine minds.
    """

    token: int
    to: Destination
    message: Any
    timeout_ms: int
    version: int | None = None


class Machine(Protocol):
    """What the driver sees of every machine."""

    def asks(self, now_ms: int) -> list[Ask]:
        """What is to be sent now, each once. The time never goes back, and means nothing else."""

    def answered(self, token: int, outcome: Any | OttlaError, now_ms: int) -> None:
        """A request ended: with a decoded response, or an error that says why there is none.

        An error of the coordinator's or leader's place (not there, moved) has been told to the
        client's memory already if it came as a `BrokerError`; one inside a response has not.
        """

    def doubts(self) -> list[Destination]:
        """Places that an answer, or the lack of one, has spoken against since the last call.

        Taken before `asks`, so that what is asked next goes where the place has moved to.
        """

    @property
    def deadline_ms(self) -> int | None:
        """When to call `asks` again at the latest, if nothing is answered before."""
