"""9,000 partitions in one request: until every leader answers ListOffsets."""

from __future__ import annotations

from bench.figure import Figure
from bench.rig import Rig

FIGURES = (Figure("partitions", "9,000 partitions until every leader answers", "s", must_most=5),)


def measure(rig: Rig, kind: str, wanted: set[str]) -> dict[str, float]:
    """One fresh server, one topic."""
    with rig.fresh(kind) as server:
        server.start()
        made = rig.load(server, "create", topic=rig.name(), parts=rig.size(9000))
        return {"partitions": made["led_s"]}
