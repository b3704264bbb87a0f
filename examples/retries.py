"""Retries with a delay, and dead letters that say why.

    python examples/retries.py

A worker charges orders. One that fails goes to `charges.retry` and comes again a little later,
while the others go on; after three attempts, or at once when no attempt could mend it, it goes to
`charges.dlq`, with headers that say why, how often, and where it came from. A record is committed
when what became of it is written.

How the delay works: each retry says in a header when it is due. All wait equally long, so the first
in a partition is due first: its partition is paused until then, and read again from that record.

Prints what was charged and what lies in the dead letters. With OTTLA_AT=host:port it runs on that
cluster, and else on a Broker of its own.
"""

from __future__ import annotations

import os
import time
from collections import Counter

import ottla
from ottla.client import Consumer, ConsumerRecord, Producer

TOPIC, RETRY, DEAD = "charges", "charges.retry", "charges.dlq"
DELAY_MS = 300
ATTEMPTS_MAX = 3

calls: Counter[bytes] = Counter()


class NoSuchCard(Exception):
    """No attempt mends that."""


def charge(order: bytes) -> None:
    """Stands for a bank that is not always there."""
    calls[order] += 1
    if b"stolen" in order:
        raise NoSuchCard("the card is not known")
    if b"closed" in order or (b"busy" in order and calls[order] < 3):
        raise ConnectionError("the bank does not answer")


def header(record: ConsumerRecord, name: str, default: int) -> int:
    """A header that is a number."""
    return int(dict(record.headers).get(name) or default)


def handle(producer: Producer, record: ConsumerRecord) -> bool:
    """Charge it, or write it where it belongs; whether that was the end of it."""
    attempt = header(record, "attempt", 1)
    try:
        charge(record.value or b"")
        print(f"charged: {(record.value or b'').decode()}, attempt {attempt}")
        return True
    except (NoSuchCard, ConnectionError) as error:
        why = f"{type(error).__name__}: {error}"
        is_dead = attempt == ATTEMPTS_MAX or isinstance(error, NoSuchCard)
    if is_dead:
        place = f"{record.topic}-{record.partition} at {record.offset}"
        headers = {"reason": why, "attempts": str(attempt), "from": place}
    else:
        due_ms = int(time.time() * 1000) + DELAY_MS
        headers = {"attempt": str(attempt + 1), "due-ms": str(due_ms)}
    topic = DEAD if is_dead else RETRY
    producer.send(topic, record.value, key=record.key, headers=headers).result(10)
    return is_dead


def work(servers: str, count: int) -> None:
    """Handle records until so many orders were charged or are dead."""
    settings = {
        "bootstrap.servers": servers,
        "group.id": "charging",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    }
    due: dict[tuple[str, int], int] = {}  # the partitions that wait, and until when (ms)

    def forget(places: list[tuple[str, int]]) -> None:
        for place in places:
            due.pop(place, None)

    with Producer(servers) as producer, Consumer(settings) as consumer:
        consumer.subscribe([TOPIC, RETRY], on_revoke=forget)
        while count > 0:
            now_ms = int(time.time() * 1000)
            for place in [place for place, due_ms in due.items() if due_ms <= now_ms]:
                consumer.resume([place])
                del due[place]
            wait_ms = min([1000, *(due_ms - now_ms for due_ms in due.values())])
            for record in consumer.poll(wait_ms / 1000):
                place = (record.topic, record.partition)
                if place in due:
                    continue  # it comes again: the position is before it
                if (due_ms := header(record, "due-ms", 0)) > now_ms:
                    due[place] = due_ms
                    consumer.pause([place])
                    consumer.seek(place, record.offset)
                    continue
                count -= handle(producer, record)
                consumer.commit({place: record.offset + 1})


def main(servers: str) -> None:
    """Six orders, of which some fail, and what became of them."""
    orders = ["1 fine", "2 busy", "3 stolen", "4 fine", "5 closed", "6 fine"]
    with Producer(servers) as producer, Consumer(servers, auto_offset_reset="earliest") as reader:
        for topic in (TOPIC, RETRY, DEAD):
            producer.partitions_for(topic)  # asking makes the topic
        for order in orders:
            producer.send(TOPIC, order, key=order)
        producer.flush()
        work(servers, len(orders))
        reader.assign([(DEAD, number) for number in reader.partitions_for(DEAD)])
        ends = reader.end_offsets(reader.assignment)
        while any(reader.position(place) < end for place, end in ends.items()):
            for record in reader.poll(1):
                why = {name: (value or b"").decode() for name, value in record.headers}
                print(f"dead: {(record.value or b'').decode()}, {why}")


if __name__ == "__main__":
    if at := os.environ.get("OTTLA_AT"):
        main(at)
    else:
        with ottla.Broker() as broker:
            main(broker.bootstrap_servers)
