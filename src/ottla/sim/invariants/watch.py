"""What an invariant may hear of; each overrides what it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ottla._core import PartitionOffsets
    from ottla.sim.machine import Machine
    from ottla.sim.model import Commit, Model, Partition, Sending, Topic, Transaction
    from ottla.wire.records import Batch

Key = tuple[str, int]
"""A group, and a partition of the topic that it commits for."""


class Ask(NamedTuple):
    """What a consumer asked of one partition."""

    reader: str
    position: int
    room: int
    """How many bytes this partition's part of the answer might have."""
    first: bool
    """No other partition's records are before it: then one batch comes whatever its size."""
    readable: int
    """Up to where it could surely be read when the request went out."""
    log_start: int = 0
    """Where the log was known to start then."""
    committed: bool = False
    """It reads only what is committed."""
    asked_at: int = 0
    """When, in steps of the run."""


class Identity(NamedTuple):
    """Who writes in the name of a transactional id."""

    transactional_id: str
    instance: str
    """One life of one client."""
    producer_id: int
    producer_epoch: int


class Watch:
    """One invariant."""

    def __init__(self, machine: Machine, model: Model) -> None:
        self.machine, self.model = machine, model

    # records
    def acknowledged(self, partition: Partition, base_offset: int, sent: list[bytes]) -> None:
        """A producer was told that its records are there."""

    def keyed_sent(self, partition: Partition, sending: Sending) -> None:
        """Records with keys go out to a compacted partition."""

    def keyed_acknowledged(self, partition: Partition, base_offset: int, sending: Sending) -> None:
        """Their producer was told that they are there."""

    def fetched(self, partition: Partition, ask: Ask, row: Any, batches: Sequence[Batch]) -> None:
        """A consumer was answered without an error."""

    def unfetched(self, partition: Partition, ask: Ask, error_code: int) -> None:
        """A consumer was answered with this error, or 0: not a word of this partition."""

    def audited(
        self, partition: Partition, offsets: PartitionOffsets, batches: Sequence[Batch]
    ) -> None:
        """All of a log was read, up to its end."""

    def trimmed(self, partition: Partition, log_start: int) -> None:
        """DeleteRecords was answered."""

    def sought(self, partition: Partition, log_start: int, at_ms: int, row: Any) -> None:
        """ListOffsets found a record of this time or later; the log started there when asked."""

    # metadata
    def topics_seen(self, found: dict[str, bytes]) -> None:
        """Metadata's answer: names and ids."""

    def topic_created(self, topic: Topic, topic_id: bytes) -> None:
        """CreateTopics was answered."""

    def topic_deleted(self, topic: Topic) -> None:
        """DeleteTopics was answered."""

    def config_seen(self, topic: Topic, value: str, allowed: set[str]) -> None:
        """DescribeConfigs was answered."""

    # groups
    def joined(self, group: str, generation: int, member_id: str, leads: bool) -> None:
        """JoinGroup was answered."""

    def synced(self, group: str, generation: int, member_id: str, assignment: bytes) -> None:
        """SyncGroup was answered."""

    def commit_sent(self, key: Key, commit: Commit) -> None:
        """An OffsetCommit goes out."""

    def commit_taken(self, key: Key, commit: Commit, generation: int) -> None:
        """It was acknowledged."""

    def commit_refused(self, key: Key, commit: Commit) -> None:
        """It was refused, and changed nothing."""

    def commit_read(self, key: Key, value: int, asked_at: int) -> None:
        """OffsetFetch was answered."""

    # transactions
    def identified(self, identity: Identity, asked_at: int) -> None:
        """A producer was told its id and epoch, by InitProducerId or by EndTxn."""

    def transaction_ended(
        self, one: Transaction, who: Identity, asked_at: int, committed: bool
    ) -> None:
        """EndTxn was acknowledged."""

    def transaction_refused(self, one: Transaction) -> None:
        """The only EndTxn that was ever sent to commit it was refused for good."""

    def offset_read(self, transactional_id: str, value: int, asked_at: int) -> None:
        """A stable OffsetFetch of the group whose offsets its transactions commit."""

    # the node
    def stepped(self) -> None:
        """The run took a step."""

    def ends(self, power_cut: bool) -> None:
        """The node is about to end, or has just died."""

    def began(self) -> None:
        """A node has started."""
