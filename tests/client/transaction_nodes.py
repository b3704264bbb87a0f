"""Two Kafka nodes with transactions that are scripts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from client.peers import HOST, Asked, HangUp, Leads, Peer, metadata_of, versions
from ottla.wire.errors import ErrorCode
from ottla.wire.messages import (
    describe_producers,
    describe_transactions,
    find_coordinator,
    init_producer_id,
    list_transactions,
    write_txn_markers,
)
from ottla.wire.messages.metadata import MetadataRequest

NOT_FOUND, NOT_COORDINATOR = ErrorCode.TRANSACTIONAL_ID_NOT_FOUND, ErrorCode.NOT_COORDINATOR


class Nodes:
    """Node 1 leads t and coordinates a and b, node 2 has u and c. `errors` are given first, by
    the kind of request.
    """

    def __init__(self, versions: Callable[[Asked], Any] = versions) -> None:
        self.leads = [Leads("t", 0, 1), Leads("u", 0, 2)]
        self.coordinators = {"a": 1, "b": 1, "c": 2}
        self.errors: dict[type, list[int]] = {}
        self.left_out: set[str] = set()
        self.peers = [
            Peer(lambda asked, n=n: self._answer(n, asked), versions=versions) for n in (1, 2)
        ]
        self.ports = [peer.port for peer in self.peers]

    def _answer(self, node: int, asked: Asked) -> Any:
        waiting = self.errors.get(type(asked.message))
        error = waiting.pop(0) if waiting else 0
        match asked.message:
            case MetadataRequest():
                return metadata_of(self.ports, self.leads, asked)
            case find_coordinator.FindCoordinatorRequest():
                return self._find_coordinator(asked)
            case list_transactions.ListTransactionsRequest():
                return list_transactions.ListTransactionsResponse(
                    error_code=error, transaction_states=self._listed(node)
                )
            case describe_transactions.DescribeTransactionsRequest():
                return self._describe(node, asked, error)
            case describe_producers.DescribeProducersRequest():
                return self._producers(asked, error)
            case write_txn_markers.WriteTxnMarkersRequest():
                return self._marked(asked, error)
            case init_producer_id.InitProducerIdRequest():
                return init_producer_id.InitProducerIdResponse(
                    error_code=error, producer_id=-1 if error else 7, producer_epoch=3
                )
        raise HangUp

    def _find_coordinator(self, asked: Asked) -> Any:
        assert asked.message.key_type == 1
        rows = []
        for key in asked.message.coordinator_keys or [asked.message.key]:
            node = self.coordinators.get(key, 1)
            at = {"node_id": node, "host": HOST, "port": self.ports[node - 1]}
            if asked.version < 4:
                return find_coordinator.FindCoordinatorResponse(**at)
            rows.append(find_coordinator.Coordinator(key=key, **at))
        return find_coordinator.FindCoordinatorResponse(coordinators=rows)

    def _listed(self, node: int) -> list[list_transactions.TransactionState]:
        return [
            list_transactions.TransactionState(
                transactional_id=key, producer_id=ord(key), transaction_state="Ongoing"
            )
            for key, at in sorted(self.coordinators.items(), reverse=True)
            if at == node
        ]

    def _describe(self, node: int, asked: Asked, error: int) -> Any:
        rows = []
        for key in asked.message.transactional_ids:
            found = error or (NOT_FOUND if key not in "abc" else 0)
            if self.coordinators.get(key, 1) != node:
                found = NOT_COORDINATOR
            row = describe_transactions.TransactionState(error_code=found, transactional_id=key)
            if not found:
                row.transaction_state, row.producer_id = "Ongoing", ord(key)
                row.transaction_start_time_ms = 5 if key == "a" else -1
                row.topics = [describe_transactions.TopicData(topic="t", partitions=[0, 1])]
            if key not in self.left_out:
                rows.append(row)
        return describe_transactions.DescribeTransactionsResponse(transaction_states=rows)

    def _producers(self, asked: Asked, error: int) -> Any:
        topics = []
        for topic in asked.message.topics:
            at = 5 if topic.name == "t" else -1
            row = describe_producers.ProducerState(
                producer_id=9, producer_epoch=1, coordinator_epoch=at, current_txn_start_offset=at
            )
            rows = [
                describe_producers.PartitionResponse(
                    partition_index=number, error_code=error, active_producers=[row]
                )
                for number in topic.partition_indexes
            ]
            topics.append(describe_producers.TopicResponse(name=topic.name, partitions=rows))
        return describe_producers.DescribeProducersResponse(topics=topics)

    def _marked(self, asked: Asked, error: int) -> Any:
        m = write_txn_markers
        (marker,) = asked.message.markers
        (topic,) = marker.topics
        row = m.WritableTxnMarkerPartitionResult(
            partition_index=topic.partition_indexes[0], error_code=error
        )
        told = m.WritableTxnMarkerTopicResult(name=topic.name, partitions=[row])
        result = m.WritableTxnMarkerResult(producer_id=marker.producer_id, topics=[told])
        return m.WriteTxnMarkersResponse(markers=[result])

    def asked(self, kind: Any) -> list[tuple[int, Any]]:
        """Requests of a kind, each with the node that was asked."""
        return [(n, message) for n, peer in enumerate(self.peers, 1) for message in peer.of(kind)]

    def close(self) -> None:
        """End both."""
        for peer in self.peers:
            peer.close()
