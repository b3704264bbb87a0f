"""The broker inside of a test: the first record back, and 200 tests with a fresh broker each.

There is nothing of Apache Kafka to compare with: a JVM needs seconds. The times are of one Python
process that has imported its clients already, as a test run has.
"""

from __future__ import annotations

import json
import subprocess
import sys

from bench.figure import Figure
from bench.rig import OTTLA, ROOT, Rig

FIGURES = (
    Figure("first-record", "`with ottla.Broker()` to the first record", "ms", None, 150, 0),
    Figure("tests-assigned", "200 tests, a broker each, assigned", "s", None, 20, 1),
    Figure("tests-subscribed", "200 tests, a broker each, subscribed", "s", None, 45, 1),
)

PROGRAM = """
import json, sys, time
import confluent_kafka, ottla
from confluent_kafka import Consumer, Producer, TopicPartition

def once(subscribe):
    with ottla.Broker() as broker:
        producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "linger.ms": 0})
        producer.produce("t", b"v")
        assert producer.flush(20) == 0
        consumer = Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": "g",
                             "auto.offset.reset": "earliest"})
        if subscribe: consumer.subscribe(["t"])
        else: consumer.assign([TopicPartition("t", 0, 0)])
        found = consumer.poll(20)
        assert found is not None and found.value() == b"v", found
        seen = time.perf_counter()
        consumer.close()
    return seen

count = int(sys.argv[1])
since = time.perf_counter()
first = (once(False) - since) * 1000
took = {}
for subscribe in (False, True):
    since = time.perf_counter()
    for _ in range(count):
        once(subscribe)
    took[subscribe] = (time.perf_counter() - since) * 200 / count
print(json.dumps({"first-record": first, "tests-assigned": took[False],
                  "tests-subscribed": took[True]}))
"""


def measure(rig: Rig, kind: str, wanted: set[str]) -> dict[str, float]:
    """One round in a process of its own."""
    if kind != OTTLA:
        return {}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(rig.size(200))],
        env={"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    found: dict[str, float] = json.loads(done.stdout)
    return found
