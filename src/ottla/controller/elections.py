"""Who leads a partition after a change, and the PartitionChangeRecord that says so.

The rules are those of Apache Kafka 4.3.1 with and without eligible leader replicas (KIP-966): a
leader comes from the ISR; from the eligible leader replicas when the ISR is empty; it may be the
last known leader when both are; and any replica only where unclean elections are allowed. The two
last are unclean: the ISR becomes that one replica, in recovery.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from ottla.metadata.delta import NO_LEADER_CHANGE
from ottla.metadata.features import partition_record_version
from ottla.metadata.image import LEADER_RECOVERING, NO_LEADER, Partition, Topic
from ottla.wire.stored.metadata import PartitionChangeRecord

if TYPE_CHECKING:
    from ottla.controller.state import State, Versioned

Acceptable = Callable[[int], bool]


class PartitionChange:
    """Builds one PartitionChangeRecord; read `record` after `build`."""

    __slots__ = (
        "_acceptable",
        "_elr",
        "_elr_enabled",
        "_isr",
        "_old",
        "_recovery",
        "_unclean_allowed",
        "record",
    )

    def __init__(
        self,
        topic_id: bytes,
        index: int,
        old: Partition,
        *,
        isr: Sequence[int],
        acceptable: Acceptable,
        elr_enabled: bool,
        unclean_allowed: bool = False,
        recovery_state: int | None = None,
    ) -> None:
        self._old = old
        self._isr = list(isr)
        self._elr = list(old.eligible_leader_replicas)
        self._acceptable = acceptable
        self._elr_enabled = elr_enabled
        self._unclean_allowed = unclean_allowed
        self._recovery = old.leader_recovery_state if recovery_state is None else recovery_state
        self.record = PartitionChangeRecord(partition_id=index, topic_id=topic_id)

    def build(self, min_isr: int, lost: Iterable[int] = ()) -> bool:
        """Decide; whether anything changes. `lost` replicas shut down uncleanly and may have lost
        data."""
        old, record = self._old, self.record
        if self._elr_enabled:
            self._track_eligible_leaders(min_isr, frozenset(lost))
        self._elect()
        unclean = record.isr is not None
        if unclean or not self._elr_enabled:
            self._elr = []
        if self._elr != list(old.eligible_leader_replicas):
            record.eligible_leader_replicas = self._elr
        if not unclean and (self._isr or self._elr_enabled) and self._isr != list(old.isr):
            record.isr = self._isr
        if self._elr_enabled:
            self._track_last_known_leader()
        elif old.last_known_elr:
            record.last_known_elr = []
        if self._recovery != old.leader_recovery_state:
            record.leader_recovery_state = self._recovery
        return (
            record.isr is not None
            or record.leader != NO_LEADER_CHANGE
            or record.eligible_leader_replicas is not None
            or record.last_known_elr is not None
            or record.leader_recovery_state != -1
        )

    def _track_eligible_leaders(self, min_isr: int, lost: frozenset[int]) -> None:
        if len(self._isr) >= min_isr:
            self._elr = []
            return
        candidates = dict.fromkeys((*self._elr, *self._old.isr))
        self._elr = [
            replica for replica in candidates if replica not in self._isr and replica not in lost
        ]

    def _elect(self) -> None:
        leader, unclean = self._choose()
        if leader == self._old.leader:
            return
        record = self.record
        if leader in self._elr:
            self._isr = [leader]
            self._elr = [replica for replica in self._elr if replica != leader]
        record.leader = leader
        if unclean:
            record.isr = [leader]
            if self._old.leader_recovery_state != LEADER_RECOVERING:
                self._recovery = LEADER_RECOVERING

    def _choose(self) -> tuple[int, bool]:
        old = self._old
        if self._valid(old.leader):
            return old.leader, False
        for replica in old.replicas:
            if self._valid(replica):
                return replica, False
        if self._elr_enabled and not self._isr and not self._elr and len(old.last_known_elr) == 1:
            last_known = old.last_known_elr[0]
            if self._acceptable(last_known):
                return last_known, True
        if self._unclean_allowed:
            for replica in old.replicas:
                if self._acceptable(replica):
                    return replica, True
        return NO_LEADER, False

    def _valid(self, replica: int) -> bool:
        known = replica in self._isr or (not self._isr and replica in self._elr)
        return known and self._acceptable(replica)

    def _track_last_known_leader(self) -> None:
        old, record = self._old, self.record
        if record.leader == NO_LEADER and not old.last_known_elr:
            record.last_known_elr = [old.leader]
        elif record.leader >= 0 and old.last_known_elr:
            record.last_known_elr = []


def leader_and_isr_changes(
    state: State,
    partitions: Iterable[tuple[Topic, int, Partition]],
    *,
    without: int = -1,
    joined: int = -1,
    lost: int = -1,
) -> list[Versioned]:
    """The changes that follow when a broker goes (`without`), comes (`joined`), or came back
    unclean (`lost`)."""
    version = partition_record_version(state.image.metadata_version)
    elr_enabled = state.elr_enabled

    def acceptable(partition: Partition, broker_id: int) -> bool:
        if broker_id in (without, lost):
            return False
        if not state.holds_online(broker_id, partition.directory_of(broker_id)):
            return False
        return broker_id == joined or state.is_active(broker_id)

    changes: list[Versioned] = []
    rules: dict[str, tuple[bool, int]] = {}
    for topic, index, partition in partitions:
        rule = rules.get(topic.name)
        if rule is None:
            unclean = state.unclean_leader_election(topic.name)
            rule = rules[topic.name] = unclean, state.min_insync_replicas(topic.name)
        change = PartitionChange(
            topic.id,
            index,
            partition,
            isr=[replica for replica in partition.isr if replica not in (without, lost)],
            acceptable=partial(acceptable, partition),
            elr_enabled=elr_enabled,
            unclean_allowed=rule[0],
        )
        min_isr = min(rule[1], len(partition.replicas))
        if change.build(min_isr, () if lost < 0 else (lost,)):
            changes.append((change.record, version))
    return changes
