"""What holds for transactions by configuration, as the shards use it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class TransactionConfig(NamedTuple):
    """Defaults are Apache Kafka's; each field names its config key."""

    timeout_ms_max: int = 900_000
    """transaction.max.timeout.ms"""
    abort_check_interval_ms: int = 10_000
    """transaction.abort.timed.out.transaction.cleanup.interval.ms"""
    expiration_ms: int = 604_800_000
    """transactional.id.expiration.ms"""
    expiration_check_interval_ms: int = 3_600_000
    """transaction.remove.expired.transaction.cleanup.interval.ms"""
    two_phase_commit: bool = False
    """transaction.two.phase.commit.enable"""
    record_bytes_max: int = 1_048_588
    """max.message.bytes of the internal topic"""
    patience_ms: int = 100
    """add.partitions.to.txn.retry.backoff.max.ms, and no longer than request.timeout.ms"""


ConfigOf = Callable[[], TransactionConfig]
"""What holds now; nobody keeps it."""
