"""From the start command until ApiVersions answers, on a formatted folder; and memory then."""

from __future__ import annotations

import time

from bench.figure import Figure
from bench.rig import Rig, resident_mib

FIGURES = (
    Figure("start", "start until ApiVersions answers", "s", must_most=0.25, digits=3),
    Figure("memory-start", "resident memory after the start", "MiB", must_most=60, digits=0),
)


def measure(rig: Rig, kind: str, wanted: set[str]) -> dict[str, float]:
    """One start of a fresh server."""
    with rig.fresh(kind) as server:
        since = time.perf_counter()
        server.start()
        return {"start": time.perf_counter() - since, "memory-start": resident_mib(server.pid)}
