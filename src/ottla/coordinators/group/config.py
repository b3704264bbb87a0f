"""What holds for a group by configuration, the broker's and its own, as the shards use it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


class GroupConfig(NamedTuple):
    """Defaults are Apache Kafka's; each field but the last names its config key."""

    initial_rebalance_delay_ms: int = 3000
    """group.initial.rebalance.delay.ms"""
    session_timeout_ms_min: int = 6000
    """group.min.session.timeout.ms"""
    session_timeout_ms_max: int = 1800000
    """group.max.session.timeout.ms"""
    size_max: int = 2147483647
    """group.max.size"""
    offset_metadata_bytes_max: int = 4096
    """offset.metadata.max.bytes"""
    offsets_retention_ms: int = 7 * 24 * 3600 * 1000
    """offsets.retention.minutes"""
    offsets_retention_check_interval_ms: int = 600000
    """offsets.retention.check.interval.ms"""
    new_member_join_timeout_ms: int = 300000
    """How long a member may wait in its first join; fixed in Apache Kafka too."""
    producer_id_expiration_ms: int = 86400000
    """producer.id.expiration.ms"""
    partition_verification: bool = True
    """transaction.partition.verification.enable"""
    batch_bytes_max: int = 1048588
    """max.message.bytes of the internal topic, as it is now: what one group's metadata must fit
    in.
    """
    group: Mapping[str, Any] = MappingProxyType({})
    """What a group may set for itself, by its group key (`consumer.session.timeout.ms`): the value
    in force, so the broker's where it sets none.
    """


ConfigOf = Callable[[str], GroupConfig]
"""What holds for one group now, by its id; for "" what holds for all of which nothing else is said.
It is not kept: an administrator may change it at any time.
"""
