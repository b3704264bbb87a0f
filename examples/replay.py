"""Replay: read again from a time or from the start, and rebuild processed state beside the old.

    python examples/replay.py

Three things that look alike. (1) A reader goes back to a time: `seek_to_time`. (2) A new group
begins at the start, and the old group stays where it is. (3) State that a faulty program made of a
topic is made anew: the mended program reads everything again, into a table of its own, while
readers have the old one; when it is complete, one record in `views` switches readers over, and
another would switch them back.

Prints what each of them read, and the table before and after. With OTTLA_AT=host:port it runs on
that cluster, and else on a Broker of its own.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable

import ottla
from ottla.client import Consumer, ConsumerRecord, Producer, connect
from ottla.client.admin import groups, topics

SALES, VIEWS, TABLE_1, TABLE_2 = "sales", "views", "turnovers.v1", "turnovers.v2"
HOUR_MS = 3_600_000


def make_topics(servers: str) -> None:
    """Two that hold what happened, two that hold the latest of each key."""
    compacted = {"cleanup.policy": "compact"}
    new = [topics.NewTopic(SALES, 2)]
    new += [topics.NewTopic(name, 1, configs=compacted) for name in (VIEWS, TABLE_1, TABLE_2)]
    with connect(servers) as client:
        for error in topics.create(client, new).values():
            if error is not None:
                raise error


def read(servers: str, topic: str, since_ms: int | None = None) -> list[ConsumerRecord]:
    """What a topic holds now, of all times or since a time, without any group."""
    found: list[ConsumerRecord] = []
    with Consumer(servers, auto_offset_reset="earliest") as consumer:
        consumer.assign([(topic, number) for number in consumer.partitions_for(topic)])
        if since_ms is not None:
            consumer.seek_to_time(since_ms)
        ends = consumer.end_offsets(consumer.assignment)
        while any(consumer.position(place) < end for place, end in ends.items()):
            found += consumer.poll(1)
    return found


def read_as(servers: str, group: str, count: int) -> int:
    """What a group does that is new: it begins at the start, and commits what it has read."""
    found = 0
    with Consumer(servers, group_id=group, auto_offset_reset="earliest") as consumer:
        consumer.subscribe([SALES])
        while found < count:
            found += len(consumer.poll(10))
    return found


def amount_1(record: ConsumerRecord) -> int:
    """With a mistake: it takes a refund for a sale."""
    return abs(int(record.value or b"0"))


def amount_2(record: ConsumerRecord) -> int:
    """Mended."""
    return int(record.value or b"0")


def build(servers: str, table: str, amount: Callable[[ConsumerRecord], int]) -> None:
    """Make a table of turnovers by shop of all sales. Killed in the middle, it is begun anew:
    nobody reads the table before `switch`.
    """
    turnovers: Counter[bytes] = Counter()
    for record in read(servers, SALES):
        turnovers[record.key or b""] += amount(record)
    with Producer(servers) as producer:
        for shop, turnover in turnovers.items():
            producer.send(table, str(turnover), key=shop)


def switch(servers: str, table: str) -> None:
    """From now on readers of `turnovers` look into that table."""
    with Producer(servers) as producer:
        producer.send(VIEWS, table, key="turnovers").result(10)


def turnovers(servers: str) -> dict[str, int]:
    """What a reader sees: first which table counts, then the table."""
    views = {record.key: (record.value or b"").decode() for record in read(servers, VIEWS)}
    rows = read(servers, views[b"turnovers"])  # of each key the last one counts
    return {(row.key or b"").decode(): int(row.value or b"0") for row in rows}


def main(servers: str) -> None:
    """Twelve hours of sales; back to the last three; all again; and the table mended."""
    make_topics(servers)
    now_ms = int(time.time() * 1000)
    with Producer(servers) as producer:
        for number in range(120):
            value = -50 if number % 10 == 9 else 100  # each tenth is a refund
            when_ms = now_ms - 12 * HOUR_MS + number * HOUR_MS // 10
            shop = ("oslo", "lima", "pune")[number % 3]
            producer.send(SALES, str(value), key=shop, timestamp_ms=when_ms)
    print(f"billing has read {read_as(servers, 'billing', 120)} sales")
    print(f"sales of the last three hours: {len(read(servers, SALES, now_ms - 3 * HOUR_MS))}")
    print(f"an audit, a new group, has read {read_as(servers, 'audit', 120)} sales")
    with connect(servers) as client:
        committed = groups.committed(client, "billing").values()
    print(f"billing still stands at {sum(place.offset for place in committed)}")
    build(servers, TABLE_1, amount_1)
    switch(servers, TABLE_1)
    print(f"with the mistake: {turnovers(servers)}")
    build(servers, TABLE_2, amount_2)
    print(f"rebuilt, not switched: {turnovers(servers)}")
    switch(servers, TABLE_2)
    print(f"switched: {turnovers(servers)}")


if __name__ == "__main__":
    if at := os.environ.get("OTTLA_AT"):
        main(at)
    else:
        with ottla.Broker() as broker:
            main(broker.bootstrap_servers)
