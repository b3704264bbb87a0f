"""End to end at 10,000 records a second: from the producer's send to the consumer's hands."""

from __future__ import annotations

from bench.figure import Figure
from bench.rig import Rig

FIGURES = (
    Figure("e2e-p50", "end to end at 10,000 msg/s: p50", "µs", 1.7, digits=0),
    Figure("e2e-p99", "end to end at 10,000 msg/s: p99", "µs", 1.3, digits=0),
)


def measure(rig: Rig, kind: str, wanted: set[str]) -> dict[str, float]:
    """One round on one server."""
    server = rig.running(kind)
    topic = rig.name()
    secs = rig.size(8)
    found = rig.load(server, "e2e", topic=topic, rate=10_000, secs=secs, warm=min(2, secs))
    rig.load(server, "delete", topic=topic)
    latency = found["latency_us"]
    return {"e2e-p50": latency["p50"], "e2e-p99": latency["p99"]}
