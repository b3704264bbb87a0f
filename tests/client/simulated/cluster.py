"""What a cluster of Kafka nodes does, as far as producers and consumers without a group see it: one
log for each partition, which all replicas share, and a leader that alone may say what is in it.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from client.peers import Asked, Leads, metadata_of, versions
from ottla.wire.errors import ErrorCode
from ottla.wire.messages import (
    api_versions,
    fetch,
    init_producer_id,
    list_offsets,
    metadata,
    offset_for_leader_epoch,
    produce,
)
from ottla.wire.records import read_batches

TOPIC = "t"
TOPIC_ID = b"t" * 16
NOT_LEADER = (
    ErrorCode.NOT_LEADER_OR_FOLLOWER,
    ErrorCode.KAFKA_STORAGE_ERROR,
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
)
AFTER_APPEND = ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND
"""It is written, and the producer is told that it may not be."""
REMEMBERED = 5


class Said(NamedTuple):
    """An answer, and whether it has records."""

    message: Any
    has_records: bool = False


class Log:
    """One partition."""

    def __init__(self, leader: int) -> None:
        self.leader, self.epoch = leader, 0
        self.batches: list[tuple[int, int, bytes]] = []
        """Base offset, the offset behind the last, and the bytes."""
        self.end = 0
        self.values: list[bytes | None] = []
        self.known: dict[int, tuple[int, deque[tuple[int, int, int]]]] = {}

    def append(self, data: bytes) -> tuple[int, int]:
        """What a leader does with a batch: (error, base offset)."""
        (batch,) = read_batches(data)
        count = len(batch.records)
        first, last = batch.base_sequence, batch.base_sequence + count - 1
        epoch, batches = self.known.get(batch.producer_id, (-1, deque(maxlen=REMEMBERED)))
        if batch.producer_epoch < epoch:
            return ErrorCode.INVALID_PRODUCER_EPOCH, -1
        if batch.producer_epoch == epoch:
            for known_first, known_last, offset in batches:
                if (known_first, known_last) == (first, last):
                    return ErrorCode.NONE, offset
            if batches and first != batches[-1][1] + 1:
                return ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, -1
        elif epoch >= 0 and first != 0:
            return ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, -1
        else:
            batches = deque(maxlen=REMEMBERED)
        base = self.end
        batches.append((first, last, base))
        self.known[batch.producer_id] = (batch.producer_epoch, batches)
        # The two fields that a leader writes; what follows the second is under the checksum.
        placed = struct.pack(">q", base) + data[8:12] + struct.pack(">i", self.epoch) + data[16:]
        self.end = base + count
        self.batches.append((base, self.end, placed))
        self.values += [record.value for record in batch.records]
        return ErrorCode.NONE, base

    def read(self, offset: int) -> bytes:
        """Whole batches from the one with that offset on."""
        found = [data for _, behind, data in self.batches if behind > offset]
        return b"".join(found[:20])


class Session:
    """What a node remembers between a consumer's Fetches (KIP-227)."""

    def __init__(self) -> None:
        self.epoch = 1
        self.asked: dict[int, Any] = {}
        self.told: dict[int, tuple[int, int]] = {}
        """The error and the end that were told of a partition last."""


