"""Small requests: one record each over 1 and 8 connections, and a decision (Metadata)."""

from __future__ import annotations

from bench.figure import Figure
from bench.rig import Rig

FIGURES = (
    Figure("small-1-cpu", "one record a request, 1 connection", "CPU-µs", 5.0),
    Figure("small-1-p50", "one record a request, 1 in flight: p50", "µs", digits=0),
    Figure("small-1-p99", "one record a request, 1 in flight: p99", "µs", digits=0),
    Figure("small-8-cpu", "one record a request, 8 connections", "CPU-µs", 4.0),
    Figure("metadata-p50", "Metadata: p50", "µs", 1.0, digits=0),
)


def measure(rig: Rig, kind: str, wanted: set[str]) -> dict[str, float]:
    """One round on one server."""
    server = rig.running(kind)
    found: dict[str, float] = {}
    topic = rig.name()
    small = {"topic": topic, "rec": 100, "batch": 0, "parts": 8}
    if wanted & {"small-1-cpu"}:
        one = rig.load(server, "produce", reqs=rig.size(60_000), **small)
        found["small-1-cpu"] = one["cpu_us_per_request"]
    if wanted & {"small-1-p50", "small-1-p99"}:
        one = rig.load(server, "produce", reqs=rig.size(30_000), inflight=1, **small)
        found["small-1-p50"] = one["latency_us"]["p50"]
        found["small-1-p99"] = one["latency_us"]["p99"]
    if "small-8-cpu" in wanted:
        eight = rig.load(server, "produce", reqs=rig.size(100_000), conns=8, **small)
        found["small-8-cpu"] = eight["cpu_us_per_request"]
    if "metadata-p50" in wanted:
        asked = rig.load(server, "rpc", topic=topic, api=3, reqs=rig.size(20_000), parts=8)
        found["metadata-p50"] = asked["latency_us"]["p50"]
    rig.load(server, "delete", topic=topic)
    return found
