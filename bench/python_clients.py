"""How fast a Python program reads and writes with confluent-kafka, by what it sets: the figures of
docs/guides/fast-clients.md.

    python -m bench.python_clients            # one line a setting: all runs, in seconds

It measures the client, next to a node in a process of its own; so compare lines, not machines.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, Producer, TopicPartition

RECORDS = 500_000
TRICKLE = 40
TIMES = 5
RUNS = 5
NODE = """
import sys, ottla
with ottla.Broker(config={"num.partitions": 1}) as broker:
    print(broker.bootstrap_servers, flush=True)
    sys.stdin.read()
"""
Settings = dict[str, Any]


def consumer_of(bootstrap: str, topic: str, settings: Settings) -> Consumer:
    """One that reads the topic from its beginning, without its group."""
    common = {"bootstrap.servers": bootstrap, "group.id": "unused", "log_level": 0}
    consumer = Consumer({**common, **settings})
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    return consumer


def read(bootstrap: str, topic: str, settings: Settings, at_once: int) -> float:
    """Seconds from the first record to the last."""
    consumer = consumer_of(bootstrap, topic, settings)
    assert consumer.poll(20) is not None
    began, count = time.perf_counter(), 1
    while count < RECORDS:
        if at_once == 1:
            count += consumer.poll(5) is not None
        else:
            # It waits for so many, or for its time-out: never ask for more than will come.
            count += len(consumer.consume(min(at_once, RECORDS - count), 5))
    took = time.perf_counter() - began
    consumer.close()
    return took


def write(bootstrap: str, topic: str, settings: Settings) -> float:
    """Seconds until every record is acknowledged."""
    most = {"queue.buffering.max.messages": 2 * RECORDS, "queue.buffering.max.kbytes": 1 << 20}
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0, **most, **settings})
    producer.list_topics(topic, timeout=20)
    value, began = b"x" * 100, time.perf_counter()
    for _ in range(RECORDS):
        producer.produce(topic, value)
    assert producer.flush(60) == 0
    return time.perf_counter() - began


def one_by_one(bootstrap: str, topic: str, settings: Settings) -> float:
    """Seconds for one record, where each is waited for, without a flush, before the next."""
    reports: list[Any] = []
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0, **settings})
    producer.list_topics(topic, timeout=20)
    began = time.perf_counter()
    for _ in range(TRICKLE):
        producer.produce(topic, b"x", on_delivery=lambda *told: reports.append(told))
        while not reports:
            producer.poll(20)
        reports.clear()
    return (time.perf_counter() - began) / TRICKLE


def sought(bootstrap: str, settings: Settings) -> float:
    """Seconds to the first record after a seek, by a reader that waits at the end."""
    took = 0.0
    for _ in range(TIMES):
        consumer = consumer_of(bootstrap, "t", settings)
        consumer.assign([TopicPartition("t", 0, OFFSET_END)])
        consumer.poll(0.7)
        began = time.perf_counter()
        consumer.seek(TopicPartition("t", 0, 0))
        assert consumer.poll(20) is not None
        took += time.perf_counter() - began
        consumer.close()
    return took / TIMES


def show(name: str, run: Callable[[], float], runs: int = RUNS) -> None:
    """One line of figures."""
    times = sorted(run() for _ in range(runs))
    told = " ".join(f"{one:.3f}" for one in times)
    print(f"{name:<58} median {statistics.median(times):7.3f}   {told}", flush=True)


def main() -> None:
    """Every line, against one node."""
    node = subprocess.Popen(
        [sys.executable, "-c", NODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert node.stdout is not None
    assert node.stdin is not None
    try:
        at = node.stdout.readline().strip()
        write(at, "t", {"linger.ms": 50, "batch.size": 1_000_000})
        for settings in ({}, {"fetch.queue.backoff.ms": 10}, {"queued.min.messages": 1_000_000}):
            for at_once in (1, 1000):
                name = f"read {settings} by {at_once}"
                show(name, lambda s=settings, n=at_once: read(at, "t", s, n))
        for settings in (
            {},
            {"linger.ms": 0},
            {"linger.ms": 50},
            {"linger.ms": 50, "batch.size": 16_384},
            {"linger.ms": 50, "compression.type": "lz4"},
        ):
            show(f"write {settings}", lambda s=settings: write(at, "w", s), 3)
        for settings in ({}, {"linger.ms": 0}, {"linger.ms": 50}):
            show(f"one by one {settings}", lambda s=settings: one_by_one(at, "o", s), 3)
        for settings in ({}, {"fetch.wait.max.ms": 50}, {"fetch.wait.max.ms": 10}):
            show(f"seek {settings}", lambda s=settings: sought(at, s), 3)
    finally:
        node.stdin.close()
        node.wait(20)


if __name__ == "__main__":
    main()
