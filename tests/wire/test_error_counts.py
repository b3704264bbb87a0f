"""Error codes of responses, counted for metrics."""

from __future__ import annotations

from ottla.wire.error_counts import error_counts
from ottla.wire.messages.heartbeat import HeartbeatResponse
from ottla.wire.messages.metadata import (
    MetadataResponse,
    MetadataResponsePartition,
    MetadataResponseTopic,
)


def test_codes_are_counted_wherever_they_are() -> None:
    """If this failed, an alert on errors would stay silent, or see some that nobody was told."""
    assert error_counts(HeartbeatResponse()) is None, "one NONE is what most say"
    assert error_counts(HeartbeatResponse(error_code=25)) == {25: 1}
    parts = [MetadataResponsePartition(), MetadataResponsePartition(error_code=5)]
    topics = [MetadataResponseTopic(partitions=parts), MetadataResponseTopic(error_code=3)]
    assert error_counts(MetadataResponse(topics=topics)) == {0: 3, 5: 1, 3: 1}
    assert error_counts(MetadataResponse(topics=[])) == {0: 1}
