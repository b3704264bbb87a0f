"""Admin calls about offsets in partitions: ends of logs, what lies at a time, cutting logs.

Partitions are grouped by their leader (`scattered.py`), so a call costs one request a node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ottla.client.admin.scattered import ask_scattered
from ottla.client.client import Client
from ottla.client.connecting.connection import Connection
from ottla.client.errors import ApiNotSupported, BrokerError
from ottla.client.places import TopicPartition as TopicPartition

LATEST, EARLIEST, MAX_TIMESTAMP, EARLIEST_LOCAL, LATEST_TIERED, EARLIEST_PENDING_UPLOAD = (
    -1,
    -2,
    -3,
    -4,
    -5,
    -6,
)
_NEEDS_VERSION = {
    MAX_TIMESTAMP: 7,
    EARLIEST_LOCAL: 8,
    LATEST_TIERED: 9,
    EARLIEST_PENDING_UPLOAD: 11,
}


class Found(NamedTuple):
    """An offset and its record's timestamp; offset -1 when the log has no such record."""

    offset: int
    timestamp_ms: int
    leader_epoch: int


def list_offsets(
    client: Client, wanted: Mapping[TopicPartition, int], *, read_committed: bool = False
) -> dict[TopicPartition, Found | BrokerError]:
    """The offset at a timestamp (or LATEST, EARLIEST, ...) of each partition."""
    from ottla.wire.messages import list_offsets as m

    def request(connection: Connection, node_id: int, places: list[TopicPartition]) -> Any:
        version = connection.version_for(m.ListOffsetsRequest)
        for place in places:
            least = _NEEDS_VERSION.get(wanted[place], 0)
            if version < least:
                raise ApiNotSupported(
                    f"node {node_id} knows no offset for {wanted[place]} (ListOffsets v{least})"
                )
        return m.ListOffsetsRequest(
            replica_id=-1,
            isolation_level=1 if read_committed else 0,
            topics=[
                m.ListOffsetsTopic(
                    name=topic,
                    partitions=[
                        m.ListOffsetsPartition(partition_index=p, timestamp=wanted[(topic, p)])
                        for p in partitions
                    ],
                )
                for topic, partitions in by_topic(places).items()
            ],
            timeout_ms=client.timeout_ms,
        )

    found: dict[TopicPartition, Found | BrokerError] = {}
    for place, row in ask_leaders(client, wanted, request).items():
        if isinstance(row, BrokerError):
            found[place] = row
        else:
            found[place] = Found(row.offset, row.timestamp, row.leader_epoch)
    return found


def offsets_or_raise(
    client: Client, wanted: Mapping[TopicPartition, int], *, read_committed: bool = False
) -> dict[TopicPartition, int | None]:
    """The same, without the rest; None where the log has no such record.

    Raises:
        BrokerError: the first error of a partition, which it names.
    """
    found: dict[TopicPartition, int | None] = {}
    for place, row in list_offsets(client, wanted, read_committed=read_committed).items():
        if isinstance(row, BrokerError):
            topic, partition = place
            whose = "" if topic in str(row) else f"{topic}-{partition}: "
            raise BrokerError(row.code, f"{whose}{row}", hint=row.hint)
        found[place] = row.offset if row.offset >= 0 else None
    return found


def delete_records(
    client: Client, before: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int | BrokerError]:
    """Drop records below an offset (-1: all) of each partition; the new log start offsets."""
    from ottla.wire.messages import delete_records as m

    def request(_: Connection, node_id: int, places: list[TopicPartition]) -> Any:
        return m.DeleteRecordsRequest(
            topics=[
                m.DeleteRecordsTopic(
                    name=topic,
                    partitions=[
                        m.DeleteRecordsPartition(partition_index=p, offset=before[(topic, p)])
                        for p in partitions
                    ],
                )
                for topic, partitions in by_topic(places).items()
            ],
            timeout_ms=client.timeout_ms,
        )

    return {
        place: row if isinstance(row, BrokerError) else row.low_watermark
        for place, row in ask_leaders(client, before, request).items()
    }


def by_topic(places: Iterable[TopicPartition]) -> dict[str, list[int]]:
    """Partitions under their topics, in the order given."""
    topics: dict[str, list[int]] = {}
    for topic, partition in places:
        topics.setdefault(topic, []).append(partition)
    return topics


def ask_leaders(
    client: Client,
    wanted: Iterable[TopicPartition],
    request: Callable[[Connection, int, list[TopicPartition]], Any],
) -> dict[TopicPartition, Any]:
    """One request a leader, all at once; the row of each partition, or its error."""
    return ask_scattered(
        client,
        wanted,
        nodes=client.leaders,
        request=request,
        rows=partition_rows,
        doubt=client.doubt_leader,
    )


def partition_rows(answer: Any) -> Iterator[tuple[TopicPartition, Any]]:
    """The partitions in an answer that has them under their topics."""
    for topic in answer.topics:
        for row in topic.partitions:
            yield (topic.name, row.partition_index), row
