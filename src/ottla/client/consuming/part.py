"""A partition that a consumer reads: where it is, what has arrived, and what is in the way.

Its `age` grows whenever the position is set by somebody, so that an answer to a question of before
is known for what it is. No two have the same, nor one that is assigned again and what it was then.
Everything here is touched inside the client's monitor.
"""

from __future__ import annotations

from collections import deque
from itertools import count

from ottla.client.backoff import Backoff
from ottla.client.places import Leader, TopicPartition
from ottla.errors import OttlaError
from ottla.wire.fetched import Fetched

EARLIEST, LATEST = -2, -1
NO_OFFSET = -1
_AGES = count(1)
FETCHED_MAX = 2
"""One that is read and one that waits; more would only age."""


class Part:
    """One partition."""

    __slots__ = (
        "age",
        "asked_age",
        "backoff",
        "checked_epoch",
        "error",
        "fetch_epoch",
        "fetch_offset",
        "fetched",
        "high_watermark",
        "is_paused",
        "last_stable_offset",
        "leader",
        "leader_epoch",
        "log_start_offset",
        "muted_until_ms",
        "place",
        "position",
        "replica",
        "replica_until_ms",
        "wants_commit",
        "wants_time",
    )

    def __init__(self, place: TopicPartition, leader: Leader, backoff: Backoff) -> None:
        self.place = place
        self.leader = leader
        self.backoff = backoff
        self.age = 0
        self.asked_age: int | None = None
        """Its age when a node was asked for more of it, until that is answered."""
        self.position = NO_OFFSET
        """Of the next record to hand out; unknown while it is looked for."""
        self.leader_epoch = -1
        """Of the last record that was handed out."""
        self.fetch_offset = NO_OFFSET
        """Of the next record to fetch."""
        self.fetch_epoch = -1
        """The leader epoch of the record before that; unknown if nobody has told."""
        self.checked_epoch = -1
        """The epoch of the leader in whose log that record is known to be."""
        self.fetched: deque[Fetched] = deque()
        """What arrived and was not handed out."""
        self.wants_commit = False
        """Whether reading begins where the group committed."""
        self.wants_time: int | None = None
        """Or at the offset of a time; EARLIEST and LATEST are such."""
        self.is_paused = False
        self.error: OttlaError | None = None
        """What reading ran into; told by the next poll."""
        self.muted_until_ms = 0
        self.replica: int | None = None
        """The node that the leader would have it read from (KIP-392)."""
        self.replica_until_ms = 0
        """When the leader is asked again."""
        self.high_watermark = self.last_stable_offset = self.log_start_offset = NO_OFFSET

    def seek(self, offset: int, leader_epoch: int = -1, checked_epoch: int = -1) -> None:
        """Read on from there: behind a record of that leader epoch, if it is known."""
        self._leave()
        self.position = self.fetch_offset = offset
        self.leader_epoch = self.fetch_epoch = leader_epoch
        self.checked_epoch = checked_epoch

    @property
    def needs_check(self) -> bool:
        """Whether the leader has to be asked if its log holds what was read before (KIP-320): an
        election may have cut it off.
        """
        return self.fetch_epoch >= 0 and 0 <= self.leader.epoch != self.checked_epoch

    def seek_time(self, timestamp_ms: int) -> None:
        """Read on from the first record of that time or later, or from an end."""
        self._leave()
        self.wants_time = timestamp_ms

    def seek_committed(self) -> None:
        """Read on from where the group committed."""
        self._leave()
        self.wants_commit = True

    def rest(self, now_ms: int) -> None:
        """Something failed: ask nobody about it for a while."""
        self.muted_until_ms = now_ms + self.backoff.next_ms()

    def _leave(self) -> None:
        self.age = next(_AGES)
        self.fetched.clear()
        self.position = self.fetch_offset = NO_OFFSET
        self.fetch_epoch = self.checked_epoch = -1
        self.wants_commit, self.wants_time = False, None
        self.error = None
        self.muted_until_ms = 0

    @property
    def may_be_fetched(self) -> bool:
        """Whether a node is to be asked for more of it, unless it is muted; of everything that is
        asked of a consumer's partitions this is asked most often.
        """
        return (
            self.asked_age != self.age
            and self.fetch_offset != NO_OFFSET
            and not self.is_paused
            and self.error is None
            and len(self.fetched) < FETCHED_MAX
            and not self.needs_check
        )

    @property
    def is_full(self) -> bool:
        """Whether nothing more is to be fetched until what arrived is handed out."""
        return len(self.fetched) >= FETCHED_MAX

    @property
    def has_position(self) -> bool:
        """Whether reading can go on."""
        return self.fetch_offset != NO_OFFSET


class NotAssigned(OttlaError):
    """A partition that the consumer does not read."""

    def __init__(self, place: TopicPartition) -> None:
        self.place = place
        super().__init__(
            f"{place[0]}-{place[1]} is not assigned to this consumer",
            hint="subscribe() and poll(), or assign(), before",
        )
