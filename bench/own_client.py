"""What a record costs our own client, confluent-kafka and the Java client: the figures of
docs/performance.md, "The client".

    python -m bench.own_client [RECORDS [ROUNDS]]

Each job runs in a process of its own beside one node, the clients by turns in every round; what is
told is CPU microseconds a record of the client's process, the median of the rounds. The Java client
is measured by Apache's own perf tools, in two sizes, so that its start does not count.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from bench.rig import ROOT, classpath

VALUE = b"x" * 100
NODE = """
import sys, ottla
with ottla.Broker(config={"num.partitions": 1}) as broker:
    print(broker.bootstrap_servers, flush=True)
    sys.stdin.read()
"""
JAVA_TOPIC = "java"


def ottla_produce(at: str, count: int, *, told: bool = False) -> Callable[[], None]:
    """Records one by one, with or without a callback each."""
    from ottla.client import Producer

    producer = Producer(at, buffer_memory=1 << 30)
    producer.send("ottla", VALUE).result(20)
    heard: list[int] = []

    def hear(_: object) -> None:
        heard.append(1)

    def work() -> None:
        if told:
            for _ in range(count):
                producer.send("ottla", VALUE, on_delivery=hear)
        else:
            for _ in range(count):
                producer.send("ottla", VALUE)
        producer.flush()
        assert len(heard) == (count if told else 0)

    return work


def confluent_produce(at: str, count: int, *, told: bool = False) -> Callable[[], None]:
    """The same with confluent-kafka."""
    from confluent_kafka import Producer

    room = {"queue.buffering.max.messages": 2 * count, "queue.buffering.max.kbytes": 1 << 20}
    same = {"acks": "all", "enable.idempotence": True, "linger.ms": 5, "log_level": 0}
    producer = Producer({"bootstrap.servers": at, **room, **same})
    producer.list_topics("confluent", timeout=20)
    heard: list[int] = []

    def hear(*_: object) -> None:
        heard.append(1)

    def work() -> None:
        for _ in range(count):
            if told:
                producer.produce("confluent", VALUE, on_delivery=hear)
                producer.poll(0)
            else:
                producer.produce("confluent", VALUE)
        producer.flush()
        assert len(heard) == (count if told else 0)

    return work


def ottla_consume(at: str, count: int, *, how: str) -> Callable[[], None]:
    """Records one by one, by lists, or by whole batches."""
    from ottla.client import Consumer

    consumer = Consumer(at, auto_offset_reset="earliest")
    consumer.assign([("ottla", 0, 0)])
    first = consumer.poll(20, max_records=1)  # what it loads, and its connections

    def work() -> None:
        found = len(first)
        if how == "one by one":
            for record in consumer:
                found += record.value is not None
                if found >= count:
                    return
        while found < count:
            if how == "lists":
                found += len(consumer.poll(1))
            else:
                found += sum(map(len, consumer.batches(1)))

    return work


def confluent_consume(at: str, count: int, *, how: str) -> Callable[[], None]:
    """The same with confluent-kafka, which has no batches."""
    from confluent_kafka import Consumer, TopicPartition

    settings = {"group.id": "bench", "auto.offset.reset": "earliest", "log_level": 0}
    quick = {"fetch.queue.backoff.ms": 10}
    consumer = Consumer({"bootstrap.servers": at, **settings, **quick})
    consumer.assign([TopicPartition("confluent", 0, 0)])
    assert consumer.poll(20) is not None

    def work() -> None:
        found = 1
        while found < count:
            if how == "one by one":
                message = consumer.poll(1)
                found += message is not None and message.value() is not None
            else:
                found += len(consumer.consume(min(500, count - found), 1))

    return work


JOBS: dict[str, dict[str, tuple[Callable[..., Any], dict[str, Any]]]] = {
    "produce": {"ottla": (ottla_produce, {}), "confluent": (confluent_produce, {})},
    "produce, a callback each": {
        "ottla": (ottla_produce, {"told": True}),
        "confluent": (confluent_produce, {"told": True}),
    },
    "consume one by one": {
        "ottla": (ottla_consume, {"how": "one by one"}),
        "confluent": (confluent_consume, {"how": "one by one"}),
    },
    "consume lists": {
        "ottla": (ottla_consume, {"how": "lists"}),
        "confluent": (confluent_consume, {"how": "lists"}),
    },
    "consume whole batches": {"ottla": (ottla_consume, {"how": "batches"})},
}


def child(job: str, client: str, at: str, count: int) -> None:
    """One job in this process."""
    make, options = JOBS[job][client]
    work = make(at, count, **options)
    before, began = time.process_time(), time.perf_counter()
    work()
    spent, took = time.process_time() - before, time.perf_counter() - began
    print(json.dumps([spent / count * 1e6, took / count * 1e6]), flush=True)
    os._exit(0)  # what its client does to end is not measured, and need not be waited for


def in_a_child(job: str, client: str, at: str, count: int) -> float:
    """CPU microseconds a record of one job in a process of its own."""
    words = [sys.executable, "-m", "bench.own_client", "--child", job, client, at, str(count)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    cpu: float = json.loads(done.stdout.splitlines()[-1])[0]
    return cpu


def java_cpu(job: str, at: str, count: int) -> float:
    """CPU seconds of a perf tool of Apache's for so many records."""
    words = ["java", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", classpath()]
    if job == "produce":
        words += ["org.apache.kafka.tools.ProducerPerformance", "--topic", JAVA_TOPIC]
        words += ["--num-records", str(count), "--record-size", str(len(VALUE))]
        words += ["--throughput", "-1", "--bootstrap-server", at]
        words += ["--producer-props", "batch.size=1000000", "linger.ms=5"]
    else:
        words += ["org.apache.kafka.tools.ConsumerPerformance", "--topic", JAVA_TOPIC]
        words += ["--num-records", str(count), "--bootstrap-server", at]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def java_per_record(job: str, at: str, count: int) -> float:
    """CPU microseconds a record, the start left out."""
    few = count // 4
    return (java_cpu(job, at, count) - java_cpu(job, at, few)) / (count - few) * 1e6


def main(count: int, rounds: int) -> None:
    """All jobs, by turns, and a line each."""
    words = [sys.executable, "-c", NODE]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    node = subprocess.Popen(
        words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert node.stdin is not None
    assert node.stdout is not None
    found: dict[tuple[str, str], list[float]] = {}
    try:
        at = node.stdout.readline().strip()
        for _ in range(rounds):
            for job, clients in JOBS.items():
                for client in clients:
                    cpu = in_a_child(job, client, at, count)
                    found.setdefault((job, client), []).append(cpu)
            for job in ("produce", "consume"):
                cpu = java_per_record(job, at, 4 * count)
                found.setdefault((job, "java"), []).append(cpu)
    finally:
        node.stdin.close()
        node.wait(60)
    for (job, client), runs in sorted(found.items()):
        told = " ".join(f"{one:.2f}" for one in runs)
        print(f"{job:<26} {client:<10} median {statistics.median(runs):5.2f} µs   {told}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:5], int(sys.argv[5]))
    else:
        main(
            int(sys.argv[1]) if sys.argv[1:] else 1_000_000, int(sys.argv[2]) if sys.argv[2:] else 5
        )
