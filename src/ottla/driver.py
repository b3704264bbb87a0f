"""Runs one decider over one log: what every kind of decider needs around it, and once.

What is decided is applied at once, so decisions neither wait for each other nor see stale state.
Replies, of reads too, are held until the high watermark has passed what they were decided on, so
nobody learns what could still be lost. Every request is known by its one token until it is
answered: whoever resigns can tell each of them, those that the decider parked too, to look
elsewhere.

What stays true: a request is answered exactly once; a second answer is a broken invariant. What a
failure costs (a shard, a connection, the node) is not decided here but by whoever owns the log.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ottla.decide import Ask, Decider, Decision, Now, Record, Refuse, Send, Timer
from ottla.errors import BrokenInvariant
from ottla.wire.errors import ErrorCode

if TYPE_CHECKING:
    from ottla.wire.schema import Response


class Timers(Protocol):
    """The node's timers."""

    def set(self, timer: Timer, fire: Callable[[], None]) -> None:
        """Call `fire` at `timer.at_ms`, instead of what was set for its key; None cancels."""


class Desk(Protocol):
    """Where replies go, and where requests of our own get their tokens."""

    def connected(self, connection: int) -> bool:
        """Whether a connection is still there, for whoever has long to do for its client."""

    def reply(self, token: int, response: Any) -> None:
        """Send the response to whoever asked with this token."""

    def respond(self, token: int, what: Callable[[], str], make: Callable[[], Any]) -> None:
        """Send the response that `make` makes, unless that is None; a fault in it ends who asked,
        and nobody else.
        """

    def internal(self, then: Callable[[Any], None]) -> int:
        """A token for a request of our own; `then` gets its response."""


class Held(NamedTuple):
    """A reply that waits until everything before `offset` is safe: it was decided on all of it."""

    offset: int
    token: int
    message: Response
    since: int
    """Where the records of its own decision begin; `offset` if it has none."""


def answer(desk: Desk, ask: Ask, message: Any) -> None:
    """Send a response in the form that the request's own way gave it."""
    finish = ask.finish
    if finish is None:
        desk.reply(ask.token, message)
    else:
        what = type(ask.body).__name__
        desk.respond(ask.token, lambda: f"the end of an answer to {what}", lambda: finish(message))


class Driver(ABC):
    """One decider, its unanswered requests, its held replies and its timers.

    Whoever owns the log brings the abstract methods.
    """

    __slots__ = (
        "_desk",
        "_refuse",
        "_sends",
        "_timers",
        "armed",
        "asks",
        "decider",
        "held",
        "name",
    )

    def __init__(
        self, name: str, decider: Decider, *, desk: Desk, refuse: Refuse, timers: Timers
    ) -> None:
        self.name = name
        """Tells this decider's timers from all others', and an operator which it is."""
        self.decider = decider
        self._desk = desk
        self._refuse = refuse
        self._timers = timers
        self.asks: dict[int, Ask] = {}
        """Every request that has not been answered, by token."""
        self.held: deque[Held] = deque()
        self._sends: deque[tuple[int, Send]] = deque()
        """What is to be asked of others, each behind the offset that it was decided at."""
        self.armed: set[Hashable] = set()

    # ------------------------------------------------------------ what a log brings

    @abstractmethod
    def take(self, records: Sequence[Record], now: Now) -> None:
        """Apply these records and have them appended."""

    @abstractmethod
    def end_offset(self) -> int:
        """One past the last record that was taken."""

    @abstractmethod
    def due(self, key: Hashable) -> None:
        """A timer of the decider has come due: `fire` it, and see to what that raises."""

    @abstractmethod
    def note(self, line: str) -> None:
        """Tell the operator."""

    def count(self, what: str) -> None:  # noqa: B027 - most keep no metrics
        """Something happened once more; for whoever keeps metrics."""

    def send(self, what: Send) -> None:
        """Ask somebody else; for whoever runs deciders that do."""
        raise BrokenInvariant(f"{self.name} asks nobody: {what!r:.200}")

    # ------------------------------------------------------------ what happens

    def ask(self, ask: Ask, now: Now) -> None:
        """Decide one request; its reply goes out by its token when it is safe."""
        self.asks[ask.token] = ask
        try:
            self.carry(self.decider.decide(ask, now), now)
        except BrokenInvariant:
            raise
        except Exception:
            self.asks.pop(ask.token, None)
            raise

    def fire(self, key: Hashable, now: Now) -> None:
        """Decide what a due timer asks for."""
        self.armed.discard(key)
        self.carry(self.decider.fire(key, now), now)

    def carry(self, decision: Decision, now: Now) -> None:
        """Apply a decision at once and keep the rest of it for when it is safe."""
        records, replies, timers, notes, sends, counts = decision
        since = self.end_offset() if replies else 0
        if records:
            self.take(records, now)
        if replies or sends:
            depends_on = self.end_offset()
            for token, message in replies:
                self.held.append(Held(depends_on, token, message, since))
            for one in sends:
                self._sends.append((depends_on, one))
        for timer in timers:
            self._arm(timer)
        for line in notes:
            self.note(line)
        for what in counts:
            self.count(what)

    def release(self, high_watermark: int, is_so: Callable[[int, int], bool] | None = None) -> int:
        """Let the replies go that depend on nothing beyond this offset, and what is asked of
        others; how many replies there were.

        Who asked with `as_decided` waits until `is_so` says that all is as the records between two
        offsets want it, and holds up nobody else.

        They may decide more. What is answered thereby waits for the next call: so this one ends.
        """
        held, asks = self.held, self.asks
        going: list[Held] = []
        staying: list[Held] = []
        while held and held[0].offset <= high_watermark:
            one = held.popleft()
            (staying if self._waits(one, is_so) else going).append(one)
        held.extendleft(reversed(staying))
        for one in going:
            if self.asks is not asks:  # an answer had this decider laid down
                break
            ask = asks.pop(one.token, None)
            if ask is None:
                raise BrokenInvariant(f"{self.name} answered request {one.token} twice")
            answer(self._desk, ask, one.message)
        while self.asks is asks and self._sends and self._sends[0][0] <= high_watermark:
            self.send(self._sends.popleft()[1])
        return len(going)

    @property
    def holds(self) -> bool:
        """Whether anything waits to go out."""
        return bool(self.held or self._sends)

    @property
    def first_held(self) -> int | None:
        """The offset that has to be safe before anything more goes out; None if nothing waits."""
        first = [self.held[0].offset] if self.held else []
        if self._sends:
            first.append(self._sends[0][0])
        return min(first, default=None)

    def _waits(self, held: Held, is_so: Callable[[int, int], bool] | None) -> bool:
        if is_so is None or held.since == held.offset:
            return False
        ask = self.asks.get(held.token)
        return ask is not None and ask.as_decided and not is_so(held.since, held.offset)

    def resign(self, error: ErrorCode) -> None:
        """The log is led here no more: whoever waits, for a reply or for others, hears this error,
        and no timer fires again.
        """
        for key in self.armed:
            self._timers.set(Timer((self.name, key), None), _never)
        self.armed.clear()
        self.held.clear()
        self._sends.clear()
        asks, self.asks = self.asks, {}
        for ask in asks.values():
            answer(self._desk, ask, self._refuse(ask, error))

    def _arm(self, timer: Timer) -> None:
        key = timer.key
        if timer.at_ms is None:
            self.armed.discard(key)
        else:
            self.armed.add(key)

        def fire() -> None:
            if key in self.armed:
                self.due(key)

        self._timers.set(Timer((self.name, key), timer.at_ms, timer.real), fire)


def _never() -> None:
    """What a cancelled timer does."""
