"""What a new active controller writes first: the bootstrap records on an empty log, an abort of a
half-written transaction.

The bootstrap records come from `bootstrap.checkpoint`, which format wrote. With eligible leader
replicas on, the cluster-wide min.insync.replicas must stand in the log, so the controller's own
setting is written with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ottla.metadata.features import (
    ELIGIBLE_LEADER_REPLICAS_VERSION,
    METADATA_VERSION,
    metadata_transactions_supported,
)
from ottla.metadata.image import BROKER_RESOURCE
from ottla.wire.stored.metadata import (
    AbortTransactionRecord,
    BeginTransactionRecord,
    ConfigRecord,
    EndTransactionRecord,
    FeatureLevelRecord,
)

if TYPE_CHECKING:
    from ottla.controller.state import State, Versioned


def activation_records(
    state: State, bootstrap: Sequence[Versioned], open_transaction: int | None
) -> list[Versioned]:
    """The records of activation; none on a log that is in order.

    `open_transaction` is the offset of a BeginTransactionRecord without an end.
    """
    records: list[Versioned] = []
    if open_transaction is not None:
        records.append((AbortTransactionRecord(reason="Controller failover"), 0))
    if state.image.metadata_version:
        return records
    levels = _levels(bootstrap)
    transactional = metadata_transactions_supported(levels.get(METADATA_VERSION, 0))
    if transactional:
        records.append((BeginTransactionRecord(name="Bootstrap records"), 0))
    records.extend(bootstrap)
    if levels.get(ELIGIBLE_LEADER_REPLICAS_VERSION, 0) > 0:
        value = str(state.config["min.insync.replicas"])
        records.append(
            (
                ConfigRecord(
                    resource_type=BROKER_RESOURCE,
                    resource_name="",
                    name="min.insync.replicas",
                    value=value,
                ),
                0,
            )
        )
    if transactional:
        records.append((EndTransactionRecord(), 0))
    return records


def _levels(bootstrap: Sequence[tuple[Any, int]]) -> dict[str, int]:
    return {
        record.name: record.feature_level
        for record, _ in bootstrap
        if isinstance(record, FeatureLevelRecord)
    }
