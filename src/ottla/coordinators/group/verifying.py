"""What a shard asks the coordinator of transactions before it takes offsets into one, and who
waits.

A question is void when the producer has written here meanwhile, or its transaction has ended: what
waits for it may belong to what is over, whatever the answer says. But the marker of the transaction
before has the epoch of the next one (transaction.version 2), which the client may have begun
already: such a marker leaves the question standing that enters the next one.

Questions are soft: who waits for one when the shard is laid down is told to look elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ottla.coordinators.questions import AddPartitions
from ottla.wire.producers import EPOCH_BUMPS_LEVEL
from ottla.wire.stored.frame import CONSUMER_OFFSETS

if TYPE_CHECKING:
    from ottla.decide import Ask
    from ottla.wire.messages.txn_offset_commit import TxnOffsetCommitRequest

ADDING_VERSION: Final = 5
"""From this version of TxnOffsetCommit on it is ours to enter the partition."""


class QuestionKey(NamedTuple):
    """Names a question."""

    number: int


class Question:
    """One that is under way, about one transaction, and who waits for it."""

    __slots__ = ("adds", "asks", "is_void", "producer_epoch", "producer_id", "transactional_id")

    def __init__(self, ask: Ask) -> None:
        request: TxnOffsetCommitRequest = ask.body
        self.transactional_id = request.transactional_id
        self.producer_id = request.producer_id
        self.producer_epoch = request.producer_epoch
        self.adds = ask.version >= ADDING_VERSION
        self.asks = [ask]
        self.is_void = False

    def takes(self, ask: Ask) -> bool:
        """Whether its answer will be this request's as well."""
        request: TxnOffsetCommitRequest = ask.body
        return (
            not self.is_void
            and self.producer_epoch == request.producer_epoch
            and self.adds == (ask.version >= ADDING_VERSION)
            and self.transactional_id == request.transactional_id
        )

    def body(self, partition: int) -> AddPartitions:
        """What the coordinator of transactions is asked."""
        producer = (self.transactional_id, self.producer_id, self.producer_epoch)
        place = (CONSUMER_OFFSETS, partition)
        return AddPartitions.at_first_sight(*producer, (place,), adds=self.adds)


class Questions:
    """Those of a shard that are under way."""

    __slots__ = ("_by_number", "_last", "_of")

    def __init__(self) -> None:
        self._by_number: dict[int, Question] = {}
        self._of: dict[int, set[int]] = {}
        """Producer id to the numbers of its questions."""
        self._last = 0

    def park(self, ask: Ask) -> tuple[int, Question] | None:
        """Have the request wait; the question to be asked for it, unless one is under way."""
        numbers = self._of.setdefault(ask.body.producer_id, set())
        for number in numbers:
            question = self._by_number[number]
            if question.takes(ask):
                question.asks.append(ask)
                return None
        self._last += 1
        numbers.add(self._last)
        question = self._by_number[self._last] = Question(ask)
        return self._last, question

    def take(self, number: int) -> Question | None:
        """The question that is answered, which is under way no more; None if it is not."""
        question = self._by_number.pop(number, None)
        if question is None:
            return None
        numbers = self._of[question.producer_id]
        numbers.discard(number)
        if not numbers:
            del self._of[question.producer_id]
        return question

    def wrote(self, producer_id: int) -> None:
        """A record of this producer's transaction is written."""
        self._void(producer_id, None)

    def ended(self, producer_id: int, epoch: int, transaction_version: int) -> None:
        """A marker of this producer is written; one of version 2 may be that of the transaction
        before the one that is asked about, one of version 1 has the epoch that it ends.
        """
        self._void(producer_id, epoch if transaction_version >= EPOCH_BUMPS_LEVEL else None)

    def _void(self, producer_id: int, next_epoch: int | None) -> None:
        for number in self._of.get(producer_id, ()):
            question = self._by_number[number]
            if not (question.adds and question.producer_epoch == next_epoch):
                question.is_void = True
