"""What a record goes through, as a node and our client do it: one way and the bytes of one batch.

Recorded while two records are written to a real node and read again. What is said of the bytes is
read off them: the batch as the producer sent it, beside the batch as it lies in the segment.
`generate.py` writes what comes of it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final, NamedTuple
from unittest import mock

import ottla
from ottla.client import Consumer, Producer
from ottla.client.connecting.connection import Connection
from ottla.wire.records import read_batches

TOPIC: Final = "orders"
BEFORE: Final = 3
"""So many records are there already."""
VALUES: Final = ("one bicycle", "its bell")
TIME_MS: Final = 1_700_000_000_000
PROGRAM, CLIENT, LEADER, FILE = "your program", "its client", "leader of orders-0", "the segment"
ACTORS: Final = (PROGRAM, CLIENT, LEADER, FILE)


class Field(NamedTuple):
    """One field of a batch's header."""

    name: str
    bytes: int
    says: str


HEADER: Final = (
    Field("base offset", 8, "of its first record; the leader puts it in"),
    Field("batch length", 4, "bytes that follow"),
    Field("leader epoch", 4, "of who wrote it; the leader puts it in"),
    Field("magic", 1, "2, the format"),
    Field("CRC", 4, "CRC-32C of all that follows"),
    Field("attributes", 2, "codec, time type, transactional, control"),
    Field("last offset delta", 4, "how many offsets it takes, less one"),
    Field("base timestamp", 8, "milliseconds since 1970"),
    Field("max timestamp", 8, "the latest of its records"),
    Field("producer id", 8, "-1 for none"),
    Field("producer epoch", 2, "-1 for none"),
    Field("base sequence", 4, "-1 for none"),
    Field("record count", 4, ""),
)
RECORD: Final = (
    "a record: length, attributes, timestamp delta, offset delta,",
    "key length, key, value length, value, how many headers, key and value of each",
    "the next record, and so on",
)
COVERED_FROM: Final = "attributes"


class Row(NamedTuple):
    """A field with what a producer sent there and what lies in the file."""

    at: int
    field: Field
    sent: str
    stored: str
    covered: bool


class Said(NamedTuple):
    """One thing that somebody tells somebody, or does (`by` is `to`)."""

    by: str
    to: str
    what: str


class Recorded(NamedTuple):
    """All that was seen."""

    sent: bytes
    stored: bytes
    asked: list[Any]
    offsets: list[int]
    read: list[Any]
    high_watermark: int


def recorded() -> Recorded:
    """Write two records behind others, and read them."""
    asked: list[Any] = []
    send = Connection.send

    def listened(connection: Connection, message: Any, **how: Any) -> Any:
        asked.append(message)
        return send(connection, message, **how)

    with tempfile.TemporaryDirectory() as folder, ottla.Broker(dir=folder) as broker:
        broker.create_topic(TOPIC, config={"retention.ms": -1})
        for number in range(BEFORE):
            broker.produce(TOPIC, f"{number} bells")
        with mock.patch.object(Connection, "send", listened):
            with Producer({**broker.client_config("ottla"), "linger.ms": 5000}) as producer:
                deliveries = [
                    producer.send(TOPIC, value, key="alice", timestamp_ms=TIME_MS + number)
                    for number, value in enumerate(VALUES)
                ]
                producer.flush(20)
            offsets = [one.result(20).offset for one in deliveries]
            with Consumer(broker.client_config("ottla", group="readers")) as consumer:
                consumer.assign([(TOPIC, 0)])
                consumer.seek((TOPIC, 0), BEFORE)
                read = consumer.poll(20)
                end = consumer.end_offsets([(TOPIC, 0)])[TOPIC, 0]
        stored = (Path(folder) / f"{TOPIC}-0" / f"{0:020}.log").read_bytes()
    (sent,) = [
        bytes(one.topic_data[0].partition_data[0].records)
        for one in asked
        if type(one).__name__ == "ProduceRequest"
    ]
    last = read_batches(stored)[-1]
    return Recorded(sent, stored[last.position :][: len(sent)], asked, offsets, list(read), end)


