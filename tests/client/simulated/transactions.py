"""The model with transactions: a coordinator, and logs in which what was sent is open, committed or
aborted. By the way of before KIP-890, where a producer names the partitions of a transaction, and
by that of today, where each transaction has an epoch of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from client.peers import HOST, Asked, versions
from client.simulated.cluster import Cluster, Said
from ottla.wire.errors import ErrorCode
from ottla.wire.messages import (
    add_partitions_to_txn,
    api_versions,
    end_txn,
    find_coordinator,
    init_producer_id,
)
from ottla.wire.records import read_batches

TRANSACTIONAL_ID = "x"
PRODUCER_ID = 77
BY_ITSELF = 12
"""From this version on a Produce joins its transaction by itself."""
RAISES = 5
"""From this version on EndTxn raises the epoch."""


class Transactions(Cluster):
    """One transactional id; its coordinator is the node that leads the last partition."""

    def __init__(self, partitions: int, nodes: Sequence[int], *, of_today: bool) -> None:
        super().__init__(partitions, nodes)
        self.of_today = of_today
        self.epoch = -1
        self.joined: set[int] = set()
        self.ended: tuple[int, bool] | None = None
        """Which epoch's transaction ended last, and whether it was committed."""
        self.open: list[list[bytes | None]] = [[] for _ in range(partitions)]
        self.committed: list[list[bytes | None]] = [[] for _ in range(partitions)]
        self._version = 0

    @property
    def coordinator(self) -> int:
        """The node that has it."""
        return self.logs[-1].leader

    def answer(self, node: int, asked: Asked, refusal: int) -> Said:
        """What a node says."""
        self._version = asked.version
        match asked.message:
            case api_versions.ApiVersionsRequest():
                found = versions(asked)
                level = 2 if self.of_today else 0
                found.finalized_features_epoch = 1
                found.finalized_features = [
                    api_versions.FinalizedFeatureKey(
                        name="transaction.version", max_version_level=level, min_version_level=level
                    )
                ]
                return Said(found)
            case find_coordinator.FindCoordinatorRequest():
                return Said(self._find())
        kinds = (
            init_producer_id.InitProducerIdRequest,
            add_partitions_to_txn.AddPartitionsToTxnRequest,
            end_txn.EndTxnRequest,
        )
        if not isinstance(asked.message, kinds):
            return super().answer(node, asked, refusal)
        code = 0 if node == self.coordinator else ErrorCode.NOT_COORDINATOR
        code = ErrorCode.COORDINATOR_LOAD_IN_PROGRESS if refusal else code
        match asked.message:
            case init_producer_id.InitProducerIdRequest() as request:
                return Said(self._initialize(request, code))
            case add_partitions_to_txn.AddPartitionsToTxnRequest() as request:
                return Said(self._add(request, code))
            case end_txn.EndTxnRequest() as request:
                return Said(self._end(request, code, raises=asked.version >= RAISES))
        raise AssertionError(asked)

    def _find(self) -> Any:
        where = find_coordinator.Coordinator(
            key=TRANSACTIONAL_ID, node_id=self.coordinator, host=HOST, port=self.coordinator
        )
        return find_coordinator.FindCoordinatorResponse(coordinators=[where])

    def _initialize(self, request: Any, code: int) -> Any:
        m = init_producer_id
        if not code and request.producer_id >= 0 and request.producer_epoch < self.epoch:
            code = ErrorCode.PRODUCER_FENCED
            if request.producer_epoch == self.epoch - 1 and not self.joined:
                code = 0  # its raise was done before, and the answer was lost
                self.epoch -= 1
        if code:
            return m.InitProducerIdResponse(error_code=code)
        self.epoch += 1
        self._settle(False)
        return m.InitProducerIdResponse(producer_id=PRODUCER_ID, producer_epoch=self.epoch)

    def _add(self, request: Any, code: int) -> Any:
        m = add_partitions_to_txn
        if not code and request.v3_and_below_producer_epoch != self.epoch:
            code = ErrorCode.PRODUCER_FENCED
        topics = []
        for topic in request.v3_and_below_topics:
            if not code:
                self.joined.update(topic.partitions)
            rows = [
                m.AddPartitionsToTxnPartitionResult(partition_index=n, partition_error_code=code)
                for n in topic.partitions
            ]
            topics.append(
                m.AddPartitionsToTxnTopicResult(name=topic.name, results_by_partition=rows)
            )
        return m.AddPartitionsToTxnResponse(results_by_topic_v3_and_below=topics)

    def _end(self, request: Any, code: int, *, raises: bool) -> Any:
        m = end_txn
        if code:
            return m.EndTxnResponse(error_code=code)
        was = (request.producer_epoch, request.committed)
        if not self.joined and self.ended == was:
            pass  # it was done before, and the answer was lost
        elif request.producer_epoch != self.epoch:
            return m.EndTxnResponse(error_code=ErrorCode.PRODUCER_FENCED)
        elif not self.joined and request.committed:
            return m.EndTxnResponse(error_code=ErrorCode.INVALID_TXN_STATE)
        else:
            self.epoch += raises
            self._settle(request.committed)
            self.ended = was
        if not raises:
            return m.EndTxnResponse()
        return m.EndTxnResponse(producer_id=PRODUCER_ID, producer_epoch=self.epoch)

    def _settle(self, committed: bool) -> None:
        """Markers are written everywhere."""
        for number in self.joined:
            if committed:
                self.committed[number] += self.open[number]
            self.open[number].clear()
            log = self.logs[number]
            known_epoch, _ = log.known.get(PRODUCER_ID, (-1, None))
            if known_epoch < self.epoch:
                log.known[PRODUCER_ID] = (self.epoch, deque(maxlen=5))
        self.joined.clear()

    def _append(self, number: int, data: bytes) -> tuple[int, int]:
        (batch,) = read_batches(data)
        if batch.producer_epoch < self.epoch:
            return ErrorCode.INVALID_PRODUCER_EPOCH, -1
        if self._version >= BY_ITSELF:
            self.joined.add(number)
        elif number not in self.joined:
            return ErrorCode.INVALID_TXN_STATE, -1
        before = self.logs[number].end
        code, offset = super()._append(number, data)
        if not code and offset >= before:
            self.open[number] += [record.value for record in batch.records]
        return code, offset
