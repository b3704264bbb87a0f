"""Conversations about batches that the broker writes anew in the topic's own codec.

What is compared is what a reader gets: the header of each stored batch field by field, and whether
its records are those that were sent. The compressed bytes themselves may differ: they are other
libraries'.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from typing import Any

from conformance import transactions
from conformance.cases_basic import create
from conformance.cases_records import LOG_APPEND_TIME, THEN, fetch
from conformance.talk import Talk
from ottla.wire.messages.create_topics import (
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
)
from ottla.wire.records import Record, build_batch, read_batches

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
LEVELS: dict[str, tuple[int, ...]] = {
    "gzip": (1, -1, 9),
    "lz4": (1, 9, 17),
    "zstd": (-131072, 3, 22),
}
"""The lowest, the default and the highest of each codec that has any."""
ATTRIBUTES_AT, PRODUCER_AT = 21, 43


def sent() -> list[Record]:
    """Records of all shapes; the latest is not the last."""
    dice = random.Random(431)
    words = [b"order", b"user", b"EUR", b"confirmed", b"shipped", b"\0\1\2", b'{"id":']
    records = []
    for number in range(24):
        value = b" ".join(dice.choices(words, k=dice.randrange(40)))
        records.append(
            Record(
                None if number % 5 == 0 else b"k%d" % number,
                None if number % 7 == 3 else value,
                (("h", b"v"), ("h", None)) if number % 4 == 1 else (),
                THEN + (number * 37) % 24,
            )
        )
    return records


def kept(found: bytes) -> Iterator[dict[str, Any]]:
    """What a reader is told of each stored batch."""
    for batch in read_batches(found):
        raw = found[batch.position : batch.position + batch.size_bytes]
        (attributes,) = struct.unpack_from(">h", raw, ATTRIBUTES_AT)
        (producer_id,) = struct.unpack_from(">q", raw, PRODUCER_AT)
        appended = bool(attributes & LOG_APPEND_TIME)
        want = [
            (r.key, r.value, tuple(r.headers), r.timestamp_ms, batch.base_offset + place)
            for place, r in enumerate(sent())
        ]
        got = [(r.key, r.value, tuple(r.headers), r.timestamp_ms, r.offset) for r in batch.records]
        if appended:
            want = [(*row[:3], batch.max_timestamp_ms, row[4]) for row in want]
        yield {
            "offsets": [batch.base_offset, batch.last_offset],
            "leader_epoch": batch.leader_epoch,
            "attributes": attributes,
            "base_timestamp": batch.base_timestamp_ms,
            "max_timestamp": transactions.lately(batch.max_timestamp_ms),
            "base_is_max": batch.base_timestamp_ms == batch.max_timestamp_ms,
            "producer_id": producer_id,
            "producer_epoch": batch.producer_epoch,
            "base_sequence": batch.base_sequence,
            "record_count": batch.record_count,
            "as_sent": got == want,
        }


def stored(talk: Talk, topic: str) -> None:
    """Note all that lies in a topic."""
    answer = fetch(talk, topic, 0, note=False)
    talk.note(list(kept(answer.responses[0].partitions[0].records or b"")))


def topics_of(codec: str) -> Iterator[dict[str, str]]:
    """The configurations of topics with that codec: without a level, and with each."""
    yield {"compression_type": codec}
    for level in LEVELS.get(codec, ()):
        yield {"compression_type": codec, f"compression_{codec}_level": str(level)}


def put(talk: Talk, topic: str, data: bytes, who: transactions.Producer | None = None) -> Any:
    """Produce a batch and return what its partition answered."""
    place = transactions.Place(topic, bytes(16))
    answer = transactions.send(talk, place, who and who.key, data, note=False)
    return answer.responses[0].partition_responses[0]


def said(talk: Talk, row: Any) -> None:
    """Note an answer but for the time that the broker gave the records."""
    talk.note([row.error_code, row.base_offset, row.log_append_time_ms >= 0, row.error_message])


def in_every_codec(talk: Talk, topic: str, producer_id: int) -> None:
    """A batch in each codec, and one of an idempotent producer in each."""
    for number, codec in enumerate(CODECS):
        said(talk, put(talk, topic, build_batch(sent(), codec=codec)))
        idempotent = build_batch(
            sent(),
            codec=codec,
            producer_id=producer_id,
            producer_epoch=0,
            base_sequence=24 * number,
        )
        said(talk, put(talk, topic, idempotent))
        if number % 2:
            said(talk, put(talk, topic, idempotent))  # known, and not written


def case_recompression(talk: Talk) -> None:
    """Every codec of a producer into every one of a topic, with levels, in both kinds of time."""
    number = 0
    for time_type in ("CreateTime", "LogAppendTime"):
        for codec in ("producer", "uncompressed", *CODECS[1:]):
            for config in topics_of(codec):
                number += 1
                topic = talk.topic(str(number))
                create(talk, topic, 1, message_timestamp_type=time_type, **config)
                in_every_codec(talk, topic, 1000)
                talk.note([time_type, config])
                stored(talk, topic)


def case_recompression_in_transactions(talk: Talk) -> None:
    """What belongs to a transaction belongs to it after it was written anew."""
    for topic_codec in ("producer", "uncompressed", *CODECS[1:]):
        who = transactions.begin(talk, topic_codec)
        topic = talk.topic(topic_codec)
        create(talk, topic, compression_type=topic_codec)
        for number, codec in enumerate(CODECS):
            data = build_batch(
                sent(),
                codec=codec,
                producer_id=who.id,
                producer_epoch=who.epoch,
                base_sequence=24 * number,
                transactional=True,
            )
            said(talk, put(talk, topic, data, who))
        stored(talk, topic)


def case_too_large_by_recompression(talk: Talk) -> None:
    """A batch that fits as it was sent but not as it would be kept, and the other way round."""
    noise = random.Random(7).randbytes(2900)
    shrinks = b"0123456789" * 1000
    for codec in ("producer", "uncompressed", *CODECS[1:]):
        topic = talk.topic(codec)
        create(talk, topic, compression_type=codec, max_message_bytes="2985")
        for value in (noise, shrinks, shrinks * 100):
            for own in CODECS:
                data = build_batch([Record(b"k", value, (), THEN)], codec=own)
                row = put(talk, topic, data)
                talk.note([codec, own, len(value), row.error_code, row.base_offset])


def case_levels_that_are_none(talk: Talk) -> None:
    """Levels beside the ends of each codec's, and what is no number."""
    wrong = {
        "gzip": ("-2", "0", "10", "", "best"),
        "lz4": ("0", "18", "-1", "9.5"),
        "zstd": ("-131073", "23", "0", "2147483648"),
    }
    for codec, levels in wrong.items():
        for level in levels:
            key = f"compression.{codec}.level"
            config = [CreatableTopicConfig(name=key, value=level)]
            name = talk.topic(f"{codec}{levels.index(level)}")
            new = CreatableTopic(name=name, num_partitions=1, replication_factor=1, configs=config)
            answer = talk.ask(CreateTopicsRequest(topics=[new]), 7, note=False)
            row = answer.topics[0]
            talk.note([codec, level, row.error_code, row.error_message])
    config = [CreatableTopicConfig(name="compression.type", value="brotli")]
    new = CreatableTopic(
        name=talk.topic("brotli"), num_partitions=1, replication_factor=1, configs=config
    )
    row = talk.ask(CreateTopicsRequest(topics=[new]), 7, note=False).topics[0]
    talk.note([row.error_code, row.error_message])