def rows(seen: Recorded) -> list[Row]:
    """The header, field by field; that it is one is held against how the code reads it."""
    found, at, covered = [], 0, False
    for field in HEADER:
        covered |= field.name == COVERED_FROM
        sent, stored = (
            _shown(field, data[at:][: field.bytes]) for data in (seen.sent, seen.stored)
        )
        found.append(Row(at, field, sent, stored, covered))
        at += field.bytes
    (batch,) = read_batches(seen.stored)
    by_name = {row.field.name: row.stored for row in found}
    read = {
        "base offset": batch.base_offset,
        "leader epoch": batch.leader_epoch,
        "last offset delta": batch.last_offset - batch.base_offset,
        "base timestamp": batch.base_timestamp_ms,
        "max timestamp": batch.max_timestamp_ms,
        "producer id": batch.producer_id,
        "producer epoch": batch.producer_epoch,
        "base sequence": batch.base_sequence,
        "record count": batch.record_count,
    }
    wrong = {name: value for name, value in read.items() if by_name[name] != str(value)}
    if wrong or int(by_name["batch length"]) + 12 != len(seen.stored):
        raise AssertionError(f"the header is read otherwise: {wrong}")
    return found


def _shown(field: Field, data: bytes) -> str:
    if field.name == "CRC":
        return f"0x{data.hex()}"
    return str(int.from_bytes(data, "big", signed=True))


def changed(seen: Recorded) -> list[str]:
    """The fields that the leader puts in; nothing else of the bytes is another's than the
    producer's.
    """
    found = [row.field.name for row in rows(seen) if row.sent != row.stored]
    header = sum(field.bytes for field in HEADER)
    if seen.sent[header:] != seen.stored[header:]:
        raise AssertionError("the records were written anew")
    return found


def way(seen: Recorded) -> list[Said]:
    """From `send` to `poll`."""
    names = [type(one).__name__.removesuffix("Request") for one in seen.asked]
    end = names.index("Produce")
    crc = next(row.stored for row in rows(seen) if row.field.name == "CRC")
    size = f"{len(seen.sent)} bytes"
    first, last = seen.offsets[0], seen.offsets[-1]
    written = [Said(CLIENT, LEADER, name) for name in dict.fromkeys(names[:end])]
    asked = dict.fromkeys(name for name in names[end + 1 :] if name in ("ListOffsets", "Fetch"))
    put_in = " and ".join(changed(seen))
    return [
        *(Said(PROGRAM, CLIENT, f'send("{TOPIC}", "{value}")') for value in VALUES),
        *written,
        Said(CLIENT, CLIENT, f"one batch, {size}"),
        Said(CLIENT, CLIENT, f"CRC {crc}"),
        Said(CLIENT, LEADER, f"Produce, {size}"),
        Said(LEADER, LEADER, "checks CRC, records, sequence"),
        Said(LEADER, LEADER, f"puts in {put_in}"),
        Said(LEADER, FILE, f"{size}, at the end"),
        Said(LEADER, LEADER, f"high watermark: {seen.high_watermark}"),
        Said(LEADER, CLIENT, f"base offset {first}"),
        Said(CLIENT, PROGRAM, f"delivered: {first}, {last}"),
        Said(PROGRAM, CLIENT, "poll()"),
        *(Said(CLIENT, LEADER, f"{name} from {first}") for name in asked if name == "Fetch"),
        Said(LEADER, LEADER, "finds the batch, below the mark"),
        Said(FILE, CLIENT, f"the same {size}"),
        Said(CLIENT, CLIENT, "checks the CRC"),
        *(Said(CLIENT, PROGRAM, f'{one.offset}: "{one.value.decode()}"') for one in seen.read),
    ]
