"""The one shape of everything that decides.

A `Decider` is a state machine over a log. It is asked (`decide`), answers with a `Decision`, and
changes only by `apply`, which sees every record twice in its life: at once when it was decided,
and again when the log is replayed after a restart. What a decider keeps beside that (sessions,
parked requests, a rebalance that is under way) is soft: named as such, and lost with leadership.

One is made for each time that this node leads its log. A shard of a coordinator is made empty and
has its log by `apply`, record by record; the controller is made of what its log comes to, as the
node has that anyway: the cluster's image is the metadata log, replayed.

Whoever runs it (`ottla.driver`) appends the records in order, and lets each reply go when the high
watermark has passed the offset that it was decided at; replies of reads too, so nobody learns what
could still be lost.

Time comes in as an argument, replies and timers go out as values: a decider holds no clock, no
thread, no socket, and no randomness but the `Entropy` that it was given.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from ottla.metadata.delta import MetadataDelta
    from ottla.metadata.image import MetadataImage
    from ottla.wire.errors import ErrorCode


class Ask(NamedTuple):
    """One request to a decider, with what it may know of who asks.

    Its token is the socket's, from the frame to the reply; requests of our own have tokens below 0.
    """

    token: int
    body: Any
    version: int
    principal: str
    """Who asks, as in `User:alice`. It has no default: a name that got lost would be nobody's."""
    client_id: str = ""
    client_host: str = ""
    finish: Callable[[Any], Any] | None = None
    """What the response becomes before it is sent, refusals too: for whoever took something out of
    the request and has to say so in the answer. It is not the decider's business.
    """

    as_decided: bool = False
    """Whether the answer waits, too, until this node is as the records of its decision say."""

    connection: int | None = None
    """Which connection it came on, if on one."""

    def finished_by(self, finish: Callable[[Any], Any]) -> Ask:
        """The same request, whose response is first finished by `finish`, then as it was."""
        then = self.finish
        if then is None:
            return self._replace(finish=finish)
        return self._replace(finish=lambda message: then(finish(message)))


class Reply(NamedTuple):
    """An answer to one request, addressed by the token that the request came with."""

    token: int
    message: Any
    """A response of the protocol, or what is answered to a question of a coordinator's own."""


class Send(NamedTuple):
    """What a decider asks of somebody else; the answer, or each part of one that comes in parts,
    comes back by `Decider.answered`.
    """

    key: Hashable
    """Which question it was, for who asked."""
    body: Any


class Marker(NamedTuple):
    """The end of a producer's transaction."""

    committed: bool
    coordinator_epoch: int
    transaction_version: int = 0
    """The level of transaction.version that it was ended by; no log keeps it."""


class Record(NamedTuple):
    """One record of a decider's log.

    One with a producer id belongs to that producer's transaction, which a marker will end.
    """

    key: bytes | None
    """None in the metadata log, whose records have none, and of markers."""
    value: Any
    """Bytes, or None for a tombstone; in the metadata log a message."""
    version: int = -1
    """The version that a message is written in."""
    producer_id: int = -1
    producer_epoch: int = -1
    marker: Marker | None = None
    made: Any = None
    """What key and value say, if whoever decided the record has it at hand: taking it in needs not
    read it again. A record from the log has none.
    """


class Now(NamedTuple):
    """What time it is, on the three clocks of a node."""

    wall_ms: int
    """What records are stamped with, and what ages by date. It may jump, forward and back."""
    steady_ms: int
    """What durations are measured on: it never goes back and only tests make it leap."""
    real_ms: int
    """The machine's monotonic time, which not even a test moves."""


class Timer(NamedTuple):
    """Ask the decider again at `at_ms`, or never if it is None (which cancels that key's timer).

    `at_ms` is a time of `Now.real_ms` for `real` timers, and else of `Now.steady_ms`.
    """

    key: Any
    at_ms: int | None
    real: bool = False


class Decision(NamedTuple):
    """What a decider wants to happen: records first, then, once they are safe, the rest."""

    records: Sequence[Record] = ()
    replies: Sequence[Reply] = ()
    timers: Sequence[Timer] = ()
    notes: Sequence[str] = ()
    """What an operator should know, one line each."""
    sends: Sequence[Send] = ()
    """What is asked of others, once all records so far are safe."""
    counts: Sequence[str] = ()
    """What happened, for metrics: one name each time."""


NOTHING = Decision()


class Decider(Protocol):
    """What is told what happened and says what follows; the same for every kind of state.

    All but `apply` leave what the log tells as it is, and change soft state only.
    """

    __slots__ = ()

    def loaded(self, image: MetadataImage, now: Now) -> Decision:
        """All that the log tells is here, and this node leads it from now on; comes once, before
        all else but `apply`. `image` is the cluster as it is now. Of what changes it later
        `on_image` tells.
        """

    def decide(self, ask: Ask, now: Now) -> Decision:
        """Decide one request."""

    def fire(self, key: Hashable, now: Now) -> Decision:
        """A timer of its own has come due."""

    def answered(self, key: Hashable, response: Any, now: Now) -> Decision:
        """Somebody else has answered what was sent with this key."""
        return NOTHING

    def on_image(self, delta: MetadataDelta, now: Now) -> Decision:
        """The cluster has changed, and the change is safe."""

    def on_leap(self, by_ms: int, connected: frozenset[int], now: Now) -> Decision:
        """A test is about to move the clocks by so much, which nobody outside can know: what
        somebody out there owes by a time of `Now.steady_ms` (a heartbeat, the end of a transaction)
        is owed so much later, but not by whom was heard on a connection that is there no more.
        Nothing follows where nobody owes anything.
        """
        return NOTHING

    def apply(self, records: Sequence[Record], now: Now) -> None:
        """Take records in: at once when they were decided, and again at replay.

        Raises:
            ProtocolError: the first of them can't be understood, and it has changed nothing.
        """


class Revocable(Decider, Protocol):
    """One that goes on when its log did not take what was applied, and left no trace of it.

    The controller is: all wait for it. A shard of a coordinator is dropped and loaded again.
    """

    __slots__ = ()

    def mark(self) -> Any:
        """Where it stands, before something is applied."""

    def back_to(self, mark: Any) -> None:
        """What was applied since then never was; soft state, which may count on it, goes too."""


Refuse = Callable[[Ask, "ErrorCode"], Any]
"""Makes the response that carries an error, to a request that no decider has answered."""


class Entropy(Protocol):
    """Where a decider gets its random identifiers from: seeded in simulation, the system's
    otherwise.
    """

    def uuid(self) -> bytes:
        """16 random bytes that form a version 4 UUID, never one that Kafka reserves."""

    def below(self, bound: int) -> int:
        """A whole number from 0 to bound - 1."""
