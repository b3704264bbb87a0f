"""9,000 partitions in one request, on a disk that rests and on a tired one; and a start among them.

A file system may take ten times longer to make a file where thousands were deleted lately, so the
same is asked for again right after a mass deletion.
"""

from __future__ import annotations

import time

from bench.figure import Figure
from bench.rig import Rig, folders_gone

FIGURES = (
    Figure("partitions", "9,000 partitions until every leader answers", "s", must_most=5),
    Figure("partitions-again", "9,000 partitions, 9,000 having been deleted", "s", must_most=5),
    Figure("restart-killed", "start after a kill, with 9,000 empty partitions", "s", must_most=1),
)


def measure(rig: Rig, kind: str, wanted: set[str]) -> dict[str, float]:
    """One fresh server, one topic, deleted and made again; then a kill."""
    with rig.fresh(kind) as server:
        server.start()
        topic, count = rig.name(), rig.size(9000)
        made = rig.load(server, "create", topic=topic, parts=count)
        rig.load(server, "delete", topic=topic)
        folders_gone(server, topic)
        again = rig.load(server, "create", topic=rig.name(), parts=count)
        server.kill()
        since = time.perf_counter()
        server.start()
        restart = time.perf_counter() - since
    return {
        "partitions": made["led_s"],
        "partitions-again": again["led_s"],
        "restart-killed": restart,
    }
