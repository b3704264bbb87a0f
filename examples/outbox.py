"""A transactional outbox: what is in the database is in Kafka, whoever is killed on the way.

    python examples/outbox.py

A shop keeps orders in SQLite. It can't write to a database and to Kafka in one transaction; so the
event goes into a table beside the order, in the same transaction, and a relay, a process of its
own, carries events over: it sends a few, waits until the cluster has them, and marks them. A relay
that dies between the two sends them again. So events come at least once and in their order; each
has an id, by which readers know one that comes again.

The story kills the relay at its worst moment, with events sent and not marked, and starts another.
Prints how many events lie in the topic, how many of them twice, and that each order has its event.
With OTTLA_AT=host:port it runs on that cluster, and else on a Broker of its own.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager

import ottla
from ottla.client import Consumer, ConsumerRecord, Producer, connect
from ottla.client.admin import topics

TOPIC = "order-events"
AT_ONCE = 10
TABLES = """
    CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT, what TEXT);
    CREATE TABLE outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT, key TEXT, value TEXT,
                         is_sent INTEGER DEFAULT 0);
"""


def place_order(db: sqlite3.Connection, customer: str, what: str) -> None:
    """What the shop does: the order and its event, both or none."""
    with db:
        db.execute("INSERT INTO orders (customer, what) VALUES (?, ?)", (customer, what))
        event = (str(uuid.uuid4()), customer, what)
        db.execute("INSERT INTO outbox (event_id, key, value) VALUES (?, ?, ?)", event)


def relay(servers: str, path: str) -> None:
    """Carry events over, for ever. One relay at a time keeps their order."""
    select = "SELECT id, event_id, key, value FROM outbox WHERE NOT is_sent ORDER BY id LIMIT ?"
    with closing(sqlite3.connect(path, timeout=30)) as db, Producer(servers) as producer:
        while True:
            rows = db.execute(select, (AT_ONCE,)).fetchall()
            sent = [
                producer.send(TOPIC, value, key=key, headers={"event-id": event_id})
                for _, event_id, key, value in rows
            ]
            for delivery in sent:
                delivery.result(30)  # one that failed ends the relay: nothing of these is marked
            with db:
                marks = [(row[0],) for row in rows]
                db.executemany("UPDATE outbox SET is_sent = 1 WHERE id = ?", marks)
            if not rows:
                time.sleep(0.05)


@contextmanager
def running_relay(servers: str, path: str) -> Iterator[None]:
    """The relay as a process, which is killed at the end of the block, as by kill -9."""
    process = subprocess.Popen([sys.executable, __file__, "relay", servers, path])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def read(servers: str, count: int) -> list[ConsumerRecord]:
    """What lies in the topic once it holds so many different events."""
    found: list[ConsumerRecord] = []
    with Consumer(servers, auto_offset_reset="earliest") as consumer:
        consumer.assign([(TOPIC, number) for number in consumer.partitions_for(TOPIC)])
        while len({event_id(record) for record in found}) < count:
            found += consumer.poll(10)
    return found


def event_id(record: ConsumerRecord) -> bytes | None:
    """By what a reader knows an event that comes again."""
    return dict(record.headers)["event-id"]


def main(servers: str) -> None:
    """Orders come, the relay is killed, more orders come, another relay begins."""
    with connect(servers) as client:
        if (error := topics.create(client, [topics.NewTopic(TOPIC, 3)])[TOPIC]) is not None:
            raise error
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "shop.db")
        with closing(sqlite3.connect(path)) as db:
            db.executescript(TABLES)
            for number in range(60):
                place_order(db, f"customer {number % 7}", f"order {number}")
            db.execute("BEGIN IMMEDIATE")  # nobody else can write: the relay sends, and can't mark
            with running_relay(servers, path):
                print(f"sent and not marked: {len(read(servers, AT_ONCE))}; the relay is killed")
            db.rollback()
            for number in range(60, 120):
                place_order(db, f"customer {number % 7}", f"order {number}")
            with running_relay(servers, path):
                events = read(servers, 120)
    tell(events)


def tell(events: list[ConsumerRecord]) -> None:
    """Check the answer: each order once, by its id, and each customer's in their order."""
    once = {event_id(event): (event.key, event.value) for event in events}
    assert sorted(once.values()) == sorted(
        (b"customer %d" % (number % 7), b"order %d" % number) for number in range(120)
    )
    for number in range(7):
        values = [value for key, value in once.values() if key == b"customer %d" % number]
        assert values == [b"order %d" % order for order in range(number, 120, 7)]
    print(f"orders: 120, events: {len(events)}, twice, by their id: {len(events) - len(once)}")


if __name__ == "__main__":
    if "relay" in sys.argv:
        relay(*sys.argv[2:])
    elif at := os.environ.get("OTTLA_AT"):
        main(at)
    else:
        with ottla.Broker() as broker:
            main(broker.bootstrap_servers)
