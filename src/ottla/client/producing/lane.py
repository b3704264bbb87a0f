"""One partition's batches as a producer has them: under way, or coming again, and their numbers.

They decide nothing (`sending.py`).
"""

from __future__ import annotations

from collections import deque

from ottla.client.places import TopicPartition
from ottla.errors import OttlaError
from ottla.wire.outbox import SentBatch

REMEMBERED = 5
"""So many batches of a producer a partition's leader remembers."""


class Batch:
    """A batch that was taken from the outbox."""

    __slots__ = (
        "attempts",
        "bytes",
        "count",
        "deadline_ms",
        "epoch",
        "first",
        "index",
        "is_unsure",
        "sent",
        "sequence",
        "topic_id",
    )

    def __init__(
        self, sent: SentBatch, data: bytes, count: int, sequence: int, epoch: int, deadline_ms: int
    ) -> None:
        self.sent = sent
        self.index = 0
        """Which batch of its lane it is."""
        self.first = 0
        """Which of its records is the first, if it goes in several parts."""
        self.bytes = data
        self.count = count
        self.sequence = sequence
        self.epoch = epoch
        self.deadline_ms = deadline_ms
        self.attempts = 0
        self.is_unsure = False
        """Whether it may be there, although nobody said so."""
        self.topic_id = b""
        """Of the topic, when it was sent last."""

    @property
    def place(self) -> tuple[int, int]:
        """By which batches of a partition are in order."""
        return (self.sent.id, self.first)


class Lane:
    """One partition's batches, oldest first."""

    __slots__ = (
        "again",
        "count",
        "in_flight",
        "is_behind",
        "known_as",
        "last_error",
        "last_offset",
        "muted_until_ms",
        "place",
        "sequence",
    )

    def __init__(self, place: TopicPartition) -> None:
        self.place = place
        self.in_flight: deque[Batch] = deque()
        self.again: deque[Batch] = deque()
        self.count = 0
        """How many batches were made."""
        self.is_behind = False
        """Whether its batches have numbers of before the last raise of the epoch."""
        self.known_as = -1
        """The id by which the leader knows the producer. Of one that it does not know it takes any
        number as the first: so nothing may follow the first before that is there.
        """
        self.last_error: OttlaError | None = None
        """Why it was not written at the last try."""
        self.sequence = 0
        """The number of the next record."""
        self.last_offset = -1
        """The last one that was acknowledged."""
        self.muted_until_ms = 0

    def remembers_one_more(self, producer_id: int) -> bool:
        """Whether the leader will know each batch that has not ended by its numbers, if one more is
        sent: it knows the last five. The oldest may be there though nobody has said so; those that
        were acknowledged behind it count too.
        """
        if not self.in_flight:
            return True
        is_known = self.known_as == producer_id
        return is_known and self.count - self.in_flight[0].index < REMEMBERED


def after(sequence: int, count: int) -> int:
    """The number behind so many; they wrap from 2^31 - 1 to 0."""
    return (sequence + count) & 0x7FFFFFFF
