"""CPU-seconds per GiB: producing in batches, with lz4, and consuming it again."""

from __future__ import annotations

from bench.figure import Figure
from bench.rig import Rig

GIB = 1 << 30
UNIT = "CPU-s/GiB"
FIGURES = (
    Figure("produce-64k", "produce 1 KiB records, 64 KiB batches", UNIT, 2.5, digits=3),
    Figure("produce-256k", "produce 1 KiB records, 256 KiB batches", UNIT, 2.0, digits=3),
    Figure("produce-lz4", "produce lz4, 64 KiB batches", UNIT, 2.0, digits=3),
    Figure("consume-1", "consume 1 partition", UNIT, 1.5, digits=3),
    Figure("consume-12", "consume 12 partitions, 2 connections", UNIT, 1.0, digits=3),
)


def measure(rig: Rig, kind: str, wanted: set[str]) -> dict[str, float]:
    """One round on one server."""
    server = rig.running(kind)
    total = rig.size(GIB)
    found: dict[str, float] = {}
    topic = rig.name()
    if wanted & {"produce-64k", "consume-1"}:
        made = rig.load(server, "produce", topic=topic, rec=1024, batch="64k", total=total)
        read = rig.load(server, "consume", topic=topic, total=total)
        found["produce-64k"] = made["cpu_s_per_gib"]
        found["consume-1"] = read["cpu_s_per_gib"]
        rig.load(server, "delete", topic=topic)
    for key, options, bytes_total in (
        ("produce-256k", {"batch": "256k"}, total),
        ("produce-lz4", {"batch": "64k", "codec": "lz4"}, 2 * total),
    ):
        if key in wanted:
            topic = rig.name()
            made = rig.load(server, "produce", topic=topic, rec=1024, total=bytes_total, **options)
            found[key] = made["cpu_s_per_gib"]
            rig.load(server, "delete", topic=topic)
    if "consume-12" in wanted:
        topic = rig.name()
        many = {"topic": topic, "parts": 12, "total": total}
        rig.load(server, "produce", conns=4, **many)
        found["consume-12"] = rig.load(server, "consume", conns=2, **many)["cpu_s_per_gib"]
        rig.load(server, "delete", topic=topic)
    return found
