"""What a consumer's membership tells its owner, and how the owner answers: the same for a classic
group and for one of KIP-848, so that the owner can hold either.

The owner's thread that polls takes events one at a time, runs the user's callback without the
client's monitor, and then says `confirmed`. Until then the member goes no further, but its
heartbeats do. A partition is the member's from the `Assigned` that names it until its `Revoke` or
`Lost` is confirmed.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

from ottla.client.machine import Machine
from ottla.client.places import TopicPartition
from ottla.errors import OttlaError
from ottla.wire.errors import ErrorCode


class Revoke(NamedTuple):
    """Let go of these, in order: what was read of them may still be committed."""

    partitions: tuple[TopicPartition, ...]


class Assigned(NamedTuple):
    """A round is over: these were added, and all that the member has now. Either may be empty."""

    added: tuple[TopicPartition, ...]
    partitions: tuple[TopicPartition, ...]


class Lost(NamedTuple):
    """These may be another member's by now: commit nothing for them."""

    partitions: tuple[TopicPartition, ...]


class Failed(NamedTuple):
    """The membership is over; the same error would come again."""

    error: OttlaError


Event = Revoke | Assigned | Lost | Failed


class GroupGeneration(NamedTuple):
    """Who commits: `generation_id` is the member epoch in a group of KIP-848."""

    group_id: str
    member_id: str
    instance_id: str | None
    generation_id: int


class KnownTopics(NamedTuple):
    """The topics that metadata told of: how many partitions each has (0: there is no such topic),
    and where known the racks that hold replicas of each partition, and the topics' ids.
    """

    counts: Mapping[str, int]
    racks: Mapping[str, tuple[frozenset[str], ...]] = MappingProxyType({})
    names: Mapping[bytes, str] = MappingProxyType({})
    """Of topic ids; only groups of KIP-848 need it."""


class ConsumerMembership(Machine, Protocol):
    """A consumer's membership, of whichever kind of group."""

    @property
    def generation(self) -> GroupGeneration | None:
        """What to commit with; None while a rebalance is under way or there is no membership."""

    @property
    def topics(self) -> frozenset[str]:
        """What this member subscribes to."""

    @property
    def wanted_topics(self) -> frozenset[str]:
        """The topics that the owner keeps metadata of, and tells by `metadata_changed`."""

    @property
    def awaited_topics(self) -> frozenset[str]:
        """Of those, the ones that the member can't go on without: to be looked up at once."""

    @property
    def awaited_topic_ids(self) -> frozenset[bytes]:
        """Ids of topics whose names it can't go on without."""

    @property
    def owned(self) -> frozenset[TopicPartition]:
        """What the member has now."""

    @property
    def has_event(self) -> bool:
        """Whether `event` is worth a call: it may give one, or go on by itself."""

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do after `close`, or it has failed."""

    def subscribe(self, topics: frozenset[str], now_ms: int) -> None:
        """Want these topics from now on; with none, let go of all and leave the group."""

    def metadata_changed(self, known: KnownTopics, now_ms: int) -> None:
        """All that the owner knows of `wanted_topics`."""

    def polled(self, now_ms: int) -> None:
        """The user's thread is alive and takes events."""

    def event(self, now_ms: int) -> Event | None:
        """The next event, or None; the one before must have been confirmed."""

    def confirmed(self, now_ms: int) -> None:
        """The callback of the last event has returned."""

    def commit_refused(self, code: ErrorCode, by: GroupGeneration, now_ms: int) -> None:
        """A commit in this generation was refused; that may say something about the membership."""

    def close(self, now_ms: int) -> None:
        """Let go of everything and leave; take events until `is_over`."""
