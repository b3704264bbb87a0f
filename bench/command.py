"""`kafka-topics.sh --list`, the whole process, each project's own tool against its own server."""

from __future__ import annotations

import subprocess
import time

from bench.figure import Figure
from bench.rig import OTTLA, ROOT, Rig, java

FIGURES = (Figure("list", "`kafka-topics.sh --list`, whole process", "s", must_most=0.3, digits=3),)


def measure(rig: Rig, kind: str, wanted: set[str]) -> dict[str, float]:
    """One run of the command, after one that fills the caches."""
    server = rig.running(kind)
    if kind == OTTLA:
        command = [str(ROOT / "bin" / "kafka-topics.sh")]
    else:
        command = java("org.apache.kafka.tools.TopicCommand")
    command += ["--list", "--bootstrap-server", server.bootstrap]
    took = 0.0
    for _ in range(2):
        since = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        took = time.perf_counter() - since
    return {"list": took}
