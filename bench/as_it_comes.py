"""What records cost a consumer's process that come a few at a time: our own client and
confluent-kafka. The figures of docs/performance.md, "The client".

    python -m bench.as_it_comes [SECONDS [ROUNDS]]

A node and a producer run in a process of their own; five records come every five milliseconds, in
turn to 1, 100 or 1,000 partitions of one topic, all of which one consumer reads. What is told is
CPU microseconds a record of the consumer's process, the median of the rounds, by turns.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from bench.rig import ROOT

PARTITIONS = (1, 100, 1000)
CLIENTS = ("ottla", "confluent")
NODE = """
import sys, threading, ottla
from ottla.client import Producer
count = int(sys.argv[1])
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
with ottla.Broker() as broker, Producer(broker.bootstrap_servers, linger_ms=0) as producer:
    broker.create_topic("t", partitions=count)
    print(broker.bootstrap_servers, flush=True)
    number = 0
    while not ended.wait(0.005):
        for number in range(number + 1, number + 6):
            producer.send("t", b"x" * 100, partition=number % count)
"""


def ottla_reader(at: str, partitions: int) -> Callable[[], int]:
    """Reads what is there, or comes within a tenth of a second."""
    from ottla.client import Consumer

    consumer = Consumer(at, auto_offset_reset="latest")
    consumer.assign([("t", number) for number in range(partitions)])
    return lambda: len(consumer.poll(0.1))


def confluent_reader(at: str, partitions: int) -> Callable[[], int]:
    """The same with confluent-kafka."""
    from confluent_kafka import Consumer, TopicPartition

    settings = {"group.id": "bench", "auto.offset.reset": "latest", "log_level": 0}
    consumer = Consumer({"bootstrap.servers": at, **settings})
    consumer.assign([TopicPartition("t", number) for number in range(partitions)])
    return lambda: len(consumer.consume(500, 0.1))


def child(client: str, at: str, partitions: int, seconds: float) -> None:
    """One consumer in this process."""
    read = (ottla_reader if client == "ottla" else confluent_reader)(at, partitions)
    until = time.monotonic() + 2
    while time.monotonic() < until:
        read()  # what it loads, its connections and positions
    before, until, found = time.process_time(), time.monotonic() + seconds, 0
    while time.monotonic() < until:
        found += read()
    print(json.dumps((time.process_time() - before) / max(1, found) * 1e6), flush=True)
    os._exit(0)  # what its client does to end is not measured, and need not be waited for


def in_a_child(client: str, at: str, partitions: int, seconds: float) -> float:
    """CPU microseconds a record of one consumer in a process of its own."""
    words = [sys.executable, "-m", "bench.as_it_comes", "--child"]
    words += [client, at, str(partitions), str(seconds)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return float(json.loads(done.stdout.splitlines()[-1]))


def main(seconds: float, rounds: int) -> None:
    """Each number of partitions, and a line each."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    for partitions in PARTITIONS:
        words = [sys.executable, "-c", NODE, str(partitions)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(words, env=environment, text=True, **pipes) as node:
            assert node.stdout is not None
            assert node.stdin is not None
            at = node.stdout.readline().strip()
            found: dict[str, list[float]] = {client: [] for client in CLIENTS}
            for _ in range(rounds):
                for client in CLIENTS:
                    found[client].append(in_a_child(client, at, partitions, seconds))
            node.stdin.close()
        ottla, confluent = (statistics.median(found[client]) for client in CLIENTS)
        print(
            f"{partitions:5} partitions: ottla {ottla:5.0f}, confluent-kafka {confluent:5.0f} "
            f"CPU us a record ({ottla / confluent:.1f}x)",
            flush=True,
        )


if __name__ == "__main__":
    given = sys.argv[1:]
    if given[:1] == ["--child"]:
        child(given[1], given[2], int(given[3]), float(given[4]))
    else:
        main(float(([*given, "6"])[0]), int(([*given, "6", "3"])[1]))
