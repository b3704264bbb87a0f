"""An idempotent consumer: effects in a database, exactly once, whoever is killed and when.

    python examples/idempotent_consumer.py

A worker books deposits on accounts in SQLite. What Kafka remembers of its progress (the committed
offset) and what the database says may differ after a kill; so the worker keeps its positions in the
database, written in the same transaction as the effects, and begins where the database says.

The group only shares the partitions out. Its member has a name (`group.instance.id`), so that a
worker that is started again has its partitions at once, not when the killed one's session ends.

The story kills the worker in the middle of a transaction, and starts another. Prints where that
was, and the sum of all accounts, which is the sum of all deposits. With OTTLA_AT=host:port it runs
on that cluster, and else on a Broker of its own.
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import ottla
from ottla.client import Consumer, Producer, connect
from ottla.client.admin import topics

TOPIC = "deposits"
TABLES = """
    CREATE TABLE accounts (name TEXT PRIMARY KEY, cents INTEGER);
    CREATE TABLE positions (partition INTEGER PRIMARY KEY, next_offset INTEGER);
"""
BOOK = """
    INSERT INTO accounts VALUES (?, ?)
    ON CONFLICT DO UPDATE SET cents = cents + excluded.cents
"""


def work(servers: str, path: str) -> None:
    """Book what comes, for ever."""
    settings = {
        "bootstrap.servers": servers,
        "group.id": "booking",
        "group.instance.id": "booking-1",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,  # the database knows
    }
    with closing(sqlite3.connect(path, timeout=30)) as db, Consumer(settings) as consumer:

        def go_to(places: list[tuple[str, int]]) -> None:
            known = dict(db.execute("SELECT * FROM positions"))
            for topic, number in places:
                if number in known:
                    consumer.seek((topic, number), known[number])

        consumer.subscribe([TOPIC], on_assign=go_to)
        while True:
            records = consumer.poll(1, max_records=20)
            with db:  # all of these, or none
                for record in records:
                    name, cents = (record.key or b"").decode(), int(record.value or b"0")
                    db.execute(BOOK, (name, cents))
                    go_on(db, record.partition, record.offset)


def go_on(db: sqlite3.Connection, partition: int, offset: int) -> None:
    """Say that this one is done; fails, and undoes all, if somebody else has done it meanwhile: who
    was thought to be dead may have been slow.
    """
    db.execute("INSERT OR IGNORE INTO positions VALUES (?, ?)", (partition, offset))
    ours = "UPDATE positions SET next_offset = ? WHERE partition = ? AND next_offset <= ?"
    if db.execute(ours, (offset + 1, partition, offset)).rowcount != 1:
        raise RuntimeError(f"offset {offset} of partition {partition} is booked already")


@contextmanager
def running_worker(servers: str, path: str) -> Iterator[None]:
    """The worker as a process, which is killed at the end of the block, as by kill -9."""
    process = subprocess.Popen([sys.executable, __file__, "work", servers, path])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def booked(db: sqlite3.Connection) -> int:
    """How many deposits are booked."""
    (count,) = db.execute("SELECT coalesce(sum(next_offset), 0) FROM positions").fetchone()
    return int(count)


def wait_until(what: Callable[[], bool]) -> None:
    """Look every few milliseconds."""
    deadline = time.monotonic() + 60
    while not what():
        if time.monotonic() > deadline:
            raise TimeoutError("the worker does not come to that")
        time.sleep(0.005)


def main(servers: str) -> None:
    """Deposits come, the worker is killed, more come, another worker begins."""
    with connect(servers) as client:
        if (error := topics.create(client, [topics.NewTopic(TOPIC, 3)])[TOPIC]) is not None:
            raise error
    chance = random.Random(7)
    deposits = [(f"account {chance.randrange(20)}", chance.randrange(10_000)) for _ in range(600)]
    with tempfile.TemporaryDirectory() as folder, Producer(servers) as producer:
        path = os.path.join(folder, "bank.db")
        with closing(sqlite3.connect(path)) as db:
            db.executescript(TABLES)
            with running_worker(servers, path):
                for name, cents in deposits[:300]:
                    producer.send(TOPIC, str(cents), key=name)
                wait_until(lambda: booked(db) == 300)
                db.execute("BEGIN")
                booked(db)  # while we read nobody can commit: the worker waits with all it has done
                for name, cents in deposits[300:]:
                    producer.send(TOPIC, str(cents), key=name)
                wait_until(lambda: os.path.exists(f"{path}-journal"))  # SQLite's mark of that
            db.rollback()
            print(f"the worker was killed inside of a transaction; booked: {booked(db)}")
            with running_worker(servers, path):
                wait_until(lambda: booked(db) == len(deposits))
            (found,) = db.execute("SELECT sum(cents) FROM accounts").fetchone()
    total = sum(cents for _, cents in deposits)
    print(f"deposits: {len(deposits)}, {total} cents; on the accounts: {found} cents")
    assert found == total


if __name__ == "__main__":
    if "work" in sys.argv:
        work(*sys.argv[2:])
    elif at := os.environ.get("OTTLA_AT"):
        main(at)
    else:
        with ottla.Broker() as broker:
            main(broker.bootstrap_servers)
