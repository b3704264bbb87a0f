"""A compacted topic as a table: a program's state that is there again after a restart.

    python examples/compacted_state.py

A service keeps its users' settings in a dict, and each change in `settings`, a compacted topic: the
key says whose, the value is what they are now, and a record without a value (a tombstone) deletes.
A restart reads the topic to its end, and has the dict again; a second instance follows the topic
and has it too. Compaction removes what was overtaken, so what a start reads grows with the number
of users and not with their changes.

Prints the table before and after a restart, and how many records that took. With OTTLA_AT=host:port
it runs on that cluster, and else on a Broker of its own, whose clock it moves to see a compaction.
"""

from __future__ import annotations

import json
import os
from typing import Any

import ottla
from ottla.client import Consumer, Producer, connect
from ottla.client.admin import topics

TOPIC = "settings"
CONFIGS = {
    "cleanup.policy": "compact",
    "segment.ms": "3600000",  # what is written to is never compacted: let it end within an hour
    "min.cleanable.dirty.ratio": "0.1",
}

Table = dict[str, Any]


def follow(consumer: Consumer, table: Table) -> int:
    """Take in what has come up to now; how many records that were."""
    ends, count = consumer.end_offsets(consumer.assignment), 0
    while any(consumer.position(place) < end for place, end in ends.items()):
        for record in consumer.poll(1):
            count += 1
            user = (record.key or b"").decode()
            if record.value is None:
                table.pop(user, None)
            else:
                table[user] = json.loads(record.value)
    return count


def open_table(servers: str) -> tuple[Consumer, Table, int]:
    """What a start does: the table as it is now, and the consumer that goes on following it."""
    consumer = Consumer(servers, auto_offset_reset="earliest")
    consumer.assign([(TOPIC, number) for number in consumer.partitions_for(TOPIC)])
    table: Table = {}
    count = follow(consumer, table)
    return consumer, table, count


def put(producer: Producer, user: str, value: Any) -> None:
    """Change one row, or delete it with None; returns when that is kept."""
    text = None if value is None else json.dumps(value)
    producer.send(TOPIC, text, key=user).result(10)  # in a dict of ours it is when it comes back


def main(servers: str, broker: ottla.Broker | None = None) -> None:
    """Change settings, start again, and again after a compaction."""
    with connect(servers) as client:
        if error := topics.create(client, [topics.NewTopic(TOPIC, 1, configs=CONFIGS)])[TOPIC]:
            raise error
    consumer, table, _ = open_table(servers)
    with Producer(servers) as producer:
        for size in range(10, 20):
            for user in ("ann", "bob", "cid"):
                put(producer, user, {"font": size, "dark": size % 2 == 0})
        put(producer, "bob", None)
        follow(consumer, table)
        consumer.close()
        print(f"before: {table}")
        consumer, again, count = open_table(servers)
        consumer.close()
        print(f"after a restart: {again}, of {count} records")
        assert again == table
        if broker is not None:
            broker.clock.advance(hours=2)  # the segment ends, and is compacted
            consumer, again, count = open_table(servers)
            consumer.close()
            print(f"after a compaction: {again}, of {count} records")
            assert again == table


if __name__ == "__main__":
    if at := os.environ.get("OTTLA_AT"):
        main(at)
    else:
        with ottla.Broker() as broker:
            main(broker.bootstrap_servers, broker)
