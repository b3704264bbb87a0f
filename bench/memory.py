"""Resident memory after much was written and read (10 GiB in the full bench)."""

from __future__ import annotations

from bench.figure import Figure
from bench.rig import Rig, resident_mib

GIB = 1 << 30
FIGURES = (Figure("memory-load", "resident memory after 10 GiB", "MiB", must_most=120, digits=0),)


def measure(rig: Rig, kind: str, wanted: set[str]) -> dict[str, float]:
    """One fresh server under load, a GiB a topic."""
    with rig.fresh(kind) as server:
        server.start()
        for _ in range(10):
            topic = rig.name()
            rig.load(server, "produce", topic=topic, total=rig.size(GIB))
            rig.load(server, "consume", topic=topic, total=rig.size(GIB))
            rig.load(server, "delete", topic=topic)
        return {"memory-load": resident_mib(server.pid)}
