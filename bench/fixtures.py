"""What the patterns of docs/guides/tests.md cost: whole runs of pytest with the package's plugin;
and what twenty brokers side by side take of one process.

There is nothing of Apache Kafka to compare with. The times are those of `pytest` from its start to
its end, imports and the broker of the run among them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.figure import Figure
from bench.rig import OTTLA, ROOT, Rig

COUNTS = (50, 200)

TESTS = {
    "expect": """
def test_n(kafka, topic, n):
    kafka.produce(topic, "one bicycle", key="alice")
    kafka.expect(topic, [("alice", "one bicycle")])
""",
    "shared": """
from confluent_kafka import Consumer

def test_n(kafka, topic, n):
    kafka.produce(topic, "one bicycle", key="alice")
    consumer = Consumer(kafka.client_config("confluent-kafka", group=topic))
    consumer.subscribe([topic])
    assert consumer.poll(10).value() == b"one bicycle"
    consumer.close()
    kafka.wait_for(topic, lag=0)
""",
    "fresh": """
def test_n(kafka_per_test, n):
    kafka_per_test.produce("orders", "one bicycle")
    kafka_per_test.expect("orders", ["one bicycle"])
""",
}
TITLES = {
    "expect": "tests that produce and expect on one broker",
    "shared": "tests with a subscribed consumer each on one broker",
    "fresh": "tests with a fresh broker each",
}

PARAMETERS = """
def pytest_generate_tests(metafunc):
    metafunc.parametrize("n", range({count}))
"""

BROKERS = """
import json, ottla, time
from pathlib import Path

def of_process(field):
    row = next(l for l in Path("/proc/self/status").read_text().splitlines() if field in l)
    return int(row.split()[1])

ottla.Broker().start().close()
before = {field: of_process(field) for field in ("VmRSS", "Threads")}
brokers = [ottla.Broker().start() for _ in range(20)]
for broker in brokers:
    broker.produce("t", "v")
    broker.expect("t", ["v"])
time.sleep(2)
after = {field: of_process(field) for field in before}
for broker in brokers:
    broker.close()
print(json.dumps({"brokers-memory": (after["VmRSS"] - before["VmRSS"]) / 1024,
                  "brokers-threads": after["Threads"] - before["Threads"]}))
"""

FIGURES = (
    *(
        Figure(f"{key}-{count}", f"{count} {title}", "s", None, None, 1)
        for key, title in TITLES.items()
        for count in COUNTS
    ),
    Figure("brokers-memory", "20 brokers in one process: resident memory", "MiB", None, None, 0),
    Figure("brokers-threads", "20 brokers in one process, 2 s idle: threads", "", None, None, 0),
)


def measure(rig: Rig, kind: str, wanted: set[str]) -> dict[str, float]:
    """One run of each."""
    if kind != OTTLA:
        return {}
    found = {
        f"{key}-{count}": _run(key, rig.size(count))
        for key in TESTS
        for count in COUNTS
        if f"{key}-{count}" in wanted
    }
    if {"brokers-memory", "brokers-threads"} & wanted:
        found.update(json.loads(_python(["-c", BROKERS])))
    return found


def _run(key: str, count: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_bench.py").write_text(PARAMETERS.format(count=count) + TESTS[key])
        options = ["-q", "--rootdir", folder]
        since = time.perf_counter()
        _python(["-m", "pytest", *options, "-p", "no:cacheprovider", folder])
        return time.perf_counter() - since


def _python(arguments: list[str]) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        env={"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"},
        cwd=tempfile.gettempdir(),
        capture_output=True,
        text=True,
        timeout=600,
    )
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)
    return done.stdout
