"""Conversations about producing, fetching and finding records."""

from __future__ import annotations

import struct
from typing import Any

from conformance.cases_basic import create
from conformance.talk import Talk
from ottla.wire import frame
from ottla.wire.messages.delete_records import (
    DeleteRecordsPartition,
    DeleteRecordsRequest,
    DeleteRecordsTopic,
)
from ottla.wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic, ForgottenTopic
from ottla.wire.messages.init_producer_id import InitProducerIdRequest
from ottla.wire.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsTopic,
)
from ottla.wire.messages.offset_for_leader_epoch import (
    OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)
from ottla.wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from ottla.wire.records import Record, build_batch, control_batch

THEN = 1_700_000_000_000
LOG_APPEND_TIME = 0x08


def batch(count: int = 3, *, at: int = THEN, value: bytes = b"value", **header: Any) -> bytes:
    """A batch of some records, a second apart."""
    records = [Record(b"k%d" % i, value, (), at + i * 1000) for i in range(count)]
    return build_batch(records, **header)


def produce(
    talk: Talk, topic: str, data: bytes | None, version: int = 9, *, partition: int = 0, **more: Any
) -> Any:
    """Produce bytes to one partition and note the answer."""
    rows = [PartitionProduceData(index=partition, records=data)]
    topic_id = more.pop("topic_id", bytes(16))
    topics = [TopicProduceData(name=topic, topic_id=topic_id, partition_data=rows)]
    request = ProduceRequest(**{"acks": -1, "timeout_ms": 5000, **more}, topic_data=topics)
    return talk.ask(request, version)


def fetch(talk: Talk, topic: str, offset: int, version: int = 12, **more: Any) -> Any:
    """Fetch from one partition and note the answer."""
    partition = {"partition": 0, "partition_max_bytes": 1 << 20, **more.pop("partition", {})}
    row = FetchPartition(fetch_offset=offset, **partition)
    topics = [FetchTopic(topic=topic, topic_id=more.pop("topic_id", bytes(16)), partitions=[row])]
    note = more.pop("note", True)
    request = FetchRequest(**{"max_wait_ms": 0, "min_bytes": 0, **more}, topics=topics)
    return talk.ask(request, version, note=note)


def case_produce_versions(talk: Talk) -> None:
    """A good batch in every version of Produce, read back in every version of Fetch."""
    topic = talk.topic()
    topic_id = create(talk, topic)
    for version in range(3, 14):
        produce(talk, topic, batch(), version, topic_id=topic_id)
    for version in range(4, 19):
        fetch(talk, topic, 3 * (version % 11), version, topic_id=topic_id)


def case_produce_errors(talk: Talk) -> None:
    """Each way in which a batch is refused, in a version with texts."""
    topic = talk.topic()
    create(talk, topic, max_message_bytes="2000")
    good = batch()
    wrong = {
        "crc": good[:17] + bytes([good[17] ^ 1]) + good[18:],
        "payload": good[:-3] + bytes([good[-3] ^ 1]) + good[-2:],
        "magic 1": good[:16] + b"\1" + good[17:],
        "magic 3": good[:16] + b"\3" + good[17:],
        "too large": batch(1, value=b"x" * 3000),
        "control": control_batch(1, b"\0\0\0\0\0\0", timestamp_ms=THEN, producer_id=5),
        "empty": b"",
        "two batches": good + good,
        "cut": good[:-5],
        "only a header": good[:61],
        "negative length": good[:8] + struct.pack(">i", -1) + good[12:],
        "short length": good[:8] + struct.pack(">i", 10) + good[12:],
    }
    for name, data in wrong.items():
        talk.note(name)
        try:
            produce(talk, topic, data)
        except Exception as error:
            talk.note(type(error).__name__)
            talk.hang_up()
    produce(talk, topic, good)


def case_produce_to_nowhere(talk: Talk) -> None:
    """Unknown topics and partitions, unknown ids, bad names."""
    topic = talk.topic()
    create(talk, topic)
    produce(talk, talk.topic("missing"), batch())
    produce(talk, topic, batch(), partition=7)
    produce(talk, topic, batch(), partition=-1)
    produce(talk, "bad/name", batch())
    produce(talk, "", batch(), 13, topic_id=b"\1" * 16)
    produce(talk, "__consumer_offsets", batch())


