"""Transactions of one producer, one after the other, and what producing in one costs.

The producer speaks version 2 of transactions, as clients of Apache Kafka 4 do: a transaction is a
Produce and an EndTxn, and the next one begins at once.
"""

from __future__ import annotations

from bench.figure import Figure
from bench.rig import Rig

FIGURES = (
    Figure("txn-1-cpu", "a transaction of 1 record", "CPU-µs", 2.0, digits=0),
    Figure("txn-1-time", "a transaction of 1 record, back to back", "µs", 2.0, digits=0),
    Figure("txn-100-cpu", "a transaction of 100 records", "CPU-µs", 2.0, digits=0),
    Figure("txn-100-time", "a transaction of 100 records, back to back", "µs", 2.0, digits=0),
    Figure("commit-p50", "commit (EndTxn): p50", "µs", 1.5, digits=0),
    Figure("commit-p99", "commit (EndTxn): p99", "µs", 1.5, digits=0),
    Figure("txn-stream", "produce in a transaction over outside of one", "times", None, 1.05),
)


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
        costs = []
        for is_open in (0, 1, 1, 0):
            topics.append(rig.name())
            one = rig.load(
                server, "stream", topic=topics[-1], open=is_open, total=rig.size(1 << 30)
            )
            costs.append(one["cpu_s_per_gib"])
        found["txn-stream"] = (costs[1] + costs[2]) / (costs[0] + costs[3])
    for topic in topics:
        rig.load(server, "delete", topic=topic)
    return found
