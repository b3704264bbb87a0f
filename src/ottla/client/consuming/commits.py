"""A consumer's commits: now, in the background, and what they mean when they are refused.

A position is that of the next record to read. While the group shares its partitions out anew
nothing can be committed: what a member has read by then is committed before it lets go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ottla.client import arguments
from ottla.client.client import Client
from ottla.client.consuming.committing import Committing, OffsetAndMetadata, full_offsets
from ottla.client.consuming.decisions import Consuming
from ottla.client.consuming.unseen import Unseen
from ottla.client.errors import BrokerError, TimedOut
from ottla.client.places import TopicPartition
from ottla.errors import OttlaError
from ottla.wire.errors import ErrorCode

_OF_THE_MEMBER = frozenset(
    {
        ErrorCode.ILLEGAL_GENERATION,
        ErrorCode.UNKNOWN_MEMBER_ID,
        ErrorCode.REBALANCE_IN_PROGRESS,
        ErrorCode.FENCED_INSTANCE_ID,
        ErrorCode.STALE_MEMBER_EPOCH,
        ErrorCode.FENCED_MEMBER_EPOCH,
    }
)


class CommitFailed(OttlaError):
    """The group has gone on without this member: what it has read is another's to commit."""


class Commits:
    """What one consumer commits."""

    def __init__(
        self,
        client: Client,
        machine: Consuming,
        committing: Committing,
        unseen: Unseen,
        timeout_ms: int,
    ) -> None:
        self._unseen = unseen
        self.subscribes = False
        """Whether there is to be a membership: without one there is nothing to commit as."""
        self._client = client
        self._waiting = client.waiting
        self._machine = machine
        self._committing = committing
        self._timeout_ms = timeout_ms
        self._is_under_way = False
        """Whether one in the background is."""
        self._known: dict[TopicPartition, OffsetAndMetadata] = {}
        """What was committed last."""

    @property
    def is_outside(self) -> bool:
        """Whether there should be a membership, and is none at the moment."""
        member = self._machine.member
        return member is not None and self.subscribes and member.generation is None

    def forget(self, place: TopicPartition) -> None:
        """A partition is another's."""
        self._known.pop(place, None)

    def commit(
        self,
        positions: Mapping[TopicPartition, int | OffsetAndMetadata] | None,
        timeout: float | None,
    ) -> None:
        """Commit these, or all positions, and wait for it."""
        if self._machine.broken is not None:
            raise self._machine.broken
        with self._waiting:
            wanted = self.positions() if positions is None else full_offsets(positions)
            if not wanted:
                return
            timeout_ms = self._timeout_ms if timeout is None else arguments.milliseconds(timeout)
            until_ms = self._waiting.now_ms() + timeout_ms
            ends: list[OttlaError | None] = []
            self._put(wanted, until_ms, ends.append)
            self._wait(ends, until_ms)
        if not ends:
            raise TimedOut(
                f"nobody confirmed a commit within {timeout_ms} ms{self._why()}",
                hint="whether it counts is unknown: commit() again, or read again from before",
            )
        if ends[0] is not None:
            raise ends[0]
        self._known.update(wanted)

    def commit_quietly(self, places: list[TopicPartition], until_ms: int | None = None) -> None:
        """What was handed out of these counts as read; if that can't be said, it is read again."""
        timeout = None
        if until_ms is not None:
            left_ms = max(0, until_ms - self._waiting.now_ms())
            timeout = min(left_ms, self._timeout_ms) / 1000
        try:
            self.commit({p: at for p, at in self.positions().items() if p in places}, timeout)
        except OttlaError as error:
            import logging

            logging.getLogger("ottla.client").warning("offsets are not committed: %s", error)

    def commit_in_background(self) -> None:
        """Commit what has changed since it was committed last."""
        wanted = {p: at for p, at in self.positions().items() if self._known.get(p) != at}
        if not wanted or self.is_outside or self._is_under_way:
            return  # a rebalance commits by itself; what is under way is tried until it is done

        def done(error: OttlaError | None) -> None:
            self._is_under_way = False
            if error is None:
                self._known.update(wanted)

        self._is_under_way = True
        self._put(wanted, self._waiting.now_ms() + self._timeout_ms, done)

    def committed(self, places: list[TopicPartition]) -> dict[TopicPartition, OffsetAndMetadata]:
        """What the group has committed of these."""
        ends: list[dict[TopicPartition, OffsetAndMetadata] | OttlaError] = []
        with self._waiting:
            until_ms = self._waiting.now_ms() + self._timeout_ms
            self._machine.extra_topics = {topic for topic, _ in places}
            self._committing.fetch(places, until_ms, ends.append)
            self._client.wake()
            try:
                self._wait(ends, until_ms)
            finally:
                self._machine.extra_topics = set()
        if not ends:
            raise TimedOut(
                f"nobody told what is committed within {self._timeout_ms} ms{self._why()}",
                hint="is the node that coordinates the group there?",
            )
        if isinstance(ends[0], OttlaError):
            raise ends[0]
        return ends[0]

    def _wait(self, ends: list[Any], until_ms: int) -> None:
        machine = self._machine
        self._waiting.wait_for(lambda: bool(ends) or machine.broken is not None, until_ms)
        if not ends and machine.broken is not None:
            raise machine.broken

    def _why(self) -> str:
        failure = self._client.network.last_failure()
        return f": {failure}" if failure else ""

    def positions(self) -> dict[TopicPartition, OffsetAndMetadata]:
        """Of the next record of each partition, as far as known."""
        with self._waiting:
            found = {
                place: OffsetAndMetadata(part.position, part.leader_epoch)
                for place, part in self._machine.fetching.parts.items()
                if part.position >= 0
            }
            return found | self._unseen.positions()

    def _put(
        self,
        wanted: dict[TopicPartition, OffsetAndMetadata],
        until_ms: int,
        done: Callable[[OttlaError | None], object],
    ) -> None:
        member = self._machine.member
        by = None if member is None else member.generation
        if by is None and self.is_outside:
            raise CommitFailed(
                "this consumer is not in its group at the moment: its partitions are being shared "
                "out anew, or it has left because nobody polled for max.poll.interval.ms",
                hint="poll() joins the group; what was not committed by then is read again",
            )

        def ended(error: OttlaError | None) -> None:
            if isinstance(error, BrokerError) and error.code in _OF_THE_MEMBER:
                if member is not None and by is not None:
                    member.commit_refused(error.code, by, self._waiting.now_ms())
                error = CommitFailed(
                    f"the group has gone on without this member: {error}",
                    hint="poll() joins it again; max.poll.interval.ms says how long poll may stay "
                    "away",
                )
            done(error)

        self._committing.commit(wanted, by, until_ms, ended)
        self._client.wake()
