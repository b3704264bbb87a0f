"""A fetch session (KIP-227): what a node remembers of one consumer between its Fetches.

Only what has changed since the last Fetch is told, and what is not read any more; a node without
room for a session, or one that has lost it, is told everything each time. It holds no records and
decides nothing about who is read (`fetching.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ottla.client.consuming.part import Part
from ottla.client.places import TopicPartition

if TYPE_CHECKING:
    from ottla.wire.messages.fetch import FetchTopic, ForgottenTopic


class FetchSettings(NamedTuple):
    """What of a consumer's settings is decided by here. Times in ms, sizes in bytes."""

    min_bytes: int = 1
    max_bytes: int = 52_428_800
    partition_max_bytes: int = 1_048_576
    max_wait_ms: int = 500
    request_timeout_ms: int = 30_000
    read_committed: bool = False
    check_crcs: bool = True
    rack: str = ""
    replica_age_ms_max: int = 300_000
    """After so long the leader is asked again which replica it would have a partition read from."""


class Told(NamedTuple):
    """What a session's node knows of a partition that we read."""

    offset: int
    leader_epoch: int
    topic_id: bytes


class FetchSession:
    """One of the two that a consumer has with a node: the one that `waits` for more, or the other.

    `told` is what the node knows of each partition, by the last Fetch.
    """

    __slots__ = ("epoch", "id", "is_busy", "told", "waits")

    def __init__(self, waits: bool) -> None:
        self.id = self.epoch = 0
        self.waits = waits
        self.told: dict[TopicPartition, Told] = {}
        self.is_busy = False

    def forget(self) -> None:
        """Begin anew; the node drops what it remembers of this one."""
        self.epoch = 0
        self.told.clear()

    def answered(self, session_id: int) -> None:
        """A Fetch was; 0 means that the node has no room for a session."""
        self.id = session_id
        if session_id:
            self.epoch = _after(self.epoch)
        else:
            self.forget()

    def fetch(self, parts: dict[TopicPartition, Part], settings: FetchSettings) -> Any:
        """The next Fetch, of these partitions."""
        from ottla.wire.messages.fetch import FetchRequest

        before, told, changed = self.told, self.told, []
        if before.keys() != parts.keys():
            told = {place: before[place] for place in parts if place in before}
        for place, part in parts.items():
            known, leader = told.get(place), part.leader
            if (
                known is None
                or known.offset != part.fetch_offset
                or known.leader_epoch != leader.epoch
                or known.topic_id != leader.topic_id
            ):
                changed.append((place, known))
                told[place] = Told(part.fetch_offset, leader.epoch, leader.topic_id)
        gone = {place: before[place] for place in before.keys() - told.keys()}
        gone |= {p: known for p, known in changed if known and known.topic_id != told[p].topic_id}
        is_full = self.epoch == 0
        self.told = told
        return FetchRequest(
            max_wait_ms=settings.max_wait_ms if self.waits else 0,
            min_bytes=settings.min_bytes,
            max_bytes=settings.max_bytes,
            isolation_level=int(settings.read_committed),
            session_id=self.id,
            session_epoch=self.epoch,
            topics=self._asked([*told] if is_full else [p for p, _ in changed], settings),
            forgotten_topics_data=[] if is_full else _forgotten(gone),
            rack_id=settings.rack,
        )

    def _asked(self, places: list[TopicPartition], settings: FetchSettings) -> list[FetchTopic]:
        from ottla.wire.messages.fetch import FetchPartition, FetchTopic

        asked: dict[str, FetchTopic] = {}
        for name, number in places:
            told = self.told[(name, number)]
            topic = asked.get(name)
            if topic is None:
                topic = asked[name] = FetchTopic(topic=name, topic_id=told.topic_id)
            row = FetchPartition(
                partition=number,
                current_leader_epoch=told.leader_epoch,
                fetch_offset=told.offset,
                partition_max_bytes=settings.partition_max_bytes,
            )
            topic.partitions.append(row)
        return list(asked.values())


def _forgotten(gone: dict[TopicPartition, Told]) -> list[ForgottenTopic]:
    from ottla.wire.messages.fetch import ForgottenTopic

    forgotten: dict[str, ForgottenTopic] = {}
    for (name, number), told in gone.items():
        topic = forgotten.get(name)
        if topic is None:
            topic = forgotten[name] = ForgottenTopic(topic=name, topic_id=told.topic_id)
        topic.partitions.append(number)
    return list(forgotten.values())


def _after(epoch: int) -> int:
    return 1 if epoch >= 2**31 - 1 else epoch + 1
