"""What a broker's configuration says about groups, as the shards use it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class GroupConfig(NamedTuple):
    """Defaults are Apache Kafka's; each field names its config key."""

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
    batch_bytes_max: int = 1048588
    """The internal topic's max.message.bytes: what one group's metadata must fit in."""


ConfigOf = Callable[[str], GroupConfig]
"""What holds for one group, by its id; for "" what holds for all of which nothing else is said."""
