"""What came of several requests at once, and why there is nothing to ask of a partition."""

from __future__ import annotations

from typing import Any

from ottla.client.errors import BrokerError
from ottla.client.network import passes
from ottla.client.places import TopicPartition
from ottla.errors import OttlaError
from ottla.wire.errors import ErrorCode


def answered(outcome: Any | OttlaError) -> Any:
    """The response in an outcome of `request_nodes`.

    Raises:
        OttlaError: the outcome is none.
    """
    if isinstance(outcome, OttlaError):
        raise outcome
    return outcome


def why_none(topic: Any | None, place: TopicPartition) -> BrokerError:
    """Why a partition has no leader, by the topic's row in a Metadata response."""
    name, partition = place
    if topic is not None and topic.error_code:
        return BrokerError(topic.error_code)
    for row in topic.partitions if topic is not None else ():
        if row.partition_index == partition:
            # Without an error the row is older than what is known: its leader led before.
            return BrokerError(row.error_code or ErrorCode.LEADER_NOT_AVAILABLE)
    return BrokerError(
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"topic '{name}' has no partition {partition}"
    )


def gravest(failures: list[OttlaError]) -> OttlaError:
    """Of several failures at once the one that counts: the first that does not pass by itself."""
    return next((f for f in failures if not passes(f)), failures[0])