def case_produce_acks(talk: Talk) -> None:
    """acks 1 answers, acks 2 is refused, acks 0 stays silent and is written."""
    topic = talk.topic()
    create(talk, topic)
    produce(talk, topic, batch(), acks=1)
    produce(talk, topic, batch(), acks=2)
    produce(talk, topic, batch(), acks=-2)
    rows = [PartitionProduceData(index=0, records=batch())]
    topics = [TopicProduceData(name=topic, partition_data=rows)]
    silent = ProduceRequest(acks=0, timeout_ms=5000, topic_data=topics)
    payload = frame.encode_request(silent, 9, correlation_id=77, client_id="c")
    talk.note(talk.stays_silent(payload))
    list_offsets(talk, topic, -1)


def case_produce_timestamps(talk: Talk) -> None:
    """CreateTime far off the clock, and LogAppendTime."""
    topic = talk.topic()
    create(talk, topic, message_timestamp_after_max_ms="1000")
    produce(talk, topic, batch(at=THEN))
    produce(talk, topic, batch(at=4_000_000_000_000))
    produce(talk, topic, batch(at=-1))
    strict = talk.topic("strict")
    create(talk, strict, message_timestamp_before_max_ms="1000")
    produce(talk, strict, batch(at=THEN))
    appended = talk.topic("append")
    create(talk, appended, message_timestamp_type="LogAppendTime")
    produce(talk, appended, batch(at=THEN))
    stored = fetch(talk, appended, 0, note=False).responses[0].partitions[0].records
    talk.note({"attributes": stored[22] & LOG_APPEND_TIME})
    (stamp,) = struct.unpack_from(">q", stored, 35)
    talk.note({"max_timestamp": stamp})


def case_produce_null_keys_to_a_compacted_topic(talk: Talk) -> None:
    """A compacted topic refuses records without a key, and says which."""
    topic = talk.topic()
    create(talk, topic, cleanup_policy="compact")
    records = [Record(b"k", b"v", (), THEN), Record(None, b"v", (), THEN)]
    produce(talk, topic, build_batch(records))
    produce(talk, topic, batch())


def case_producer_ids(talk: Talk) -> None:
    """InitProducerId, sequences, duplicates, gaps and fenced epochs."""
    topic = talk.topic()
    create(talk, topic)
    while talk.ask(InitProducerIdRequest(transactional_id=None), 4, note=False).error_code == 14:
        pass  # Apache fetches its first block of ids when it is first asked
    for version in range(6):
        talk.ask(InitProducerIdRequest(transactional_id=None), version)
    got = talk.ask(InitProducerIdRequest(transactional_id=None), 4)
    pid = got.producer_id
    talk.ask(InitProducerIdRequest(producer_id=pid, producer_epoch=0), 4)

    def send(sequence: int, epoch: int = 0, producer: int = pid, count: int = 3) -> None:
        talk.note(f"epoch {epoch} sequence {sequence}")
        data = batch(count, producer_id=producer, producer_epoch=epoch, base_sequence=sequence)
        produce(talk, topic, data)

    for sequence in (0, 0, 3, 3, 0, 9, 6, 9, 12, 15, 18, 3, 4):
        send(sequence)
    send(1, epoch=1)
    send(0, epoch=1)
    send(21, epoch=0)
    send(7, producer=pid + 5)
    send(0, count=1, epoch=1)


def list_offsets(talk: Talk, topic: str, timestamp: int, version: int = 10, **more: Any) -> None:
    """Look one offset up and note the answer."""
    partition = more.pop("partition", 0)
    row = ListOffsetsPartition(partition_index=partition, timestamp=timestamp, **more)
    rows = [ListOffsetsTopic(name=topic, partitions=[row])]
    talk.ask(ListOffsetsRequest(replica_id=-1, topics=rows), version)


def case_list_offsets(talk: Talk) -> None:
    """Every kind of lookup, in an empty log and in a filled one; wrong epochs and partitions."""
    topic = talk.topic()
    create(talk, topic)
    for timestamp in (-1, -2, -3, -4, -5, 0, THEN):
        list_offsets(talk, topic, timestamp)
    produce(talk, topic, batch(5))
    produce(talk, topic, batch(5, at=THEN - 60_000))
    produce(talk, topic, batch(5, at=THEN + 2000, codec="lz4"))
    stamps = (-1, -2, -3, -4, -5, -6, -7, 0, THEN, THEN + 1, THEN + 4000, THEN + 5500, THEN + 9000)
    for timestamp in stamps:
        list_offsets(talk, topic, timestamp, 11 if timestamp == -6 else 10)
    for version in range(1, 12):
        list_offsets(talk, topic, -1, version)
        list_offsets(talk, topic, THEN + 1000, version)
        list_offsets(talk, topic, -3, version)
    list_offsets(talk, topic, -1, current_leader_epoch=0)
    list_offsets(talk, topic, -1, current_leader_epoch=9)
    list_offsets(talk, topic, -1, partition=3)
    list_offsets(talk, talk.topic("missing"), -1)


