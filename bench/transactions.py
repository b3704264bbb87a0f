"""Transactions of one producer, one after the other, and what producing in one costs.

The producer speaks version 2 of transactions, as clients of Apache Kafka 4 do: a transaction is a
Produce and an EndTxn, and the next one begins at once.
"""

from __future__ import annotations

from statistics import median

from bench.figure import Figure
from bench.rig import Rig, folders_gone

FIGURES = (
    Figure("txn-1-cpu", "a transaction of 1 record", "CPU-µs", 2.0, digits=0),
    Figure("txn-1-time", "a transaction of 1 record, back to back", "µs", 2.0, digits=0),
    Figure("txn-100-cpu", "a transaction of 100 records", "CPU-µs", 2.0, digits=0),
    Figure("txn-100-time", "a transaction of 100 records, back to back", "µs", 2.0, digits=0),
    Figure("commit-p50", "commit (EndTxn): p50", "µs", 1.5, digits=0),
    Figure("commit-p99", "commit (EndTxn): p99", "µs", 1.5, digits=0),
    Figure("txn-stream", "produce in a transaction over outside of one", "times", None, 1.05),
)

STREAMS = (0, 1, 1, 0) * 3
"""Whether each stream is within transactions, by turns."""
WARM = 2
"""How many streams of either kind do not count."""


def measure(rig: Rig, kind: str, wanted: set[str]) -> dict[str, float]:
    """One round on one server."""
    server = rig.running(kind)
    found: dict[str, float] = {}
    topics = []
    for records, least in ((1, 4000), (100, 2000)):
        keys = {f"txn-{records}-cpu", f"txn-{records}-time"}
        if records == 1:
            keys |= {"commit-p50", "commit-p99"}
        if not wanted & keys:
            continue
        topics.append(rig.name())
        one = rig.load(server, "transact", topic=topics[-1], records=records, txns=rig.size(least))
        found[f"txn-{records}-cpu"] = one["cpu_us_per_request"]
        found[f"txn-{records}-time"] = 1e6 / one["requests_s"]
        if records == 1:
            found["commit-p50"] = one["latency_us"]["p50"]
            found["commit-p99"] = one["latency_us"]["p99"]
    if "txn-stream" in wanted:
        found["txn-stream"] = streamed(rig, kind)
    for topic in topics:
        rig.load(server, "delete", topic=topic)
    return found


def streamed(rig: Rig, kind: str) -> float:
    """CPU of a stream of batches inside of transactions, over the same outside of any: in memory,
    because what a disk makes the kernel do differs more from run to run than the two do.
    """
    total = rig.size(512 << 20)
    costs: dict[int, list[float]] = {0: [], 1: []}
    with rig.fresh(kind, in_memory=True) as server:
        server.start()
        for is_open in STREAMS:
            topic = rig.name()
            one = rig.load(server, "stream", topic=topic, open=is_open, total=total)
            costs[is_open].append(one["cpu_s_per_gib"])
            rig.load(server, "delete", topic=topic)
            folders_gone(server, topic)
    inside, outside = (median(costs[is_open][WARM:]) for is_open in (1, 0))
    return inside / outside
