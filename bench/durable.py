"""Records that are on the disk before they are answered (`flush.messages=1`), from 1, 8 and 32
connections that wait for each answer.

With one connection each request has a sync of its own. With 32 they share them: the last figure is
what a request takes then, as a part of what it took alone.
"""

from __future__ import annotations

from bench.figure import Figure
from bench.rig import Rig

CONNECTIONS = {1: 1_000, 8: 4_000, 32: 12_000}
FIGURES = (
    *(
        figure
        for count in CONNECTIONS
        for figure in (
            Figure(f"durable-{count}-cpu", f"one safe record a request, {count} conn.", "CPU-µs"),
            Figure(
                f"durable-{count}-p50",
                f"one safe record a request, {count} conn.: p50",
                "µs",
                digits=0,
            ),
            Figure(
                f"durable-{count}-time",
                f"one safe record a request, {count} conn.: time each",
                "µs",
                digits=0,
            ),
        )
    ),
    Figure("durable-share", "the last over that of 1 conn.", "times", must_most=0.2, digits=3),
)


def measure(rig: Rig, kind: str, wanted: set[str]) -> dict[str, float]:
    """One round on one server."""
    server = rig.running(kind)
    found: dict[str, float] = {}
    for count, requests in CONNECTIONS.items():
        topic = rig.name()
        one = rig.load(
            server,
            "produce",
            topic=topic,
            rec=100,
            batch=0,
            conns=count,
            inflight=1,
            reqs=rig.size(requests),
            configs="flush.messages=1",
        )
        rig.load(server, "delete", topic=topic)
        found[f"durable-{count}-cpu"] = one["cpu_us_per_request"]
        found[f"durable-{count}-p50"] = one["latency_us"]["p50"]
        found[f"durable-{count}-time"] = 1e6 / one["requests_s"]
    found["durable-share"] = found["durable-32-time"] / found["durable-1-time"]
    return found
