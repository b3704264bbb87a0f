"""What it costs to compact a log: 512 MiB of 1 KiB records with 100,000 keys, drawn at random, in
segments of 64 MiB, and the same in lz4, in as many segments.

The log is written with `cleanup.policy=delete` by a server that runs; then it becomes a compacted
one, and the server's CPU counts until its cleaner has written down that it is through. A smaller
one is compacted first, so that the JVM has compiled what it needs.
"""

from __future__ import annotations

import time

from bench.figure import Figure
from bench.rig import Oracle, Ottla, Rig, cpu_seconds, forget_most_resident, most_resident_mib

UNIT = "CPU-s/GiB"
FIGURES = (
    Figure("compact", "compact 1 KiB records, 100,000 keys", UNIT, 2.0),
    Figure("compact-lz4", "compact 1 KiB records, 100,000 keys, lz4", UNIT, 2.0),
    Figure("compact-memory", "the most resident memory while it compacts", "MiB", 1.0, digits=0),
)
CONFIG = {
    "log.cleaner.enable": "true",
    "log.cleaner.backoff.ms": "200",
    "log.cleaner.dedupe.buffer.size": str(128 << 20),
}
TOTAL, WARM = 512 << 20, 192 << 20
SEGMENT = {"none": 64 << 20, "lz4": 16 << 20}
KEYS = 100_000


def measure(rig: Rig, kind: str, wanted: set[str]) -> dict[str, float]:
    """A fresh server for each codec."""
    found: dict[str, float] = {}
    for key, codec in (("compact", "none"), ("compact-lz4", "lz4")):
        if key not in wanted and not (key == "compact" and "compact-memory" in wanted):
            continue
        with rig.fresh(kind, CONFIG) as server:
            server.start()
            compacted(rig, server, rig.size(WARM), codec)
            seconds, memory, size = compacted(rig, server, rig.size(TOTAL), codec)
            found[key] = seconds / (size / (1 << 30))
            found["compact-memory"] = max(memory, found.get("compact-memory", 0))
    return found


def compacted(rig: Rig, server: Ottla | Oracle, total: int, codec: str) -> tuple[float, float, int]:
    """CPU-seconds, most MiB, and how many bytes of records lay there, of one log."""
    topic = rig.name()
    segment = max(rig.size(SEGMENT[codec]), 1 << 20)
    configs = f"cleanup.policy=delete,segment.bytes={segment}"
    rig.load(server, "produce", topic=topic, total=total, codec=codec, keys=KEYS, configs=configs)
    folder = server.folder / "data" / f"{topic}-0"
    bases = sorted(int(path.stem) for path in folder.glob("*.log"))
    pid = server.pid
    forget_most_resident(pid)
    before = cpu_seconds(pid)
    rig.load(server, "alter", topic=topic, configs="cleanup.policy=compact")
    checkpoint = server.folder / "data" / "cleaner-offset-checkpoint"
    deadline = time.monotonic() + 300
    while f"{topic} 0 {bases[-1]}\n" not in (checkpoint.read_text() if checkpoint.exists() else ""):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{server.kind} does not compact {topic}")
        time.sleep(0.05)
    seconds, memory = cpu_seconds(pid) - before, most_resident_mib(pid)
    rig.load(server, "delete", topic=topic)
    return seconds, memory, bases[-1] << 10
