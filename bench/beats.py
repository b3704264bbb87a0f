"""Whether who creates much holds up who only says that he lives: heartbeats while 9,000 partitions
are created in one request.
"""

from __future__ import annotations

from bench.figure import Figure
from bench.rig import Rig

FIGURES = (
    Figure("beats-p50", "heartbeats beside 9,000 new partitions, 60 s: p50", "ms"),
    Figure("beats-p99", "heartbeats beside 9,000 new partitions, 60 s: p99", "ms", must_most=20),
    Figure("beats-max", "heartbeats beside 9,000 new partitions, 60 s: longest", "ms"),
)

MEMBERS = 5
EVERY_MS = 100


def measure(rig: Rig, kind: str, wanted: set[str]) -> dict[str, float]:
    """One fresh server, five consumers of groups of their own, one topic."""
    with rig.fresh(kind) as server:
        server.start()
        found = rig.load(
            server,
            "beats",
            topic=rig.name(),
            conns=MEMBERS,
            every=EVERY_MS,
            secs=rig.size(60),
            parts=rig.size(9000),
        )
        latency = found["latency_us"]
        return {f"beats-{name}": latency[name] / 1000 for name in ("p50", "p99", "max")}
