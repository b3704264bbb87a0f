"""`kafka-transactions.sh find-hanging`: open transactions that nobody will end.

A partition's leader holds one open whose coordinator knows nothing of it: no transactional id has
its producer id, or the id's transaction has not entered that partition. Only what wrote nothing for
a while is looked at, since a coordinator may be a moment behind. What it finds is what keeps
read_committed consumers from going on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

from ottla.cli.options import Parsed, UsageError
from ottla.cli.run import failing_to
from ottla.cli.table import print_table
from ottla.client.admin import topics, transactions
from ottla.client.client import Client
from ottla.client.errors import BrokerError
from ottla.client.places import TopicPartition
from ottla.wire.errors import ErrorCode

TIMEOUT_MINUTES = 15
"""What a broker allows a transaction at most, unless it is set (transaction.max.timeout.ms)."""
MINUTE_MS = 60_000
BATCH = 500
"""Partitions, or topics, that one request asks about."""


T = TypeVar("T")


class Candidate(NamedTuple):
    """An open transaction in a partition."""

    place: TopicPartition
    producer: transactions.ActiveProducer


def check(parsed: Parsed) -> None:
    """Refuse what names nothing to search.

    Raises:
        UsageError: neither a topic nor a broker, or a partition of no topic.
    """
    if not parsed.has("--topic"):
        if not parsed.has("--broker-id"):
            raise UsageError("find-hanging needs --topic or --broker-id to know where to search")
        if parsed.has("--partition"):
            raise UsageError("--partition needs --topic")


def search(
    client: Client, places: list[TopicPartition], broker: int | None, idle_ms: int, now_ms: int
) -> list[Candidate]:
    """The open transactions of these partitions that wrote nothing for so long and that no
    coordinator knows of.
    """
    found = [
        Candidate(place, producer)
        for place, producer in _producers(client, places, broker)
        if producer.start_offset is not None and now_ms - producer.last_timestamp_ms > idle_ms
    ]
    return sorted(_hanging(client, found))


def find(parsed: Parsed, client: Client) -> None:
    """Search and print."""
    broker = parsed.number("--broker-id")
    minutes = parsed.number("--max-transaction-timeout", TIMEOUT_MINUTES) or 0
    now_ms = int(time.time() * 1000)
    places = _places(parsed, client, broker)
    found = search(client, places, broker, minutes * MINUTE_MS, now_ms)
    rows = [
        {
            "topic": one.place[0],
            "partition": one.place[1],
            **one.producer._asdict(),
            "idle_minutes": _minutes(now_ms - one.producer.last_timestamp_ms),
        }
        for one in found
    ]
    if parsed.has("--json"):
        import json

        print(json.dumps(rows, indent=2))
        return
    heads = {
        "Topic": "topic",
        "Partition": "partition",
        "ProducerId": "producer_id",
        "ProducerEpoch": "producer_epoch",
        "CoordinatorEpoch": "coordinator_epoch",
        "StartOffset": "start_offset",
        "LastTimestamp": "last_timestamp_ms",
        "Duration(min)": "idle_minutes",
    }
    print_table(
        list(heads),
        [[str(-1 if row[key] is None else row[key]) for key in heads.values()] for row in rows],
    )


def _places(parsed: Parsed, client: Client, broker: int | None) -> list[TopicPartition]:
    """The partitions to search: those of a topic or of all that the broker has."""
    topic, partition = parsed.text("--topic"), parsed.number("--partition")
    if topic is not None and partition is not None:
        return [(topic, partition)]
    wanted = [topic]
    if topic is None:
        with failing_to("list topics"):
            wanted = [*topics.names(client)]
    found: list[TopicPartition] = []
    for names in _batches([name for name in wanted if name is not None]):
        with failing_to(f"describe {len(names)} topics"):
            described = topics.describe(client, names)
        found += [
            (one.name, row.number)
            for one in described
            for row in one.partitions
            if broker is None or broker in row.replicas
        ]
    return found


def _producers(
    client: Client, places: list[TopicPartition], broker: int | None
) -> Iterator[tuple[TopicPartition, transactions.ActiveProducer]]:
    where = "their leaders" if broker is None else f"broker {broker}"
    for batch in _batches(places):
        with failing_to(f"describe producers for {len(batch)} partitions on {where}"):
            found = transactions.describe_producers(client, batch, broker=broker)
            for rows in found.values():
                if isinstance(rows, BrokerError):
                    raise rows
        for place, rows in found.items():
            assert not isinstance(rows, BrokerError)
            yield from ((place, row) for row in rows)


def _hanging(client: Client, candidates: list[Candidate]) -> list[Candidate]:
    """Those that no coordinator knows of."""
    if not candidates:
        return []
    ids = {one.producer.producer_id for one in candidates}
    with failing_to(f"list transactions for {len(ids)} producers"):
        listed = transactions.list_transactions(client, producer_ids=sorted(ids))
    with failing_to(f"describe {len(listed)} transactions"):
        described = transactions.describe_transactions(
            client, [row.transactional_id for row in listed]
        )
        known: set[tuple[int, TopicPartition]] = set()
        for row in listed:
            found = described[row.transactional_id]
            if not isinstance(found, BrokerError):
                known.update((row.producer_id, place) for place in found.partitions)
            elif found.code != ErrorCode.TRANSACTIONAL_ID_NOT_FOUND:
                raise found
    return [one for one in candidates if (one.producer.producer_id, one.place) not in known]


def _batches(all_of_them: Sequence[T]) -> Iterator[Sequence[T]]:
    for at in range(0, len(all_of_them), BATCH):
        yield all_of_them[at : at + BATCH]


def _minutes(ms: int) -> int:
    """Whole minutes, towards zero as in Java."""
    return ms // MINUTE_MS if ms >= 0 else -(-ms // MINUTE_MS)
