"""Admin calls about transactions (KIP-664): list and describe them, show who writes to partitions,
abort what hangs, fence producers.

A transactional id is asked for at its coordinator, a partition's producers at its leader; listing
goes to every node, each of which knows those that it coordinates. An id or a partition succeeds or
fails by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from ottla.client.admin.offsets import ask_leaders, by_topic, partition_rows
from ottla.client.admin.scattered import ask_scattered
from ottla.client.client import Client
from ottla.client.connecting.connection import Connection
from ottla.client.errors import ApiNotSupported, BrokerError, check
from ottla.client.outcomes import answered
from ottla.client.places import TopicPartition
from ottla.errors import OttlaError
from ottla.wire.coordinator_types import TRANSACTION
from ottla.wire.errors import ErrorCode


class Listed(NamedTuple):
    """A transactional id in a list."""

    transactional_id: str
    coordinator: int
    producer_id: int
    state: str


class Described(NamedTuple):
    """A transactional id as its coordinator knows it; without a start it has no transaction."""

    transactional_id: str
    coordinator: int
    producer_id: int
    producer_epoch: int
    state: str
    timeout_ms: int
    start_ms: int | None
    partitions: list[TopicPartition]


class ActiveProducer(NamedTuple):
    """A producer that a partition remembers; the offset is where its open transaction begins."""

    producer_id: int
    producer_epoch: int
    coordinator_epoch: int | None
    last_sequence: int
    last_timestamp_ms: int
    start_offset: int | None


class Open(NamedTuple):
    """What names an open transaction to the leader of a partition that it is in."""

    topic: str
    partition: int
    producer_id: int
    producer_epoch: int
    coordinator_epoch: int


class FencedProducer(NamedTuple):
    """The producer id and epoch that a transactional id has since its producers were fenced."""

    producer_id: int
    producer_epoch: int


def list_transactions(
    client: Client,
    *,
    states: Iterable[str] = (),
    producer_ids: Iterable[int] = (),
    longer_than_ms: int = -1,
    pattern: str | None = None,
) -> list[Listed]:
    """All transactional ids, by coordinator and name, or those that pass every filter given.

    Args:
        longer_than_ms: open for longer than that; below 0 all.
        pattern: RE2, matched against the whole id.

    Raises:
        ApiNotSupported: a node knows no such filter.
        OttlaError: a node could not be asked.
    """
    from ottla.wire.messages.list_transactions import ListTransactionsRequest

    asked = ListTransactionsRequest(
        state_filters=list(states),
        producer_id_filters=list(producer_ids),
        duration_filter=longer_than_ms,
        transactional_id_pattern=pattern,
    )
    least = 2 if pattern is not None else 1 if longer_than_ms >= 0 else 0

    def ask(connection: Connection, node_id: int) -> Any:
        if connection.version_for(ListTransactionsRequest) < least:
            raise ApiNotSupported(
                f"node {node_id} can't filter transactions so (ListTransactions v{least})"
            )
        return asked

    def read(response: Any) -> Any:
        check(response.error_code)
        return response.transaction_states

    nodes = sorted(client.attempt(client.nodes))
    return [
        Listed(row.transactional_id, node_id, row.producer_id, row.transaction_state)
        for node_id, rows in client.attempt_nodes(nodes, ask, read).items()
        for row in sorted(rows, key=lambda row: str(row.transactional_id))
    ]


def describe_transactions(
    client: Client, transactional_ids: Iterable[str]
) -> dict[str, Described | BrokerError]:
    """Transactional ids as their coordinators know them: TRANSACTIONAL_ID_NOT_FOUND if they don't.

    Raises:
        OttlaError: a node could not be asked.
    """
    from ottla.wire.messages.describe_transactions import DescribeTransactionsRequest

    at: dict[str, int] = {}

    def request(_: Connection, node_id: int, keys: list[str]) -> Any:
        at.update(dict.fromkeys(keys, node_id))
        return DescribeTransactionsRequest(transactional_ids=keys)

    found = ask_scattered(
        client,
        transactional_ids,
        nodes=lambda keys: client.coordinators(keys, kind=TRANSACTION),
        request=request,
        rows=lambda answer: [(row.transactional_id, row) for row in answer.transaction_states],
        doubt=lambda key, error: client.doubt_coordinator(key, error, kind=TRANSACTION),
    )
    return {
        key: row if isinstance(row, BrokerError) else _described(row, at[key])
        for key, row in found.items()
    }


def describe_producers(
    client: Client, places: Iterable[TopicPartition], *, broker: int | None = None
) -> dict[TopicPartition, list[ActiveProducer] | BrokerError]:
    """Who wrote to partitions lately, as their leaders know it, or a replica's `broker`.

    Raises:
        OttlaError: a node could not be asked.
    """
    from ottla.wire.messages import describe_producers as m

    def request(_: Connection, node_id: int, wanted: list[TopicPartition]) -> Any:
        topics = by_topic(wanted).items()
        return m.DescribeProducersRequest(
            topics=[m.TopicRequest(name=name, partition_indexes=rows) for name, rows in topics]
        )

    if broker is None:
        found = ask_leaders(client, places, request)
    else:
        found = _ask_replica(client, list(places), broker, request)
    return {
        place: row if isinstance(row, BrokerError) else [*map(_producer, row.active_producers)]
        for place, row in found.items()
    }


def abort_transaction(client: Client, transaction: Open) -> None:
    """Have a partition's leader write the marker that aborts, past the coordinator.

    It is for a transaction that its coordinator has forgotten; one that it still knows is ended by
    `force_terminate_transaction`.

    Raises:
        BrokerError: the leader refused (INVALID_PRODUCER_EPOCH, TRANSACTION_COORDINATOR_FENCED).
        OttlaError: the leader could not be asked.
    """
    from ottla.wire.messages import write_txn_markers as m

    topic, partition, producer_id, producer_epoch, coordinator_epoch = transaction
    place = (topic, partition)
    marked = m.WritableTxnMarkerTopic(name=topic, partition_indexes=[partition])
    marker = m.WritableTxnMarker(
        producer_id=producer_id,
        producer_epoch=producer_epoch,
        coordinator_epoch=coordinator_epoch,
        transaction_result=False,
        topics=[marked],
    )

    def request(_: Connection, node_id: int, wanted: list[TopicPartition]) -> Any:
        return m.WriteTxnMarkersRequest(markers=[marker])

    found = ask_scattered(
        client,
        [place],
        nodes=client.leaders,
        request=request,
        rows=lambda answer: [row for one in answer.markers for row in partition_rows(one)],
        doubt=client.doubt_leader,
    )[place]
    if isinstance(found, BrokerError):
        raise found


def fence_producers(
    client: Client, transactional_ids: Iterable[str]
) -> dict[str, FencedProducer | BrokerError]:
    """Shut out whoever produces with these ids now, and abort what they have open.

    As with Java's Admin the ids get a new epoch and the client's request time-out for the time-out
    of their transactions, until their next producer comes with its own. An id that nobody has is
    made.

    Raises:
        OttlaError: a coordinator could not be asked.
    """
    from ottla.wire.messages.init_producer_id import InitProducerIdRequest

    def fence(transactional_id: str) -> FencedProducer | BrokerError:
        request = InitProducerIdRequest(
            transactional_id=transactional_id, transaction_timeout_ms=client.request_timeout_ms
        )

        def ask() -> FencedProducer:
            answer = client.request_coordinator(transactional_id, request, kind=TRANSACTION)
            check(answer.error_code)
            return FencedProducer(answer.producer_id, answer.producer_epoch)

        try:
            return client.attempt(ask, coordinator_of=transactional_id, kind=TRANSACTION)
        except BrokerError as error:
            return error

    return {one: fence(one) for one in dict.fromkeys(transactional_ids)}


def force_terminate_transaction(client: Client, transactional_id: str) -> None:
    """Abort what an id has open, by fencing its producers.

    Raises:
        BrokerError: its coordinator refused.
        OttlaError: its coordinator could not be asked.
    """
    fenced = fence_producers(client, [transactional_id])[transactional_id]
    if isinstance(fenced, BrokerError):
        raise fenced


def _ask_replica(
    client: Client, places: list[TopicPartition], broker: int, request: Any
) -> dict[TopicPartition, Any]:
    """One broker alone: that it has no replica is no reason to ask another, nor again."""
    if broker not in client.attempt(client.nodes):
        missing = BrokerError(ErrorCode.BROKER_NOT_AVAILABLE, f"the cluster has no broker {broker}")
        return dict.fromkeys(places, missing)

    def ask() -> Any:
        outcomes = client.request_nodes([broker], lambda *at: request(*at, places))
        return answered(outcomes[broker])

    rows = dict(partition_rows(client.attempt(ask)))
    found: dict[TopicPartition, Any] = {}
    for place in places:
        row = rows.get(place)
        if row is None:
            raise OttlaError(f"broker {broker} left {place[0]}-{place[1]} out of its answer")
        failed = row.error_code and BrokerError(row.error_code, row.error_message)
        found[place] = failed or row
    return found


def _described(row: Any, coordinator: int) -> Described:
    return Described(
        row.transactional_id,
        coordinator,
        row.producer_id,
        row.producer_epoch,
        row.transaction_state,
        row.transaction_timeout_ms,
        None if row.transaction_start_time_ms < 0 else row.transaction_start_time_ms,
        [(topic.topic, number) for topic in row.topics for number in topic.partitions],
    )


def _producer(row: Any) -> ActiveProducer:
    return ActiveProducer(
        row.producer_id,
        row.producer_epoch,
        None if row.coordinator_epoch < 0 else row.coordinator_epoch,
        row.last_sequence,
        row.last_timestamp,
        None if row.current_txn_start_offset < 0 else row.current_txn_start_offset,
    )
