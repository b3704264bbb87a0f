"""The one shape of the client's machines: what to ask whom comes out, how it ended goes in.

A machine decides and does nothing else: it has no socket, thread, lock, clock or chance. Whoever
drives it (`driving.py`, or a test that has a node's coordinator beside it) takes `asks`, sends each
where it says, and tells its end by `answered`, once, whatever it was. Nothing is asked again by
itself: that is for the machine to decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
    """The request, or a function that makes it, perhaps with its version, for the connection that
    it goes to.
    """
    timeout_ms: int
    version: int | None = None
    answered: bool = True
    """False for a Produce with acks=0: it ends when it is with the socket."""
    way: int = 0
    """Which of several connections to a node. A node answers what comes by one in order, so what it
    lets wait (a Fetch, a JoinGroup) has one to itself. 0 is for what is answered at once.
    """


class Machine(Protocol):
    """What asks, and is told how that ended."""

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


class Driven(Machine, Protocol):
    """What the driver sees of a producer or a consumer."""

    @property
    def topics(self) -> Iterable[str]:
        """Those whose partitions and leaders it wants the client to know (`places`)."""

    @property
    def topic_ids(self) -> Iterable[bytes]:
        """Ids of topics whose names it wants to know."""

    @property
    def topics_to_make(self) -> Iterable[str]:
        """Those of its topics that a node which may make them when they are asked for should."""

    @property
    def wants_all_topics(self) -> bool:
        """Whether it wants the client to know all topics that there are."""

    def break_off(self, error: OttlaError) -> None:
        """Nobody will drive it any more, by a mistake of ours: whoever uses it is to be told."""

    def calls(self) -> list[Callable[[], object]]:
        """What is to be called now with nothing held: what users want to be told of."""


Then = Callable[[Any | OttlaError, int], None]
"""What is called with the end of a request, and the time."""


class Questions:
    """A machine's requests under way: what is to happen with the end of each."""

    def __init__(self, way: int = 0) -> None:
        self._way = way
        self._next = 1
        self._asks: list[Ask] = []
        self._then: dict[int, Then] = {}

    def put(
        self,
        to: Destination,
        message: Any,
        timeout_ms: int,
        then: Then,
        *,
        version: int | None = None,
        answered: bool = True,
        way: int | None = None,
    ) -> None:
        """Ask this; `then` is called once, with its end."""
        way = self._way if way is None else way
        ask = Ask(self._next, to, message, timeout_ms, version, answered, way)
        self._asks.append(ask)
        self._then[self._next] = then
        self._next += 1

    def take(self) -> list[Ask]:
        """Those that were not taken yet."""
        asks, self._asks = self._asks, []
        return asks

    def answered(self, token: int, outcome: Any | OttlaError, now_ms: int) -> None:
        """One ended."""
        self._then.pop(token)(outcome, now_ms)