class Cluster:
    """The logs of one topic, and who leads them."""

    def __init__(self, partitions: int, nodes: Sequence[int]) -> None:
        self.count = partitions
        self.logs = [Log(nodes[number % len(nodes)]) for number in range(partitions)]
        self._nodes = nodes
        self._producers = 0
        self._sessions: dict[tuple[int, int], Session] = {}
        self._last_session = 0

    def forget_sessions(self) -> None:
        """As nodes do that have too many."""
        self._sessions.clear()

    next_ms: int | None = None
    """When something happens in it by itself."""

    def time(self, now_ms: int) -> None:
        """The time goes on."""

    def is_asked_of_group(self, message: Any) -> bool:
        """Whether a group's coordinator answers that."""
        return False

    def ask_group(
        self, node: int, asked: Asked, refused: bool, done: Callable[[Any], None]
    ) -> None:
        """Have it answer."""
        raise AssertionError(f"there are no groups here: {asked} of {node}, {refused}, {done}")

    def move(self, partition: int, node: int) -> None:
        """Another node leads."""
        log = self.logs[partition]
        log.leader, log.epoch = node, log.epoch + 1

    def answer(self, node: int, asked: Asked, refusal: int) -> Said:
        """What a node says; `refusal` is an error for whatever it is asked of partitions."""
        match asked.message:
            case api_versions.ApiVersionsRequest():
                return Said(versions(asked))
            case metadata.MetadataRequest():
                leads = [Leads(TOPIC, n, log.leader, log.epoch) for n, log in enumerate(self.logs)]
                return Said(metadata_of(self._nodes, leads, asked))
            case init_producer_id.InitProducerIdRequest():
                return Said(self._producer(refusal))
            case produce.ProduceRequest() as request:
                return Said(self._produce(node, request, refusal))
            case list_offsets.ListOffsetsRequest() as request:
                return Said(self._list_offsets(node, request, refusal))
            case offset_for_leader_epoch.OffsetForLeaderEpochRequest() as request:
                return Said(self._leader_epochs(node, request, refusal))
            case fetch.FetchRequest() as request:
                return self._fetch(node, request, refusal)
        raise AssertionError(asked)

    def _code(self, node: int, log: Log, refusal: int) -> int:
        if refusal:
            return refusal
        return 0 if log.leader == node else ErrorCode.NOT_LEADER_OR_FOLLOWER

    def _producer(self, refusal: int) -> Any:
        if refusal:
            loads = ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
            return init_producer_id.InitProducerIdResponse(error_code=loads)
        self._producers += 1
        return init_producer_id.InitProducerIdResponse(producer_id=self._producers)

    def _produce(self, node: int, request: Any, refusal: int) -> Any:
        topics = []
        for topic in request.topic_data:
            rows = []
            for asked in topic.partition_data:
                log = self.logs[asked.index]
                code, offset = self._code(node, log, refusal), -1
                if not code or (code == AFTER_APPEND and log.leader == node):
                    code, offset = self._append(asked.index, bytes(asked.records))
                    if refusal and not code:
                        code, offset = refusal, -1
                row = produce.PartitionProduceResponse(
                    index=asked.index, error_code=code, base_offset=offset
                )
                rows.append(row)
            topics.append(
                produce.TopicProduceResponse(
                    name=TOPIC, topic_id=topic.topic_id, partition_responses=rows
                )
            )
        return produce.ProduceResponse(responses=topics)

    def _append(self, number: int, data: bytes) -> tuple[int, int]:
        return self.logs[number].append(data)

    def _list_offsets(self, node: int, request: Any, refusal: int) -> Any:
        m, topics = list_offsets, []
        for topic in request.topics:
            rows = []
            for asked in topic.partitions:
                log = self.logs[asked.partition_index]
                code = self._code(node, log, refusal)
                offset = -1 if code else 0 if asked.timestamp == -2 else log.end
                row = m.ListOffsetsPartitionResponse(
                    partition_index=asked.partition_index,
                    error_code=code,
                    offset=offset,
                    leader_epoch=-1 if code else log.epoch,
                )
                rows.append(row)
            topics.append(m.ListOffsetsTopicResponse(name=topic.name, partitions=rows))
        return m.ListOffsetsResponse(topics=topics)

    def _leader_epochs(self, node: int, request: Any, refusal: int) -> Any:
        m, topics = offset_for_leader_epoch, []
        for topic in request.topics:
            rows = []
            for asked in topic.partitions:
                log = self.logs[asked.partition]
                code = self._code(node, log, refusal)
                row = m.EpochEndOffset(
                    error_code=code,
                    partition=asked.partition,
                    leader_epoch=-1 if code else asked.leader_epoch,
                    end_offset=-1 if code else log.end,
                )
                rows.append(row)
            topics.append(m.OffsetForLeaderTopicResult(topic=topic.topic, partitions=rows))
        return m.OffsetForLeaderEpochResponse(topics=topics)

    def _fetch(self, node: int, request: Any, refusal: int) -> Said:
        """What there is; in a session only of partitions of which something is to be told."""
        refusal = 0 if refusal == AFTER_APPEND else refusal
        session_id, session = self._session(node, request)
        if session is None:
            code = ErrorCode.FETCH_SESSION_ID_NOT_FOUND
            if (node, request.session_id) in self._sessions:
                code = ErrorCode.INVALID_FETCH_SESSION_EPOCH
            return Said(fetch.FetchResponse(error_code=code), has_records=True)
        is_full = request.session_epoch == 0
        rows, has_records = [], False
        for number, asked in session.asked.items():
            row = self._fetched(node, asked, refusal)
            news = (row.error_code, row.high_watermark)
            if row.records or row.error_code:
                has_records = True
            elif not is_full and session.told.get(number) == news:
                continue
            rows.append(row)
        topic = fetch.FetchableTopicResponse(topic=TOPIC, topic_id=TOPIC_ID, partitions=rows)
        response = fetch.FetchResponse(session_id=session_id, responses=[topic] if rows else [])
        return Said(response, has_records)

    def _session(self, node: int, request: Any) -> tuple[int, Session | None]:
        """The one that a Fetch is of; None if it is of one that is not, or not so far."""
        asked = {row.partition: row for topic in request.topics for row in topic.partitions}
        key = (node, request.session_id)
        if request.session_epoch == 0:
            self._sessions.pop(key, None)
            self._last_session += 1
            session = self._sessions[(node, self._last_session)] = Session()
            session.asked = asked
            return self._last_session, session
        found = self._sessions.get(key)
        if found is None or found.epoch != request.session_epoch:
            return request.session_id, None
        for topic in request.forgotten_topics_data:
            for number in topic.partitions:
                found.asked.pop(number, None)
        found.asked.update(asked)
        return request.session_id, found

    def fetched(self, node: int, request: Any, response: Any) -> None:
        """The Fetch is answered: what it told counts from now on."""
        found = self._sessions.get((node, response.session_id))
        if found is None or response.error_code:
            return
        for row in (row for topic in response.responses for row in topic.partitions):
            found.told[row.partition_index] = (row.error_code, row.high_watermark)
        found.epoch += request.session_epoch > 0

    def _fetched(self, node: int, asked: Any, refusal: int) -> Any:
        log = self.logs[asked.partition]
        code = self._code(node, log, refusal)
        if not code and asked.current_leader_epoch not in (-1, log.epoch):
            older = asked.current_leader_epoch < log.epoch
            code = ErrorCode.FENCED_LEADER_EPOCH if older else ErrorCode.UNKNOWN_LEADER_EPOCH
        end = -1 if code else log.end
        return fetch.PartitionData(
            partition_index=asked.partition,
            error_code=code,
            high_watermark=end,
            last_stable_offset=end,
            log_start_offset=0,
            records=None if code else log.read(asked.fetch_offset) or None,
        )