def case_fetch_errors(talk: Talk) -> None:
    """Offsets out of range, unknown partitions and ids, leader epochs that are not ours."""
    topic = talk.topic()
    topic_id = create(talk, topic)
    produce(talk, topic, batch())
    for offset in (0, 1, 3, 4, -1, 100):
        fetch(talk, topic, offset)
    fetch(talk, topic, 0, partition={"partition": 5})
    fetch(talk, talk.topic("missing"), 0)
    fetch(talk, "", 0, 13, topic_id=b"\1" * 16)
    fetch(talk, "", 0, 13, topic_id=topic_id)
    fetch(talk, "", 0, 16, topic_id=topic_id, partition={"current_leader_epoch": 9})
    for epoch in (-1, 0, 9):
        fetch(talk, topic, 0, partition={"current_leader_epoch": epoch})
    for epoch in (0, 9):
        fetch(talk, topic, 3, partition={"last_fetched_epoch": epoch})
    fetch(talk, topic, 0, isolation_level=1)
    fetch(talk, topic, 0, partition={"partition_max_bytes": 10})
    fetch(talk, topic, 0, max_bytes=10)
    fetch(talk, topic, 0, session_id=12345, session_epoch=1)
    fetch(talk, topic, 0, session_id=12345, session_epoch=0)


def case_fetch_session(talk: Talk) -> None:
    """An incremental session: what changed comes back, forgotten partitions don't, epochs count."""
    topic = talk.topic()
    create(talk, topic, 2)

    def ask(session: int, epoch: int, rows: list[tuple[int, int]], forget: list[int]) -> Any:
        parts = [
            FetchPartition(partition=p, fetch_offset=o, partition_max_bytes=1 << 20)
            for p, o in rows
        ]
        topics = [FetchTopic(topic=topic, partitions=parts)] if parts else []
        forgotten = [ForgottenTopic(topic=topic, partitions=forget)] if forget else []
        request = FetchRequest(
            max_wait_ms=0,
            min_bytes=0,
            session_id=session,
            session_epoch=epoch,
            topics=topics,
            forgotten_topics_data=forgotten,
        )
        return talk.ask(request, 12)

    session = ask(0, 0, [(0, 0), (1, 0)], []).session_id
    ask(session, 1, [], [])
    produce(talk, topic, batch(), partition=1)
    ask(session, 2, [], [])
    ask(session, 3, [(1, 3)], [])
    ask(session, 4, [], [])
    ask(session, 4, [], [])
    ask(session, 9, [], [])
    ask(session, 5, [], [1])
    produce(talk, topic, batch(), partition=1)
    ask(session, 6, [], [])
    ask(session, 7, [(1, 0)], [])
    ask(session, -1, [], [])
    ask(session, 8, [], [])


def case_delete_records(talk: Talk) -> None:
    """Moving the log's start: to a place, to the high watermark, too far, back, of nothing."""
    topic = talk.topic()
    create(talk, topic)
    produce(talk, topic, batch(10))
    for name, partition, offset in (
        (topic, 0, 4),
        (topic, 0, 2),
        (topic, 0, 11),
        (topic, 0, -2),
        (topic, 3, 1),
        (talk.topic("missing"), 0, 1),
        (topic, 0, -1),
    ):
        row = DeleteRecordsPartition(partition_index=partition, offset=offset)
        rows = [DeleteRecordsTopic(name=name, partitions=[row])]
        talk.ask(DeleteRecordsRequest(topics=rows, timeout_ms=5000), 2)
        list_offsets(talk, topic, -2)
        fetch(talk, topic, 3)


def case_offset_for_leader_epoch(talk: Talk) -> None:
    """Where a leader epoch ends; unknown epochs and partitions."""
    topic = talk.topic()
    create(talk, topic)
    produce(talk, topic, batch(10))
    for version in (2, 3, 4):
        for partition, current, epoch in (
            (0, -1, 0),
            (0, 0, 5),
            (0, 7, 0),
            (5, -1, 0),
            (0, -1, -1),
        ):
            row = OffsetForLeaderPartition(
                partition=partition, current_leader_epoch=current, leader_epoch=epoch
            )
            rows = [OffsetForLeaderTopic(topic=topic, partitions=[row])]
            talk.ask(OffsetForLeaderEpochRequest(replica_id=-1, topics=rows), version)
