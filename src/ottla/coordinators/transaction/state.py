"""What one shard of the coordinator of transactions knows.

`transactions` changes only when a record is applied. All else is soft: lost with leadership, and
made anew when the shard is loaded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum
from typing import NamedTuple

from ottla.coordinators.questions import TopicPartition
from ottla.coordinators.transaction import records
from ottla.coordinators.transaction.config import ConfigOf
from ottla.coordinators.transaction.transaction import (
    COMPLETED,
    PREPARED,
    TIMEOUT_NEVER_MS,
    State,
    Transaction,
)
from ottla.coordinators.turn import Turn
from ottla.decide import Ask, Now
from ottla.metadata.features import TRANSACTION_VERSION
from ottla.metadata.image import EMPTY_IMAGE


class Awaited(NamedTuple):
    """A decision that waits for a new producer id."""

    number: int
    """Of the question: an answer to another one, or a second one, is not meant for it."""
    ask: Ask | None
    """Who asked for it, if somebody did."""


class Ending(NamedTuple):
    """A transaction whose markers are being written."""

    number: int
    """Tells it from others of the same id; answers to those are not meant for it."""
    missing: frozenset[TopicPartition]
    """Those that have no marker."""
    asked: frozenset[TopicPartition] = frozenset()
    """Those of them whose leaders have not answered yet."""
    attempt: int = 0
    is_left: bool = False
    """Another coordinator has taken its place."""


class Look(Enum):
    """Names the timers that look through all ids. (Tuples without a field would all be equal, and
    one such timer would take the other's place.)
    """

    LATE = "late"
    """Which transactions took too long."""
    UNUSED = "unused"
    """Which ids nobody uses any more."""


class ShardState:
    """On which the rules of transactions are functions."""

    __slots__ = (
        "awaits_id",
        "checks",
        "config_of",
        "connections",
        "coordinator_epoch",
        "deadlines",
        "endings",
        "found",
        "image",
        "last_epochs",
        "looks",
        "noted",
        "numbers",
        "partition",
        "patient",
        "transactions",
    )

    def __init__(self, partition: int, config_of: ConfigOf) -> None:
        self.partition = partition
        self.config_of = config_of
        self.transactions: dict[str, Transaction] = {}
        """By transactional id."""
        self.image = EMPTY_IMAGE
        self.coordinator_epoch = -1
        """The epoch in which this broker leads the partition; its markers carry it."""
        self.last_epochs: dict[str, int] = {}
        """The epoch that a producer had before, if it may come once more for the one it got."""
        self.deadlines: dict[str, int] = {}
        """The steady time after which an ongoing transaction is aborted."""
        self.checks = False
        """Whether the look for transactions that took too long is set."""
        self.connections: dict[str, int] = {}
        """Where the producer of an id was heard last."""
        self.awaits_id: dict[str, Awaited] = {}
        """Ids of which a decision waits for a new producer id."""
        self.endings: dict[str, Ending] = {}
        self.numbers = 0
        """The last one that a question got."""
        self.found: dict[Look, deque[str]] = {look: deque() for look in Look}
        """What a look has found and not come to yet."""
        self.looks = False
        """Whether the look for ids that nobody uses is set."""
        self.noted: dict[str, set[str]] = {}
        """What the operator was told of an id's open transaction."""
        self.patient: dict[str, list[tuple[int, Ask]]] = {}
        """Who waits for the transaction before theirs to end, and until when on the machine's
        time.
        """

    @property
    def level(self) -> int:
        """The finalized transaction.version."""
        return self.image.features.get(TRANSACTION_VERSION, 0)


class ShardTurn(Turn):
    """One decision in the making, on what a shard knows and what the decision has changed."""

    __slots__ = ("_changed", "state")

    def __init__(self, state: ShardState, now: Now, *, fired: bool = False) -> None:
        super().__init__(now, fired=fired)
        self.state = state
        self._changed: dict[str, Transaction] = {}

    def find(self, transactional_id: str) -> Transaction | None:
        """Where an id stands, by this decision too."""
        found = self._changed.get(transactional_id)
        return self.state.transactions.get(transactional_id) if found is None else found

    def is_busy(self, transactional_id: str, transaction: Transaction) -> bool:
        """Whether it is decided what it becomes, and that is not there yet."""
        return transaction.state in PREPARED or transactional_id in self.state.awaits_id

    def number(self) -> int:
        """One that no other question of this shard has."""
        self.state.numbers += 1
        return self.state.numbers

    def await_id(self, transactional_id: str, ask: Ask | None) -> int:
        """A decision waits for a producer id from now on; the number of the question for it."""
        number = self.number()
        self.state.awaits_id[transactional_id] = Awaited(number, ask)
        return number

    def awaited(self, transactional_id: str, number: int) -> Awaited | None:
        """What waited for the answer to this question; None if nothing does, or not any more."""
        found = self.state.awaits_id.get(transactional_id)
        if found is None or found.number != number:
            return None
        return self.state.awaits_id.pop(transactional_id)

    def put(self, transactional_id: str, transaction: Transaction) -> Transaction:
        """It stands so from now on: as much of it as the log keeps."""
        level = self.state.level
        transaction = self._changed[transactional_id] = records.kept(transaction, level)
        self.write(records.state_of(transactional_id, transaction, level))
        if transaction.state in COMPLETED:
            self.count("aborts" if transaction.state == State.COMPLETE_ABORT else "commits")
        if transaction.state != State.ONGOING:
            self.state.deadlines.pop(transactional_id, None)
            self.state.noted.pop(transactional_id, None)
        return transaction

    def fits(self, transactional_id: str, transaction: Transaction) -> bool:
        """Whether the topic takes its record: one that is refused would cost the whole shard."""
        return records.fits(transactional_id, transaction, self.state.config_of().record_bytes_max)

    def begins(self, transactional_id: str, transaction: Transaction) -> None:
        """A transaction is open, from now on or since before: its time runs on the steady clock, so
        that no clock that is set ends it.
        """
        state, now = self.state, self.now
        if transaction.timeout_ms == TIMEOUT_NEVER_MS:
            return
        spent_ms = min(max(now.wall_ms - transaction.start_ms, 0), transaction.timeout_ms)
        state.deadlines[transactional_id] = now.steady_ms + transaction.timeout_ms - spent_ms
        self.keep_checking()

    def note_once(self, transactional_id: str, text: str) -> None:
        """Tell the operator of an id's transaction, unless that was told of it before."""
        noted = self.state.noted.setdefault(transactional_id, set())
        if text not in noted:
            noted.add(text)
            self.note(f"the transaction of {transactional_id} {text}")

    def keep_checking(self) -> None:
        """Look, at times, for transactions that take too long, while any is open."""
        state = self.state
        if state.deadlines and not state.checks:
            state.checks = True
            self.wake_in(state.config_of().abort_check_interval_ms, Look.LATE)

    def some_of(self, look: Look, most: int, find: Callable[[], Iterable[str]]) -> list[str]:
        """The next ids of what a look finds: no more than `most` in one turn, so that others are
        served before the rest, for which the look is set anew, at once.
        """
        found = self.state.found[look]
        if not found:
            found.extend(find())
        some = [found.popleft() for _ in range(min(most, len(found)))]
        if found:
            self.wake_in(1, look)
        return some

    def heard(self, transactional_id: str, ask: Ask) -> None:
        """Its producer is there, on that connection."""
        if ask.connection is not None:
            self.state.connections[transactional_id] = ask.connection

    def keep_looking(self) -> None:
        """Look, at times, for ids that nobody uses any more, while there are any."""
        state = self.state
        known = len(state.transactions) + len(self._changed)
        if known and not state.looks:
            state.looks = True
            self.wake_in(state.config_of().expiration_check_interval_ms, Look.UNUSED)
